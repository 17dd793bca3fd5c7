"""Create, find, change, archive and restore campaigns. `searches.maintenance` deletes them."""

from datetime import datetime
from uuid import UUID

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing.plan_limits import give_campaign_back, lock_usage, take_campaign
from tastemaker.campaigns import queries
from tastemaker.campaigns.queries import Campaign
from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.core.text import clean_line
from tastemaker.db.enums import CampaignStatus, SearchType
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Payload, Source
from tastemaker.events.payloads import (
    CampaignActivated,
    CampaignArchived,
    CampaignChanged,
    CampaignCompleted,
    CampaignCreated,
    CampaignRestored,
)
from tastemaker.events.service import record
from tastemaker.mail.sequence import on_campaign_finished

NAME_LENGTH = 200
DESCRIPTION_LENGTH = 2000
ID_PREFIX_LENGTH = 6


async def create_campaign(
    tx: Transaction,
    user: CurrentUser,
    *,
    name: str,
    search_type: str = SearchType.KEYWORD,
    description: str | None = None,
) -> Campaign:
    """A new campaign, counted against the plan. Raises InvalidInput, LimitReached."""
    name, about = _name(name), _description(description)
    kind = _search_type(search_type)
    await take_campaign(tx, user.user_id)
    campaign_id = await queries.insert_campaign(
        tx, user.user_id, name=name, description=about, search_type=kind
    )
    await record(
        tx,
        CampaignCreated(name=name, search_type=kind),
        aggregate_id=str(campaign_id),
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
    )
    return await get_campaign(tx, user, str(campaign_id))


async def get_campaign(tx: Transaction, user: CurrentUser, reference: str) -> Campaign:
    """By id, by the start of an id, or by name. Raises NotFound, Conflict when it is ambiguous."""
    try:
        found = await queries.find_campaign(tx, user.user_id, CampaignId(UUID(reference)))
        matches = [found] if found else []
    except ValueError:
        named = await queries.find_campaign_by_name(tx, user.user_id, clean_line(reference))
        matches = [named] if named else await _by_prefix(tx, user, reference)
    if len(matches) > 1:
        raise Conflict(f"More than one campaign's id starts with {reference!r}.")
    if not matches:
        raise NotFound("There is no such campaign.")
    return matches[0]


async def ensure_campaign(
    tx: Transaction, user: CurrentUser, *, name: str, search_type: str = SearchType.KEYWORD
) -> Campaign:
    """The campaign of that name, made where there is none."""
    found = await queries.find_campaign_by_name(tx, user.user_id, clean_line(name))
    return found or await create_campaign(tx, user, name=name, search_type=search_type)


async def rename_campaign(tx: Transaction, user: CurrentUser, campaign: Campaign, *, name: str) -> Campaign:
    """Raises InvalidInput, NotFound."""
    return await _change(tx, user, campaign, name=_name(name), description=campaign.description)


async def describe_campaign(
    tx: Transaction, user: CurrentUser, campaign: Campaign, *, description: str | None
) -> Campaign:
    """An empty text takes the description away. Raises InvalidInput, NotFound."""
    return await _change(tx, user, campaign, name=campaign.name, description=_description(description))


async def archive_campaign(tx: Transaction, user: CurrentUser, campaign: Campaign) -> Campaign:
    """Put away: it takes no search and no longer counts against the plan.

    Raises Conflict while one of its searches runs, and when it is archived already.
    """
    await lock_usage(tx, user.user_id)
    moment = await queries.archive(tx, user.user_id, campaign.id)
    if moment is None:
        raise Conflict(await _why_not_archived(tx, user, campaign))
    await give_campaign_back(tx, user.user_id)
    await _record(tx, CampaignArchived(), user.user_id, campaign.id, moment, source=Source.USER_ACTION)
    return await get_campaign(tx, user, str(campaign.id))


async def restore_campaign(tx: Transaction, user: CurrentUser, campaign: Campaign) -> Campaign:
    """Out of the archive, counted again. Raises Conflict when it is not archived, LimitReached."""
    await lock_usage(tx, user.user_id)
    restored = await queries.restore(tx, user.user_id, campaign.id)
    if restored is None:
        raise Conflict(f"The campaign {campaign.name!r} is not archived.")
    await take_campaign(tx, user.user_id)
    event = CampaignRestored(status=restored.status)
    await _record(tx, event, user.user_id, campaign.id, restored.at, source=Source.USER_ACTION)
    return await get_campaign(tx, user, str(campaign.id))


async def take_search(
    tx: Transaction, user_id: ExternalUserId, campaign: Campaign, *, search_type: SearchType
) -> None:
    """The campaign is active from now on. Raises Conflict when it is archived, gone, or of the other type."""
    locked = await queries.lock(tx, user_id, campaign.id)
    if locked is None:
        raise Conflict(f"The campaign {campaign.name!r} is being deleted.")
    is_archived = locked.status is CampaignStatus.ARCHIVED
    if is_archived or locked.search_type != search_type:
        why = "it is archived" if is_archived else f"its searches are of type {locked.search_type}"
        raise Conflict(f"The campaign {campaign.name!r} takes no {search_type} search: {why}.")
    moment = await queries.activate(tx, user_id, campaign.id)
    if moment is not None:
        event = CampaignActivated()
        await _record(tx, event, user_id, campaign.id, moment, source=Source.USER_ACTION)


async def complete_if_idle(tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> None:
    """Completed, once none of its searches is left running."""
    moment = await queries.complete_if_idle(tx, user_id, campaign_id)
    if moment is not None:
        event = CampaignCompleted()
        await _record(tx, event, user_id, campaign_id, moment, source=Source.SYSTEM_AUTOMATION)
        await on_campaign_finished(tx, user_id, campaign_id, occasion=moment.isoformat())


async def _change(
    tx: Transaction, user: CurrentUser, campaign: Campaign, *, name: str, description: str | None
) -> Campaign:
    if (name, description) == (campaign.name, campaign.description):
        return campaign
    moment = await queries.change(tx, user.user_id, campaign.id, name=name, description=description)
    if moment is None:
        raise NotFound("There is no such campaign.")
    event = CampaignChanged(name=name, description=description)
    await _record(tx, event, user.user_id, campaign.id, moment, source=Source.USER_ACTION)
    return await get_campaign(tx, user, str(campaign.id))


async def _record(
    tx: Transaction,
    event: Payload,
    user_id: ExternalUserId,
    campaign_id: CampaignId,
    moment: datetime,
    *,
    source: Source,
) -> None:
    """What may happen to a campaign more than once is told apart by its moment."""
    await record(
        tx,
        event,
        aggregate_id=str(campaign_id),
        identifier=f"{campaign_id}_{moment:%Y%m%dT%H%M%S%f}",
        source=source,
        tenant_id=user_id,
    )


async def _why_not_archived(tx: Transaction, user: CurrentUser, campaign: Campaign) -> str:
    locked = await queries.lock(tx, user.user_id, campaign.id)
    if locked is not None and locked.status is CampaignStatus.ACTIVE:
        return f"A search of the campaign {campaign.name!r} is running. Cancel it, or wait for its end."
    return f"The campaign {campaign.name!r} is archived already."


async def _by_prefix(tx: Transaction, user: CurrentUser, reference: str) -> list[Campaign]:
    prefix = reference.strip().lower()
    if len(prefix) < ID_PREFIX_LENGTH or not set(prefix) <= set("0123456789abcdef-"):
        return []
    return list(await queries.list_campaigns_by_prefix(tx, user.user_id, prefix))


def _name(given: str) -> str:
    name = clean_line(given)
    if not 1 <= len(name) <= NAME_LENGTH:
        raise InvalidInput(f"A campaign's name has 1 to {NAME_LENGTH} characters.")
    return name


def _description(given: str | None) -> str | None:
    about = clean_line(given or "")
    if len(about) > DESCRIPTION_LENGTH:
        raise InvalidInput(f"A campaign's description has at most {DESCRIPTION_LENGTH:,} characters.")
    return about or None


def _search_type(given: str) -> SearchType:
    try:
        return SearchType(given)
    except ValueError:
        raise InvalidInput("A campaign's searches are of type keyword or similar.") from None
