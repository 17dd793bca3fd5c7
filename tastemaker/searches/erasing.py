"""Deleting a campaign with all its searches: marked at once, erased batch by batch.

From the mark on nobody sees the campaign and it counts no longer against the plan. Whoever finds it half-way
goes on: each batch is one short transaction that looks for what is left. The cost ledger and the charges of
the period stay: what was used was used.
"""

from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing.service import give_campaign_back, lock_usage
from tastemaker.campaigns import queries as campaign_queries
from tastemaker.campaigns.queries import Campaign
from tastemaker.core.errors import NotFound
from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import Database, in_transaction
from tastemaker.db.enums import CampaignStatus
from tastemaker.events.names import Source
from tastemaker.events.payloads import CampaignDeleted
from tastemaker.events.service import record
from tastemaker.jobs.service import publish
from tastemaker.searches import erasing_queries
from tastemaker.searches.messages import ERASE_CAMPAIGN, EraseCampaign
from tastemaker.searches.service import end_search
from tastemaker.searches.states import EndReason


async def delete_campaign(session: AsyncSession, user: CurrentUser, campaign: Campaign) -> None:
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
        CampaignDeleted(searches=await erasing_queries.count_searches(session, user.user_id, campaign.id)),
        aggregate_id=str(campaign.id),
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
    )
    await publish_erasing(session, user.user_id, campaign.id)


async def publish_erasing(session: AsyncSession, user_id: ExternalUserId, campaign_id: CampaignId) -> None:
    await publish(
        session,
        ERASE_CAMPAIGN,
        EraseCampaign(user_id=user_id, campaign_id=campaign_id),
        tenant_id=user_id,
        lock_key=f"erase:{campaign_id}",
        dedupe_key=f"erase:{campaign_id}",
    )


async def erase_some(database: Database, user_id: ExternalUserId, campaign_id: CampaignId) -> int | None:
    """One batch in a transaction of its own: how many rows went; None when the campaign is gone."""
    work = partial(_erase_some, user_id=user_id, campaign_id=campaign_id)
    return await in_transaction(database, Tenant(user_id), work)


async def _erase_some(
    session: AsyncSession, *, user_id: ExternalUserId, campaign_id: CampaignId
) -> int | None:
    if not await erasing_queries.is_deleting(session, user_id, campaign_id):
        return None
    await _stop_searches(session, user_id, campaign_id)
    erased = await erasing_queries.erase_batch(session, user_id, campaign_id)
    if erased:
        return erased
    await erasing_queries.delete_campaign(session, user_id, campaign_id)
    return None


async def _stop_searches(session: AsyncSession, user_id: ExternalUserId, campaign_id: CampaignId) -> None:
    """All are locked before the first is ended: a page takes its search before its campaign, so do we."""
    for search_id in await erasing_queries.lock_open_searches(session, user_id, campaign_id):
        await end_search(session, user_id, search_id, EndReason.CANCELLED, source=Source.USER_ACTION)
        await erasing_queries.cancel_messages(session, user_id, search_id)
