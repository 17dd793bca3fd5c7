"""The sweeper: nothing waits for a browser, nor for a message that got lost.

On the database's clock it ends searches whose time is over, also where nobody works on them; publishes again
what a search should be told and is not; lets half-way deletions go on; and writes off lost calls.
"""

from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.engine import in_transaction
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.types import Answer, Done, JobContext
from tastemaker.ratelimit.queries import abandon_lost
from tastemaker.searches import sweep_queries
from tastemaker.searches.erasing import publish_erasing
from tastemaker.searches.service import MOST_RUNS_AT_ONCE, end_search, publish_runs
from tastemaker.searches.states import EndReason

MOST_AT_ONCE = 500
LOST_AFTER_SECONDS = 1800.0
"""No page takes so long; a call that is not settled by then is lost, and may have been charged."""


async def sweep(context: JobContext, _: Nothing) -> Answer:
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


async def _end_overdue(session: AsyncSession, *, user_id: ExternalUserId, search_id: SearchId) -> None:
    if await sweep_queries.lock_overdue(session, user_id, search_id):
        await end_search(session, user_id, search_id, EndReason.TIMEOUT)


async def _go_on(session: AsyncSession, *, user_id: ExternalUserId, what: CampaignId) -> None:
    await publish_erasing(session, user_id, what)
