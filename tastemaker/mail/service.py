"""The life of an e-mail: scheduled as a job, handed to the outbox when due, then sent, cancelled or failed.

Every function runs in the transaction of its caller. `sending` hands messages to the mail server.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import EMAIL_ENABLED, EMAIL_LATEST
from tastemaker.core.errors import NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import EmailStatus, EmailType, OutboxStatus, UnsubscriptionSource
from tastemaker.db.transaction import Transaction
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import JobType
from tastemaker.mail import queries
from tastemaker.mail.kinds import KINDS, Facts, Kind
from tastemaker.mail.queries import OutboxState, list_left
from tastemaker.outbox.channels import Channel, Guarantee, OutgoingMessage, declare
from tastemaker.outbox.service import put, take_back

if TYPE_CHECKING:  # it brings templates and a mail client, which most commands do not need
    from tastemaker.mail.mailer import Mailer


KEY_LENGTH: Final = 40


class SendEmail(BaseModel):
    """`subject`: the id of what it is about. `key` names this e-mail for good; `due` is when it was meant."""

    user_id: str
    email: EmailType
    key: str
    due: datetime
    subject: str | None = None


class EmailBody(BaseModel):
    """What the outbox keeps of an e-mail: ids, from which it is written when it leaves."""

    user_id: str
    email: EmailType
    due: datetime
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class PutEmail:
    """The outbox has it, by this key."""

    key: str


@dataclass(frozen=True, slots=True)
class CancelledEmail:
    """The outbox does not get it."""

    reason: str


SEND_EMAIL: Final = JobType(name="send_email", payload=SendEmail)
SEND_TRIAL_EMAIL: Final = JobType(name="send_trial_email", payload=SendEmail)
"""The name by which the original product's jobs go."""

TRIAL_EMAILS: Final = (EmailType.TRIAL_DAY2, EmailType.TRIAL_DAY5, EmailType.TRIAL_EXPIRY)


def job_type_of(email: EmailType) -> JobType[SendEmail]:
    return SEND_TRIAL_EMAIL if email in TRIAL_EMAILS else SEND_EMAIL


def email_key(user_id: ExternalUserId, email: EmailType, subject: str | None, occasion: str | None) -> str:
    """The same for the same e-mail, for good. `occasion` tells apart what happens to a subject again."""
    told = "\0".join((user_id, email.value, subject or "", occasion or ""))
    return hashlib.sha256(told.encode()).hexdigest()[:KEY_LENGTH]


def job_key(key: str) -> str:
    """One job of an e-mail waits at a time."""
    return f"email:{key}"


STATUS_AFTER: Final = {
    OutboxStatus.SENT: EmailStatus.SENT,
    OutboxStatus.FAILED: EmailStatus.FAILED,
    OutboxStatus.UNKNOWN: EmailStatus.FAILED,
    OutboxStatus.CANCELLED: EmailStatus.CANCELLED,
}
"""The original's words know no doubt: the outbox says which failures are `unknown`."""


async def settled(tx: Transaction, message: OutgoingMessage, status: OutboxStatus) -> None:
    """The outbox's end of an e-mail is the user's status of it."""
    body = EmailBody.model_validate(message.body)
    user_id, key = ExternalUserId(body.user_id), message.dedupe_key
    await queries.set_status(tx, user_id, body.email, key, STATUS_AFTER[status])


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


async def schedule_email(
    tx: Transaction,
    user_id: ExternalUserId,
    email: EmailType,
    *,
    delay: timedelta = timedelta(0),
    subject: str | None = None,
    occasion: str | None = None,
) -> bool:
    """Due after `delay`, written with the change that is its reason.

    `subject` is the id of what it is about, `occasion` what tells two times of the same apart. False: this
    e-mail was scheduled before, with any result, or the user has no address.
    """
    key = email_key(user_id, email, subject, occasion)
    once = subject is None and occasion is None
    due = await queries.schedule(tx, user_id, email, key, once=once, delay=delay)
    if due is None:
        return False
    message = SendEmail(user_id=user_id, email=email, key=key, due=due, subject=subject)
    await publish(
        tx,
        job_type_of(email),
        message,
        tenant_id=user_id,
        run_at=due,
        dedupe_key=job_key(key),
    )
    return True


async def cancel_emails(
    tx: Transaction,
    user_id: ExternalUserId,
    emails: Iterable[EmailType],
    *,
    status: EmailStatus = EmailStatus.CANCELLED,
    reason: str,
) -> list[EmailType]:
    """Those of the types that were scheduled; their reason is gone. What is leaving already leaves."""
    types = list(emails)
    cancelled = [one for one in types if await queries.cancel(tx, user_id, one, status=status)]
    await queries.cancel_jobs(tx, user_id, types)
    await take_back(tx, EMAIL, await queries.list_unsent(tx, user_id, types), reason=reason)
    return cancelled


async def put_into_outbox(
    tx: Transaction, message: SendEmail, *, mailer: "Mailer", config: Configuration
) -> PutEmail | CancelledEmail:
    """Put what is due into the outbox, once; cancel it where its reason is gone."""
    user_id, email = ExternalUserId(message.user_id), message.email
    dueness = await queries.lock_scheduled(
        tx, user_id, email, message.key, due=message.due, latest=config[EMAIL_LATEST]
    )
    if dueness is queries.Dueness.NOT_SCHEDULED:
        return CancelledEmail("It is not scheduled any more.")
    facts = await queries.find_facts(tx, user_id, email, message.subject)
    refusal = (
        "It is too late for it."
        if dueness is queries.Dueness.TOO_LATE
        else "Mail is off."
        if mailer.transport is None or not config[EMAIL_ENABLED]
        else refusal_of(KINDS[email], facts, mailer)
    )
    if refusal is not None:
        await queries.set_status(tx, user_id, email, message.key, EmailStatus.CANCELLED)
        return CancelledEmail(refusal)
    body = EmailBody(user_id=user_id, email=email, due=message.due, subject=message.subject)
    await put(
        tx,
        channel=EMAIL,
        body=body.model_dump(mode="json"),
        dedupe_key=message.key,
        tenant_id=user_id,
    )
    return PutEmail(message.key)


async def give_up(tx: Transaction, message: SendEmail) -> None:
    """Its job has failed for good, and it never came to the outbox."""
    user_id = ExternalUserId(message.user_id)
    await queries.set_status(tx, user_id, message.email, message.key, EmailStatus.FAILED)


async def settle_left(tx: Transaction, user_ids: Sequence[ExternalUserId]) -> int:
    """Give those that nothing carries any more the status that is true; how many that were.

    A job that an operator cancelled leaves one behind, and an end that could not be told.
    """
    left = await list_left(tx, user_ids)
    for one in left:
        status = EmailStatus.CANCELLED if one.outbox is None else STATUS_AFTER[one.outbox]
        await queries.set_status(tx, one.user_id, one.email, one.key, status)
    return len(left)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailState:
    """`status` and `since` are what the column says, for every writer. `due`: while it waits for its time.

    `outbox` and `why`: while the outbox has it.
    """

    email: EmailType
    status: str | None
    since: str | None
    due: datetime | None
    outbox: str | None
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserEmails:
    """`unsubscribed`: how they said so; None: they did not."""

    user_id: ExternalUserId
    unsubscribed: UnsubscriptionSource | None
    emails: tuple[EmailState, ...]


async def get_user_emails(tx: Transaction, user_id: ExternalUserId) -> UserEmails:
    """The status of every e-mail, in the order in which a user gets them. Raises NotFound."""
    stored = await queries.find_statuses(tx, user_id)
    if stored is None:
        raise NotFound("There is no such user.")
    by_type = stored.by_type if isinstance(stored.by_type, Mapping) else {}
    due = await queries.list_due(tx, user_id)
    sendings = await queries.list_sendings(tx, user_id)
    return UserEmails(
        user_id=user_id,
        unsubscribed=stored.unsubscribed,
        emails=tuple(_state(email, by_type.get(email.value), due, sendings) for email in KINDS),
    )


def _state(
    email: EmailType,
    entry: Any,  # noqa: ANN401 - what the column holds
    due: Mapping[str, datetime],
    sendings: Mapping[str, OutboxState],
) -> EmailState:
    stored = entry if isinstance(entry, Mapping) else {}
    key = str(stored.get("messageId"))
    sending = sendings.get(key)
    return EmailState(
        email=email,
        status=_text(stored.get("status")),
        since=_text(stored.get("timestamp")),
        due=due.get(job_key(key)),
        outbox=sending.status if sending else None,
        why=sending.error if sending else None,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
