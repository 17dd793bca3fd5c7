"""Jobs of e-mail: hand over what is due, and settle what no job carries."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.jobs.registry import handles
from tastemaker.jobs.schedules import Nothing, Schedule, scheduled
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType
from tastemaker.mail.mailer import Mailer
from tastemaker.mail.queries import list_waiting
from tastemaker.mail.service import (
    SEND_EMAIL,
    SEND_TRIAL_EMAIL,
    CancelledEmail,
    PutEmail,
    SendEmail,
    give_up,
    put_into_outbox,
    settle_left,
)

BATCH: Final = 500
SETTLE_EMAILS: Final = JobType(name="settle_emails", payload=Nothing)

scheduled(
    Schedule(
        name="settle_emails",
        every=timedelta(hours=1),
        job=SETTLE_EMAILS,
        meaning="Corrects the status of scheduled e-mails that have no job and no message any more.",
    )
)


@handles(SETTLE_EMAILS)
async def settle(context: JobContext, _: Nothing) -> JobResult:
    """Over everybody for whom something is scheduled, batch by batch."""
    settled, after = 0, ""
    while not context.stopping.is_set():

        async def work(tx: Transaction, after: str = after) -> tuple[int, Sequence[str]]:
            waiting = await list_waiting(tx, after=after, batch=BATCH)
            return await settle_left(tx, waiting), waiting

        number, waiting = await in_transaction(context.database, SYSTEM, work)
        settled += number
        if len(waiting) < BATCH:
            break
        after = waiting[-1]
    return Done({"settled": settled})


@handles(SEND_EMAIL, needs=(Mailer,), given_up=give_up)
@handles(SEND_TRIAL_EMAIL, needs=(Mailer,), given_up=give_up)
async def send(context: JobContext, message: SendEmail) -> JobResult:
    """Harmless when it runs twice: the outbox has one message of a key."""
    mailer = context.resource(Mailer)

    async def work(tx: Transaction) -> PutEmail | CancelledEmail:
        return await put_into_outbox(tx, message, mailer=mailer, config=context.config)

    match await in_transaction(context.database, SYSTEM, work):
        case CancelledEmail(reason):
            return Done({"cancelled": reason})
        case PutEmail(key):
            return Done({"outbox": key})
