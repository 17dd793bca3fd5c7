"""Where a user's e-mails stand: the status of each type, with what the queue and the outbox know of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.errors import NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import EmailType, UnsubscriptionSource
from tastemaker.mail import queries
from tastemaker.mail.kinds import KINDS
from tastemaker.mail.messages import job_key


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailStanding:
    """`status` and `since` are what the column says, whoever wrote it. `due`: while it waits for its time.

    `outbox` and `why`: while the outbox has it.
    """

    email: EmailType
    status: str | None
    since: str | None
    due: datetime | None
    outbox: str | None
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStanding:
    """`unsubscribed`: how they said so; None: they did not."""

    user_id: ExternalUserId
    unsubscribed: UnsubscriptionSource | None
    emails: tuple[EmailStanding, ...]


async def get_standing(session: AsyncSession, user_id: ExternalUserId) -> UserStanding:
    """Of every type, in the order in which a user meets them. Raises NotFound."""
    stored = await queries.find_statuses(session, user_id)
    if stored is None:
        raise NotFound("There is no such user.")
    due = await queries.list_due(session, user_id)
    sendings = await queries.list_sendings(session, user_id)
    return UserStanding(
        user_id=user_id,
        unsubscribed=stored.unsubscribed,
        emails=tuple(_standing(email, stored.by_type.get(email.value), due, sendings) for email in KINDS),
    )


def _standing(
    email: EmailType,
    entry: Any,  # noqa: ANN401 - what the column holds
    due: Mapping[str, datetime],
    sendings: Mapping[str, tuple[str, str | None]],
) -> EmailStanding:
    told = entry if isinstance(entry, Mapping) else {}
    key = str(told.get("messageId"))
    outbox, why = sendings.get(key, (None, None))
    return EmailStanding(
        email=email,
        status=_text(told.get("status")),
        since=_text(told.get("timestamp")),
        due=due.get(job_key(key)),
        outbox=outbox,
        why=why,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
