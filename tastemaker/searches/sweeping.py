"""The sweeper: nothing waits for a browser, nor for a message that got lost.

On the database's clock it ends searches whose time is over, also where nobody works on them; publishes again
what a search should be told and is not; lets half-way deletions go on; and writes off lost calls.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.engine import DATABASE_TROUBLE, Database, in_transaction
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Answer, Done, JobContext
from tastemaker.ratelimit.queries import abandon_lost
from tastemaker.searches import sweep_queries
from tastemaker.searches.erasing import publish_erasing
from tastemaker.searches.messages import SWEEP_SEARCHES, SweepSearches
from tastemaker.searches.service import MOST_RUNS_AT_ONCE, end_search, publish_runs
from tastemaker.searches.states import EndReason

SWEEP_SECONDS = 15.0
MOST_AT_ONCE = 500
LOST_AFTER_SECONDS = 1800.0
"""No page takes so long; a call that is not settled by then is lost, and may have been charged."""

log = get_logger(__name__)


async def sweep(context: JobContext, _message: SweepSearches) -> Answer:
    """The result says how many searches were ended, how many went on, how many deletions and lost calls."""
    database = context.database
    overdue = await in_transaction(database, SYSTEM, partial(sweep_queries.list_overdue, limit=MOST_AT_ONCE))
    for user_id, search_id in overdue:
        work = partial(_end_overdue, user_id=user_id, search_id=search_id)
        await in_transaction(database, Tenant(user_id), work)
    looking = partial(sweep_queries.list_forgotten, most=MOST_RUNS_AT_ONCE, limit=MOST_AT_ONCE)
    forgotten = await in_transaction(database, SYSTEM, looking)
    for user_id, search_id in forgotten:
        again = partial(publish_runs, user_id=user_id, search_id=search_id)
        await in_transaction(database, Tenant(user_id), again)
    half_erased = await in_transaction(
        database, SYSTEM, partial(sweep_queries.list_half_erased, limit=MOST_AT_ONCE)
    )
    for user_id, campaign_id in half_erased:
        await in_transaction(database, Tenant(user_id), partial(_go_on, user_id=user_id, what=campaign_id))
    lost = await in_transaction(database, SYSTEM, partial(abandon_lost, older_than=LOST_AFTER_SECONDS))
    return Done(
        {
            "timed_out": len(overdue),
            "told_again": len(forgotten),
            "erasing": len(half_erased),
            "lost_calls": lost,
        }
    )


@asynccontextmanager
async def sweeping(database: Database, *, every: float = SWEEP_SECONDS) -> AsyncIterator[None]:
    """Beside the block a sweep is published every so many seconds: one waits, however many do this."""
    task = asyncio.create_task(_publish_forever(database, every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _publish_forever(database: Database, every: float) -> None:
    while True:
        try:
            await in_transaction(database, SYSTEM, _publish_sweep)
        except DATABASE_TROUBLE as error:
            log.warning("no sweep could be published: %s", type(error).__name__)
        await asyncio.sleep(every)


async def _publish_sweep(session: AsyncSession) -> None:
    await publish(
        session,
        SWEEP_SEARCHES,
        SweepSearches(),
        lock_key="schedule:search_sweeper",
        dedupe_key="schedule:search_sweeper",
    )


async def _end_overdue(session: AsyncSession, *, user_id: ExternalUserId, search_id: SearchId) -> None:
    if await sweep_queries.lock_overdue(session, user_id, search_id):
        await end_search(session, user_id, search_id, EndReason.TIMEOUT)


async def _go_on(session: AsyncSession, *, user_id: ExternalUserId, what: CampaignId) -> None:
    await publish_erasing(session, user_id, what)
