"""The work that keeps searches in order: sweep, expire values, delete campaigns, merge creators.

Everything here is a job, or publishes one. Each batch is one short transaction; a kill between two loses
nothing.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing.plan_limits import give_campaign_back, lock_usage
from tastemaker.campaigns import queries as campaign_queries
from tastemaker.campaigns.queries import Campaign
from tastemaker.core.clock import monotonic
from tastemaker.core.errors import NotFound
from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.engine import Database, in_transaction
from tastemaker.db.enums import CampaignStatus
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import CampaignDeleted, CreatorMerged
from tastemaker.events.service import record, record_many
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Again, Done, JobContext, JobResult, JobType
from tastemaker.ratelimit.queries import abandon_lost
from tastemaker.searches import maintenance_queries, merging_queries
from tastemaker.searches.maintenance_queries import expire_some
from tastemaker.searches.service import MOST_RUNS_AT_ONCE, end_search, publish_runs, snapshot
from tastemaker.searches.types import EndReason


class EraseCampaign(BaseModel):
    """Erase what is left of a deleted campaign. Harmless when it comes twice."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    campaign_id: UUID


class MergeCreators(BaseModel):
    """Make one of a creator known by its handle and its account, for each of these rows of the catalog.

    Harmless when it comes twice.
    """

    model_config = ConfigDict(frozen=True)

    surrogates: tuple[int, ...]


ERASE_CAMPAIGN = JobType(
    name="erase_campaign", payload=EraseCampaign, priority=200, max_retries=10, records_end=False
)


MERGE_CREATORS = JobType(name="merge_creators", payload=MergeCreators, priority=150, max_retries=10)


EXPIRE_VALUES = JobType(name="expire_values", payload=Nothing, priority=200, max_retries=3)


SWEEP_SEARCHES = JobType(
    name="sweep_searches", payload=Nothing, priority=50, max_retries=3, records_end=False
)


MOST_AT_ONCE = 500


LOST_AFTER_SECONDS = 1800.0
"""No page takes so long; a call that is not settled by then is lost, and may have been charged."""


async def sweep(context: JobContext, _: Nothing) -> JobResult:
    """The result says how many searches were ended, how many went on, how many deletions and lost calls."""
    database = context.database
    overdue = await in_transaction(
        database, SYSTEM, partial(maintenance_queries.list_overdue, limit=MOST_AT_ONCE)
    )
    for user_id, search_id in overdue:
        work = partial(_end_overdue, user_id=user_id, search_id=search_id)
        await in_transaction(database, Tenant(user_id), work)
    looking = partial(maintenance_queries.list_unpublished, most=MOST_RUNS_AT_ONCE, limit=MOST_AT_ONCE)
    forgotten = await in_transaction(database, SYSTEM, looking)
    for user_id, search_id in forgotten:
        again = partial(publish_runs, user_id=user_id, search_id=search_id)
        await in_transaction(database, Tenant(user_id), again)
    incomplete = await in_transaction(
        database, SYSTEM, partial(maintenance_queries.list_incomplete_deletions, limit=MOST_AT_ONCE)
    )
    for user_id, campaign_id in incomplete:
        await in_transaction(
            database, Tenant(user_id), partial(_resume_deletion, user_id=user_id, what=campaign_id)
        )
    lost = await in_transaction(database, SYSTEM, partial(abandon_lost, older_than=LOST_AFTER_SECONDS))
    return Done(
        {
            "timed_out": len(overdue),
            "told_again": len(forgotten),
            "erasing": len(incomplete),
            "lost_calls": lost,
        }
    )


async def _end_overdue(session: Transaction, *, user_id: ExternalUserId, search_id: SearchId) -> None:
    if await maintenance_queries.lock_overdue(session, user_id, search_id):
        await end_search(session, user_id, search_id, EndReason.TIMEOUT)


async def _resume_deletion(session: Transaction, *, user_id: ExternalUserId, what: CampaignId) -> None:
    await publish_deletion(session, user_id, what)


BATCH: Final = 500


SLICE_SECONDS: Final = 4.0


async def expire_values(context: JobContext, _: Nothing) -> JobResult:
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


async def delete_campaign(session: Transaction, user: CurrentUser, campaign: Campaign) -> None:
    """Stop its running searches, hide it, and publish the erasing. Raises NotFound."""
    await _stop_searches(session, user.user_id, campaign.id)
    await lock_usage(session, user.user_id)
    status = await campaign_queries.begin_deletion(session, user.user_id, campaign.id)
    if status is None:
        raise NotFound("There is no such campaign.")
    if status is not CampaignStatus.ARCHIVED:
        await give_campaign_back(session, user.user_id)
    await record(
        session,
        CampaignDeleted(
            searches=await maintenance_queries.count_searches(session, user.user_id, campaign.id)
        ),
        aggregate_id=str(campaign.id),
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
    )
    await publish_deletion(session, user.user_id, campaign.id)


async def publish_deletion(session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> None:
    await publish(
        session,
        ERASE_CAMPAIGN,
        EraseCampaign(user_id=user_id, campaign_id=campaign_id),
        tenant_id=user_id,
        lock_key=f"erase:{campaign_id}",
        dedupe_key=f"erase:{campaign_id}",
    )


async def erase_next_batch(
    database: Database, user_id: ExternalUserId, campaign_id: CampaignId
) -> int | None:
    """One batch in a transaction of its own: how many rows went; None when the campaign is gone."""
    work = partial(_erase_next_batch, user_id=user_id, campaign_id=campaign_id)
    return await in_transaction(database, Tenant(user_id), work)


async def _erase_next_batch(
    session: Transaction, *, user_id: ExternalUserId, campaign_id: CampaignId
) -> int | None:
    if not await maintenance_queries.is_deleting(session, user_id, campaign_id):
        return None
    await _stop_searches(session, user_id, campaign_id)
    erased = await maintenance_queries.erase_batch(session, user_id, campaign_id)
    if erased:
        return erased
    await maintenance_queries.delete_campaign(session, user_id, campaign_id)
    return None


async def _stop_searches(session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> None:
    """All are locked before the first is ended: a page takes its search before its campaign, so do we."""
    for search_id in await maintenance_queries.lock_open_searches(session, user_id, campaign_id):
        await end_search(session, user_id, search_id, EndReason.CANCELLED, source=Source.USER_ACTION)
        await maintenance_queries.cancel_messages(session, user_id, search_id)


async def publish_merges(session: Transaction, user_id: ExternalUserId, surrogates: Sequence[int]) -> None:
    """A page has shown these handles with ids. In the page's own transaction."""
    if surrogates:
        await publish(session, MERGE_CREATORS, MergeCreators(surrogates=tuple(surrogates)), tenant_id=user_id)


async def merge_creators(context: JobContext, message: MergeCreators) -> JobResult:
    """One transaction for each; a kill between two loses nothing, and what is one already stays one."""
    merged = 0
    for surrogate_id in message.surrogates:
        if context.stopping.is_set():
            return Again()
        work = partial(merge, surrogate_id=surrogate_id)
        merged += await in_transaction(context.database, SYSTEM, work)
    return Done({"merged": merged})


async def merge(session: Transaction, surrogate_id: int) -> bool:
    """By the system's claim. False: it is merged already, or several accounts bore its handle."""
    pair = await merging_queries.lock_pair(session, surrogate_id)
    if pair is None:
        return False
    joined = await merging_queries.merge_rows(session, pair)
    await record_many(session, [snapshot(search, Source.SYSTEM_AUTOMATION) for search in joined.searches])
    await record(
        session,
        CreatorMerged(
            platform=pair.platform, searches=len(joined.searches), charges_given_back=joined.charges
        ),
        aggregate_id=str(pair.account_id),
        identifier=str(pair.surrogate_id),
        source=Source.SYSTEM_AUTOMATION,
    )
    return True
