"""The work that keeps searches in order: sweep, expire values, delete campaigns, merge creators.

Everything here is a job, or publishes one. Each batch is one short transaction; a kill between two loses
nothing.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
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
from tastemaker.db.claims import SYSTEM, Tenant, UnknownUser
from tastemaker.db.enums import CampaignStatus
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction, read_many
from tastemaker.events.creator_payloads import CreatorMerged
from tastemaker.events.names import Source
from tastemaker.events.payloads import CampaignDeleted
from tastemaker.events.service import record, record_many
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Again, Done, JobContext, JobResult, JobType
from tastemaker.ratelimit.queries import abandon_lost
from tastemaker.searches import maintenance_queries as queries
from tastemaker.searches import merging_queries
from tastemaker.searches.queries import lock_search
from tastemaker.searches.service import (
    MOST_RUNS_AT_ONCE,
    end_search,
    finish_if_done,
    publish_runs,
    snapshot,
)
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

MOST_AT_ONCE: Final = 500
LOST_AFTER_SECONDS: Final = 1800.0
"""No page takes so long: a call that is not settled by then is lost, and may have been charged."""

EXPIRY_BATCH: Final = 500
SLICE_SECONDS: Final = 4.0


async def sweep(context: JobContext, _: Nothing) -> JobResult:
    """Repair what no worker is working on: no search depends on an open browser or on one message.

    On the database's clock: ends searches past their time limit or without a run, publishes lost messages
    again, continues incomplete deletions, and writes off lost calls. The result counts each of them.
    """
    database = context.database
    overdue = await read_many(database, SYSTEM, queries.LIST_OVERDUE, limit=MOST_AT_ONCE)
    for one in overdue:
        end = partial(_end_overdue, user_id=one.user_id, search_id=one.search_id)
        await _repair(database, one.user_id, end)
    idle = await read_many(database, SYSTEM, queries.LIST_WITHOUT_RUNS, limit=MOST_AT_ONCE)
    for one in idle:
        end = partial(_end_without_runs, user_id=one.user_id, search_id=one.search_id)
        await _repair(database, one.user_id, end)
    unpublished = await read_many(
        database, SYSTEM, queries.LIST_UNPUBLISHED, most=MOST_RUNS_AT_ONCE, limit=MOST_AT_ONCE
    )
    for one in unpublished:
        publish_again = partial(publish_runs, user_id=one.user_id, search_id=one.search_id)
        await _repair(database, one.user_id, publish_again)
    incomplete = await read_many(database, SYSTEM, queries.LIST_INCOMPLETE_DELETIONS, limit=MOST_AT_ONCE)
    for campaign in incomplete:
        resume = partial(publish_deletion, user_id=campaign.user_id, campaign_id=campaign.campaign_id)
        await _repair(database, campaign.user_id, resume)
    lost = await in_transaction(database, SYSTEM, partial(abandon_lost, older_than=LOST_AFTER_SECONDS))
    return Done(
        {
            "timed_out": len(overdue),
            "without_runs": len(idle),
            "told_again": len(unpublished),
            "erasing": len(incomplete),
            "lost_calls": lost,
        }
    )


async def _repair(
    database: Database, user_id: ExternalUserId, work: Callable[[Transaction], Awaitable[object]]
) -> None:
    """A user deleted meanwhile needs none; an adopted database may have rows of users that it lacks."""
    with suppress(UnknownUser):
        await in_transaction(database, Tenant(user_id), work)


async def _end_overdue(tx: Transaction, *, user_id: ExternalUserId, search_id: SearchId) -> None:
    if await tx.one(queries.LOCK_OVERDUE, user_id=user_id, search_id=search_id):
        await end_search(tx, user_id, search_id, EndReason.TIMEOUT)


async def _end_without_runs(tx: Transaction, *, user_id: ExternalUserId, search_id: SearchId) -> None:
    await lock_search(tx, user_id, search_id)
    await finish_if_done(tx, user_id, search_id, source=Source.SYSTEM_AUTOMATION)


async def expire_values(context: JobContext, _: Nothing) -> JobResult:
    """Delete values past their provider's retention, in batches. A later fetch extends the retention."""
    slice_ends = monotonic() + SLICE_SECONDS
    expired: Counter[str] = Counter()
    while (batch := await expire_batch(context.database)) and max(batch.values()) == EXPIRY_BATCH:
        expired.update(batch)
        if context.stopping.is_set() or monotonic() >= slice_ends:
            return Again()
    return Done(dict(expired + Counter(batch)))


async def expire_batch(database: Database) -> dict[str, int]:
    """At most a batch of each kind, in one transaction; how many there were of each."""
    return await in_transaction(database, SYSTEM, _expire_batch)


async def _expire_batch(tx: Transaction) -> dict[str, int]:
    return {
        kind: await tx.only(statement, limit=EXPIRY_BATCH) for kind, statement in queries.RETENTION.items()
    }


async def erase_campaign(context: JobContext, message: EraseCampaign) -> JobResult:
    """Delete what is left of a campaign, in batches for a time slice."""
    slice_ends = monotonic() + SLICE_SECONDS
    user_id, campaign_id = ExternalUserId(message.user_id), CampaignId(message.campaign_id)
    while await erase_next_batch(context.database, user_id, campaign_id) is not None:
        if context.stopping.is_set() or monotonic() >= slice_ends:
            return Again()
    return Done()


async def delete_campaign(tx: Transaction, user: CurrentUser, campaign: Campaign) -> None:
    """Stop its open searches, hide it and publish its deletion. Raises NotFound.

    From now on nobody sees it, and it does not count against the plan. The ledger of costs and the period's
    charges stay.
    """
    await _stop_searches(tx, user.user_id, campaign.id)
    await lock_usage(tx, user.user_id)
    status = await campaign_queries.begin_deletion(tx, user.user_id, campaign.id)
    if status is None:
        raise NotFound("There is no such campaign.")
    if status is not CampaignStatus.ARCHIVED:
        await give_campaign_back(tx, user.user_id)
    searches = await tx.only(queries.COUNT_SEARCHES, user_id=user.user_id, campaign_id=campaign.id)
    await record(
        tx,
        CampaignDeleted(searches=searches),
        aggregate_id=str(campaign.id),
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
    )
    await publish_deletion(tx, user.user_id, campaign.id)


async def publish_deletion(tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> None:
    await publish(
        tx,
        ERASE_CAMPAIGN,
        EraseCampaign(user_id=user_id, campaign_id=campaign_id),
        tenant_id=user_id,
        lock_key=f"erase:{campaign_id}",
        dedupe_key=f"erase:{campaign_id}",
    )


async def erase_next_batch(
    database: Database, user_id: ExternalUserId, campaign_id: CampaignId
) -> int | None:
    """One batch in its own transaction: how many rows it deleted. None: the campaign is gone."""
    work = partial(_erase_next_batch, user_id=user_id, campaign_id=campaign_id)
    return await in_transaction(database, Tenant(user_id), work)


async def _erase_next_batch(
    tx: Transaction, *, user_id: ExternalUserId, campaign_id: CampaignId
) -> int | None:
    """Rows of the first kind of which any are left; at last the campaign itself."""
    if await tx.one(queries.IS_DELETING, user_id=user_id, campaign_id=campaign_id) is None:
        return None
    await _stop_searches(tx, user_id, campaign_id)
    for statement, batch in queries.IN_ORDER:
        if deleted := await tx.run(statement, user_id=user_id, campaign_id=campaign_id, batch=batch):
            return deleted
    await tx.run(queries.DELETE_CAMPAIGN, user_id=user_id, campaign_id=campaign_id)
    return None


async def _stop_searches(tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> None:
    """Locks all before it ends the first, as a page locks its search before its campaign."""
    for search_id in await tx.many(queries.LOCK_OPEN_SEARCHES, user_id=user_id, campaign_id=campaign_id):
        await end_search(tx, user_id, search_id, EndReason.CANCELLED, source=Source.USER_ACTION)
        await tx.run(queries.CANCEL_MESSAGES, user_id=user_id, search_id=str(search_id))


async def publish_merges(tx: Transaction, user_id: ExternalUserId, surrogates: Sequence[int]) -> None:
    """A page has shown these handles with ids: merge the creators. Part of the page's transaction."""
    if surrogates:
        await publish(tx, MERGE_CREATORS, MergeCreators(surrogates=tuple(surrogates)), tenant_id=user_id)


async def merge_creators(context: JobContext, message: MergeCreators) -> JobResult:
    """One transaction for each; merging a creator twice changes nothing."""
    merged = 0
    for surrogate_id in message.surrogates:
        if context.stopping.is_set():
            return Again()
        merged += await in_transaction(context.database, SYSTEM, partial(merge, surrogate_id=surrogate_id))
    return Done({"merged": merged})


async def merge(tx: Transaction, surrogate_id: int) -> bool:
    """Merge a creator known by its handle alone into the account that a provider shows under that handle.

    Adoption keeps creators without an id as `handle:<handle>`. Results, claims, charges, posts and history
    become the account's, and nobody pays twice. By the system's claim. False: it is merged already, or
    several accounts bore the handle, so that its account is unknown.
    """
    pair = await merging_queries.lock_pair(tx, surrogate_id)
    if pair is None:
        return False
    merged = await merging_queries.merge_rows(tx, pair)
    await record_many(tx, [snapshot(search, Source.SYSTEM_AUTOMATION) for search in merged.searches])
    await record(
        tx,
        CreatorMerged(
            platform=pair.platform, searches=len(merged.searches), charges_given_back=merged.charges
        ),
        aggregate_id=str(pair.account_id),
        identifier=str(pair.surrogate_id),
        source=Source.SYSTEM_AUTOMATION,
    )
    return True
