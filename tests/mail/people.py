"""Users with addresses, and what is known of their e-mails."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

from tastemaker.accounts.queries import insert_user
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.enums import EmailType
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, in_transaction, transaction
from tastemaker.mail.compose import read_mailbox
from tastemaker.mail.mailer import Mailer
from tastemaker.mail.service import CancelledEmail, PutEmail, SendEmail, put_into_outbox
from tastemaker.mail.transports import MemoryTransport, Transport
from tastemaker.mail.unsubscribe import MailKey

ROBIN: Final = ExternalUserId("user_robin")
KIM: Final = ExternalUserId("user_kim")
KEY: Final = MailKey(b"a made-up key")
DEFAULTS: Final = Configuration.of_defaults()


def mailer(transport: Transport | None = None, *, app_url: str | None = "https://app.example.com") -> Mailer:
    return Mailer(
        transport=transport or MemoryTransport(),
        sender=read_mailbox("hello@example.com"),
        app_url=app_url,
        key=KEY,
    )


GIVE_ADDRESS = statement(
    "UPDATE users SET email = %(address)s, onboarding_step = %(step)s WHERE user_id = %(user_id)s"
)
STATUSES = statement(
    "SELECT email_schedule_status FROM user_system_data WHERE tenant_id = %(user_id)s",
    dict[str, dict[str, str]],
)
LIST_JOBS = """
    SELECT payload ->> 'email', scheduled_for - timezone('UTC', app_now()) FROM background_jobs
    WHERE status = %s AND dedupe_key LIKE 'email:%%' ORDER BY scheduled_for
"""
FIND_PAYLOAD = statement(
    """
    SELECT payload FROM background_jobs WHERE payload ->> 'email' = %(email)s
    ORDER BY created_at DESC, id LIMIT 1
    """,
    dict[str, Any],
)


async def add_user(
    database: Database,
    user_id: ExternalUserId = ROBIN,
    *,
    address: str | None = "robin@example.org",
    step: str = "pending",
) -> None:
    async with transaction(database, SYSTEM) as tx:
        await insert_user(tx, user_id, full_name="Robin Example", plan="free", is_admin=False)
        await tx.run(GIVE_ADDRESS, address=address, step=step, user_id=user_id)


async def change(database: Database, sql: str, user_id: ExternalUserId = ROBIN, **given: object) -> None:
    """`sql` names the user as `%(user_id)s`."""
    async with transaction(database, SYSTEM) as tx:
        await tx.run(statement(sql), user_id=user_id, **given)


async def happens(
    database: Database,
    verb: Callable[..., Awaitable[object]],
    *given: object,
    user_id: ExternalUserId = ROBIN,
    **named: object,
) -> Any:  # noqa: ANN401 - what the verb answers
    """As the user themselves, in one transaction."""

    async def work(tx: Transaction) -> object:
        return await verb(tx, user_id, *given, **named)

    return await in_transaction(database, Tenant(user_id), work)


async def statuses(database: Database, user_id: ExternalUserId = ROBIN) -> dict[str, str]:
    """By type, only the word."""
    entries = await entries_of(database, user_id)
    return {name: entry["status"] for name, entry in entries.items()}


async def entries_of(database: Database, user_id: ExternalUserId = ROBIN) -> dict[str, dict[str, str]]:
    async with transaction(database, SYSTEM) as tx:
        return await tx.only(STATUSES, user_id=user_id)


async def jobs(database: Database, status: str = "pending") -> dict[str, timedelta]:
    """By type: how long from now until its job is due, to the second."""
    async with transaction(database, SYSTEM) as tx:
        rows = await (await tx.connection.execute(LIST_JOBS, (status,))).fetchall()
        return {email: timedelta(seconds=round(due.total_seconds())) for email, due in rows}


async def payload(database: Database, email: EmailType) -> SendEmail:
    """Of the job of that e-mail, whatever has become of it."""
    async with transaction(database, SYSTEM) as tx:
        return SendEmail.model_validate(await tx.only(FIND_PAYLOAD, email=email))


async def fall_due(
    database: Database,
    email: EmailType | None = None,
    *,
    message: SendEmail | None = None,
    by: Mailer | None = None,
    config: Configuration = DEFAULTS,
    due: datetime | None = None,
) -> str | None:
    """What the job does, now. Why it put nothing into the outbox."""
    message = message or await payload(database, email or EmailType.WELCOME)
    if due is not None:
        message = message.model_copy(update={"due": due})

    async def work(tx: Transaction) -> PutEmail | CancelledEmail:
        return await put_into_outbox(tx, message, mailer=by or mailer(), config=config)

    match await in_transaction(database, SYSTEM, work):
        case CancelledEmail(reason):
            return reason
        case PutEmail():
            return None
