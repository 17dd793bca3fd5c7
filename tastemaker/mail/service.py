"""E-mail's verbs: schedule, cancel, hand over what is due, unsubscribe. Each in the caller's transaction."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.config_store.keys import EMAIL_ENABLED, EMAIL_LATEST
from tastemaker.config_store.live import Configuration
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import EmailStatus, EmailType, UnsubscriptionSource
from tastemaker.jobs.service import publish
from tastemaker.mail import queries
from tastemaker.mail.channel import EMAIL, STATUS_AFTER, refusal_of
from tastemaker.mail.kinds import KINDS
from tastemaker.mail.messages import EmailBody, SendEmail, email_key, job_key, job_type_of
from tastemaker.mail.settling_queries import list_left
from tastemaker.mail.tokens import MailKey
from tastemaker.outbox.service import put, take_back

if TYPE_CHECKING:  # it brings templates and a mail client, which most commands do not need
    from tastemaker.mail.mailer import Mailer


async def schedule_email(
    session: AsyncSession,
    user_id: ExternalUserId,
    email: EmailType,
    *,
    delay: timedelta = timedelta(0),
    subject: str | None = None,
    occasion: str | None = None,
) -> bool:
    """Due after `delay`, written with the change that is its reason.

    `subject` is the id of what it is about, `occasion` what tells two times of the same apart. False: this
    e-mail was scheduled before, whatever became of it, or the user has no address.
    """
    key = email_key(user_id, email, subject, occasion)
    once = subject is None and occasion is None
    due = await queries.schedule(session, user_id, email, key, once=once, delay=delay)
    if due is None:
        return False
    message = SendEmail(user_id=user_id, email=email, key=key, due=due, subject=subject)
    await publish(
        session,
        job_type_of(email),
        message,
        tenant_id=user_id,
        run_at=due,
        dedupe_key=job_key(key),
    )
    return True


async def cancel_emails(
    session: AsyncSession,
    user_id: ExternalUserId,
    emails: Iterable[EmailType],
    *,
    status: EmailStatus = EmailStatus.CANCELLED,
    reason: str,
) -> list[EmailType]:
    """Those of the types that were scheduled; their reason is gone. What is leaving already leaves."""
    types = list(emails)
    cancelled = [one for one in types if await queries.cancel(session, user_id, one, status=status)]
    await queries.cancel_jobs(session, user_id, types)
    await take_back(session, EMAIL, await queries.list_unsent(session, user_id, types), reason=reason)
    return cancelled


async def hand_over(
    session: AsyncSession, message: SendEmail, *, mailer: "Mailer", config: Configuration
) -> str | None:
    """Put what is due into the outbox, once. Why not, where its reason is gone: then it is cancelled."""
    user_id, email = ExternalUserId(message.user_id), message.email
    is_late = await queries.lock_scheduled(
        session, user_id, email, message.key, due=message.due, latest=config[EMAIL_LATEST]
    )
    if is_late is None:
        return "It is not scheduled any more."
    facts = await queries.find_facts(session, user_id, email, message.subject)
    refusal = (
        "It is too late for it."
        if is_late
        else "Mail is off."
        if mailer.transport is None or not config[EMAIL_ENABLED]
        else refusal_of(KINDS[email], facts, mailer)
    )
    if refusal is not None:
        await queries.set_status(session, user_id, email, message.key, EmailStatus.CANCELLED)
        return refusal
    body = EmailBody(user_id=user_id, email=email, due=message.due, subject=message.subject)
    await put(
        session,
        channel=EMAIL,
        body=body.model_dump(mode="json"),
        dedupe_key=message.key,
        tenant_id=user_id,
    )
    return None


async def give_up(session: AsyncSession, message: SendEmail) -> None:
    """Its job has failed for good, and it never came to the outbox."""
    user_id = ExternalUserId(message.user_id)
    await queries.set_status(session, user_id, message.email, message.key, EmailStatus.FAILED)


async def settle_left(session: AsyncSession, user_ids: Sequence[ExternalUserId]) -> int:
    """Give those that nothing carries any more the status that is true; how many that were.

    A job that an operator cancelled leaves one behind, and an end that could not be told.
    """
    left = await list_left(session, user_ids)
    for one in left:
        status = EmailStatus.CANCELLED if one.outbox is None else STATUS_AFTER[one.outbox]
        await queries.set_status(session, one.user_id, one.email, one.key, status)
    return len(left)


async def unsubscribe(
    session: AsyncSession, user_id: ExternalUserId, *, source: UnsubscriptionSource
) -> bool:
    """No marketing from now on; what of it was scheduled is cancelled. False: it was so before."""
    is_new = await queries.unsubscribe(session, user_id, source)
    marketing = [kind.type for kind in KINDS.values() if kind.is_marketing]
    await cancel_emails(session, user_id, marketing, reason="The user has unsubscribed.")
    return is_new


async def unsubscribe_by_link(session: AsyncSession, key: MailKey, token: str) -> ExternalUserId:
    """What the link in an e-mail does; harmless any number of times. The session carries the system's claim.

    Whoever holds the link is not known otherwise, so nothing about the user may be shown. Raises UnknownLink.
    """
    user_id = key.user_of(token)
    await unsubscribe(session, user_id, source=UnsubscriptionSource.LINK)
    return user_id


async def resubscribe(session: AsyncSession, user_id: ExternalUserId) -> bool:
    """Marketing again. False: it was never refused."""
    return await queries.resubscribe(session, user_id)
