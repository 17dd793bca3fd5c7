"""Values whose time is over, by the policy of the provider they came from, go; told again, they have more."""

from collections import Counter
from functools import partial
from typing import Final

from tastemaker.core.clock import monotonic
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database, in_transaction
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.types import Again, Answer, Done, JobContext
from tastemaker.searches.expiring_queries import expire_some

BATCH: Final = 500
SLICE_SECONDS: Final = 4.0


async def expire_values(context: JobContext, _: Nothing) -> Answer:
    """Batch after batch for a time slice; a kill between two loses nothing."""
    slice_ends = monotonic() + SLICE_SECONDS
    gone: Counter[str] = Counter()
    while (some := await expire_batch(context.database)) and max(some.values()) == BATCH:
        gone.update(some)
        if context.stopping.is_set() or monotonic() >= slice_ends:
            return Again()
    return Done(dict(gone + Counter(some)))


async def expire_batch(database: Database) -> dict[str, int]:
    """At most a batch of each kind; how many of each kind went."""
    return await in_transaction(database, SYSTEM, partial(expire_some, limit=BATCH))
