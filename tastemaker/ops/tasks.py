"""The jobs by which the installation watches itself and clears up after itself."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Final

from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import in_transaction
from tastemaker.events.lag import check_lag
from tastemaker.inbox import service as inbox
from tastemaker.jobs.registry import handles
from tastemaker.jobs.schedules import Nothing, Schedule, scheduled
from tastemaker.jobs.transports import ledger_queries
from tastemaker.jobs.types import Answer, Done, JobContext, JobType
from tastemaker.outbox import service as outbox
from tastemaker.web import idempotency

BATCH: Final = 10_000

Prune = Callable[..., Awaitable[int]]

PRUNE_MESSAGES: Final = JobType(name="prune_messages", payload=Nothing)
CHECK_EVENT_LAG: Final = JobType(name="check_event_lag", payload=Nothing, max_retries=0, records_end=False)

PRUNED: Final[Mapping[str, Prune]] = {
    "outbox": outbox.prune,
    "inbox": inbox.prune,
    "calls": ledger_queries.prune_tokens,
    "answers": idempotency.prune,
}


@handles(CHECK_EVENT_LAG)
async def check_event_lag(context: JobContext, _: Nothing) -> Answer:
    """Warn in the log when delivery is behind; the result is what was found."""
    return Done(asdict(await in_transaction(context.database, SYSTEM, check_lag)))


@handles(PRUNE_MESSAGES)
async def prune_messages(context: JobContext, _: Nothing) -> Answer:
    """The result says how many went: of the outbox, of the inbox, of used calls, of answers kept."""
    gone = dict.fromkeys(PRUNED, 0)
    for name, prune in PRUNED.items():
        while not context.stopping.is_set():
            batch = await in_transaction(context.database, SYSTEM, partial(prune, batch=BATCH))
            gone[name] += batch
            if batch < BATCH:
                break
    return Done(gone)


scheduled(
    Schedule(
        name="prune_messages",
        every=timedelta(hours=1),
        job=PRUNE_MESSAGES,
        meaning="Removes messages to and from outside that are over and older than they are kept.",
    )
)
scheduled(
    Schedule(
        name="check_event_lag",
        every=timedelta(minutes=1),
        job=CHECK_EVENT_LAG,
        meaning="Warns in the log when events are delivered late, or deliveries were given up.",
    )
)
