"""The channel `email` of the outbox, without what sends: for the verbs that only put something in."""

from typing import TYPE_CHECKING, Final

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import EmailStatus, OutboxStatus
from tastemaker.mail import queries
from tastemaker.mail.facts import Facts
from tastemaker.mail.kinds import Kind
from tastemaker.mail.messages import EmailBody
from tastemaker.outbox.channels import Channel, Guarantee, OutgoingMessage, declare

if TYPE_CHECKING:  # it brings templates and a mail client, which most commands do not need
    from tastemaker.mail.mailer import Mailer

STATUS_AFTER: Final = {
    OutboxStatus.SENT: EmailStatus.SENT,
    OutboxStatus.FAILED: EmailStatus.FAILED,
    OutboxStatus.UNKNOWN: EmailStatus.FAILED,
    OutboxStatus.CANCELLED: EmailStatus.CANCELLED,
}
"""The original's words know no doubt: the outbox says which failures are `unknown`."""


async def settled(session: AsyncSession, message: OutgoingMessage, status: OutboxStatus) -> None:
    """The outbox's end of an e-mail is the user's status of it."""
    body = EmailBody.model_validate(message.body)
    user_id, key = ExternalUserId(body.user_id), message.dedupe_key
    await queries.set_status(session, user_id, body.email, key, STATUS_AFTER[status])


EMAIL: Final = declare(
    Channel(
        name="email",
        guarantee=Guarantee.AT_MOST_ONCE,
        meaning="E-mail to users.",
        deadline=60.0,
        max_attempts=50,
        settled=settled,
    )
)
"""Fifty attempts are about ten hours: longer than a greylisting, or than a mail server is usually down."""


def refusal_of(kind: Kind, facts: Facts | None, mailer: "Mailer") -> str | None:
    """Why it must not be sent; None where it may. Nobody is to get what they cannot get rid of."""
    if facts is not None and kind.is_marketing and mailer.unsubscribe_url(facts.user_id) is None:
        return "There is no address at which one could unsubscribe."
    return kind.refusal(facts)
