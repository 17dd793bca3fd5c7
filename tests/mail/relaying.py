"""A relay that mails, beside a block; and a whole worker as a process of its own, which can be killed.

`python -m tests.mail.relaying DATABASE_URL SMTP_PORT`
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tastemaker.db.enums import EmailType
from tastemaker.db.pool import Database, open_database
from tastemaker.mail.mailer import Mailer
from tastemaker.mail.sending import email_senders
from tastemaker.mail.service import schedule_email
from tastemaker.mail.transports import Encryption, SmtpServer, SmtpTransport, Transport
from tastemaker.outbox.relay import run_relay
from tastemaker.worker import run_worker_process
from tests.mail.people import fall_due, happens, mailer
from tests.outbox.relaying import QUICK


def by_smtp(port: int) -> Transport:
    return SmtpTransport(
        SmtpServer(host="localhost", port=port, encryption=Encryption.NONE, before_data=5.0, data=5.0)
    )


async def put_in_outbox(database: Database, email: EmailType = EmailType.WELCOME, **given: str) -> None:
    """Scheduled and due."""
    assert await happens(database, schedule_email, email, **given)
    assert await fall_due(database, email) is None


@asynccontextmanager
async def mailing(database: Database, by: Mailer) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    senders = email_senders(database, by)
    task = asyncio.create_task(run_relay(database, senders, stopping=stopping, settings=QUICK))
    try:
        yield
    finally:
        stopping.set()
        await task


async def _until_killed(url: str, port: int) -> None:
    async with open_database(url) as database:
        by = mailer(by_smtp(port))
        senders = email_senders(database, by)
        await run_worker_process(database, {Mailer: by}, senders, stopping=asyncio.Event())


if __name__ == "__main__":
    asyncio.run(_until_killed(sys.argv[1], int(sys.argv[2])))
