"""Deletes a user and all rows of the user: stops the work at once, then erases batch by batch.

Searches end within a page; keys, passwords and sessions are refused at once. Each batch is one short
transaction that looks for what is left, so any worker can continue. The row of the user is deleted last and
under a lock: rows that are added until then are found and erased too; then the foreign keys refuse them.
"""

from functools import partial
from typing import Final

from pydantic import BaseModel, ConfigDict

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.queries import find_current_user
from tastemaker.billing.tasks import end_subscriptions_of
from tastemaker.campaigns.queries import find_campaign
from tastemaker.core.clock import monotonic
from tastemaker.core.errors import Conflict, NotFound
from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import UserDeleted
from tastemaker.events.service import record
from tastemaker.jobs.registry import handles
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Again, Done, JobContext, JobResult, JobType
from tastemaker.journeys import account_deletion_queries as queries
from tastemaker.searches.maintenance import delete_campaign, erase_next_batch
from tastemaker.searches.service import end_search
from tastemaker.searches.types import EndReason


class EraseUser(BaseModel):
    """Erase what is left of a deleted user. Harmless when it comes twice."""

    model_config = ConfigDict(frozen=True)

    user_id: str


ERASE_USER = JobType(name="erase_user", payload=EraseUser, priority=200, max_retries=2000)
"""A promise to a person who has left is tried for two weeks and more before an operator has to help."""


async def delete_user(
    tx: Transaction, user_id: ExternalUserId, *, source: Source = Source.ADMIN_ACTION
) -> None:
    """Stop what runs, close every way in, and publish the erasing. The tx has the system's claim.

    A page that is being kept is waited for. Raises NotFound.
    """
    if not await _stop(tx, user_id):
        raise NotFound("There is no such user.")
    await record(
        tx,
        UserDeleted(campaigns=await queries.count_campaigns(tx, user_id)),
        aggregate_id=user_id,
        source=source,
        tenant_id=user_id,
    )
    await end_subscriptions_of(tx, user_id)
    await publish(
        tx,
        ERASE_USER,
        EraseUser(user_id=user_id),
        lock_key=f"erase_user:{user_id}",
        dedupe_key=f"erase_user:{user_id}",
    )


async def delete_own_account(tx: Transaction, user_id: ExternalUserId, *, source: Source) -> None:
    """As `delete_user`, by the person. Raises Conflict for the last administrator."""
    administrators = await queries.lock_administrators(tx)
    if administrators == [user_id]:
        raise Conflict("You are the last administrator. Appoint another one first.")
    await delete_user(tx, user_id, source=source)


async def erase_some_of(database: Database, user_id: ExternalUserId) -> bool:
    """One batch. False: the user is gone."""
    user, campaign = await in_transaction(database, SYSTEM, partial(_find_next, user_id=user_id))
    if user is None:
        return False
    if campaign is None:
        return not await in_transaction(database, SYSTEM, partial(_erase_rest, user_id=user_id))
    if not campaign.is_deleting:
        await in_transaction(database, SYSTEM, partial(_begin, user=user, campaign_id=campaign.id))
    await erase_next_batch(database, user_id, campaign.id)
    return True


async def _find_next(
    tx: Transaction, *, user_id: ExternalUserId
) -> tuple[CurrentUser | None, queries.NextCampaign | None]:
    user = await find_current_user(tx, user_id)
    return user, await queries.find_next_campaign(tx, user_id)


async def _begin(tx: Transaction, *, user: CurrentUser, campaign_id: CampaignId) -> None:
    campaign = await find_campaign(tx, user.user_id, campaign_id)
    if campaign is not None:
        await delete_campaign(tx, user, campaign)


async def _erase_rest(tx: Transaction, *, user_id: ExternalUserId) -> bool:
    """Whether the user is gone now."""
    if await queries.erase_batch(tx, user_id):
        return False
    if not await _stop(tx, user_id):
        return True
    return await queries.delete_user(tx, user_id)


async def _stop(tx: Transaction, user_id: ExternalUserId) -> bool:
    """Searches first: a page that is being kept holds its search, and then the user. False: no such user."""
    for search_id in await queries.list_open_searches(tx, user_id):
        await end_search(tx, user_id, search_id, EndReason.CANCELLED, source=Source.ADMIN_ACTION)
    if not await queries.lock_user(tx, user_id):
        return False
    await queries.close_ways_in(tx, user_id)
    return True


SLICE_SECONDS: Final = 4.0


@handles(ERASE_USER)
async def erase_user(context: JobContext, message: EraseUser) -> JobResult:
    """Batch after batch for a time slice; a kill between two loses nothing."""
    slice_ends = monotonic() + SLICE_SECONDS
    while await erase_some_of(context.database, ExternalUserId(message.user_id)):
        if context.stopping.is_set() or monotonic() >= slice_ends:
            return Again()
    return Done()
