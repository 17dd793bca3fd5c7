"""The jobs by which the installation watches itself and clears up after itself."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from tastemaker.accounts import identity_queries, sessions
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import in_transaction
from tastemaker.db.work_loop import prune_in_batches
from tastemaker.events.delivery_queries import check_lag
from tastemaker.events.dispatcher import hand_out_all
from tastemaker.events.subscribers import known_subscribers
from tastemaker.inbox import service as inbox
from tastemaker.jobs.registry import handles
from tastemaker.jobs.schedules import Nothing, Schedule, scheduled
from tastemaker.jobs.transports import qstash_queries
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType
from tastemaker.outbox import service as outbox
from tastemaker.web import idempotency

BATCH: Final = 10_000

Prune = Callable[..., Awaitable[int]]

PRUNE_MESSAGES: Final = JobType(name="prune_messages", payload=Nothing)
CHECK_EVENT_LAG: Final = JobType(name="check_event_lag", payload=Nothing, max_retries=0, records_end=False)

PRUNED: Final[Mapping[str, Prune]] = {
    "outbox": outbox.prune,
    "inbox": inbox.prune,
    "calls": qstash_queries.prune_tokens,
    "answers": idempotency.prune,
    "sessions": sessions.prune,
    "links": identity_queries.prune_links,
    "attempts": identity_queries.prune_attempts,
}


@handles(CHECK_EVENT_LAG)
async def check_event_lag(context: JobContext, _: Nothing) -> JobResult:
    """Warn in the log when delivery is behind; the result is what was found.

    No dispatcher runs without subscribers: new events are closed here then, as delivered to nobody.
    """
    if not known_subscribers():
        await hand_out_all(context.database, {})
    return Done(asdict(await in_transaction(context.database, SYSTEM, check_lag)))


@handles(PRUNE_MESSAGES)
async def prune_messages(context: JobContext, _: Nothing) -> JobResult:
    """The result says how many rows of each kind were deleted."""
    return Done(
        {
            name: await prune_in_batches(context.database, prune, batch=BATCH, stopping=context.stopping)
            for name, prune in PRUNED.items()
        }
    )


scheduled(
    Schedule(
        name="prune_messages",
        every=timedelta(hours=1),
        job=PRUNE_MESSAGES,
        meaning="Deletes outbox and inbox messages past their retention.",
    )
)
scheduled(
    Schedule(
        name="check_event_lag",
        every=timedelta(minutes=1),
        job=CHECK_EVENT_LAG,
        meaning="Logs a warning if event deliveries are late or have failed.",
    )
)
