"""What one does with a campaign."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing.service import take_campaign
from tastemaker.campaigns import queries
from tastemaker.campaigns.queries import Campaign
from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.core.ids import CampaignId
from tastemaker.core.text import clean_line
from tastemaker.events.names import Source
from tastemaker.events.payloads import CampaignCreated
from tastemaker.events.service import record

NAME_LENGTH = 200
ID_PREFIX_LENGTH = 6


async def create_campaign(
    session: AsyncSession, user: CurrentUser, *, name: str, search_type: str = "keyword"
) -> Campaign:
    """A new campaign, counted against the plan. Raises InvalidInput, LimitReached."""
    name = clean_line(name)
    if not 1 <= len(name) <= NAME_LENGTH:
        raise InvalidInput(f"A campaign's name has 1 to {NAME_LENGTH} characters.")
    await take_campaign(session, user.user_id)
    campaign_id = await queries.insert_campaign(session, user.user_id, name=name, search_type=search_type)
    await record(
        session,
        CampaignCreated(name=name, search_type=search_type),
        aggregate_id=str(campaign_id),
        source=Source.USER_ACTION,
        tenant_id=user.user_id,
    )
    return await get_campaign(session, user, str(campaign_id))


async def get_campaign(session: AsyncSession, user: CurrentUser, reference: str) -> Campaign:
    """By id, by the start of an id, or by name. Raises NotFound, Conflict when it is ambiguous."""
    try:
        found = await queries.find_campaign(session, user.user_id, CampaignId(UUID(reference)))
        matches = [found] if found else []
    except ValueError:
        named = await queries.find_campaign_by_name(session, user.user_id, clean_line(reference))
        matches = [named] if named else await _by_prefix(session, user, reference)
    if len(matches) > 1:
        raise Conflict(f"More than one campaign's id starts with {reference!r}.")
    if not matches:
        raise NotFound("There is no such campaign.")
    return matches[0]


async def ensure_campaign(session: AsyncSession, user: CurrentUser, *, name: str) -> Campaign:
    """The campaign of that name, made where there is none."""
    found = await queries.find_campaign_by_name(session, user.user_id, clean_line(name))
    return found or await create_campaign(session, user, name=name)


async def _by_prefix(session: AsyncSession, user: CurrentUser, reference: str) -> list[Campaign]:
    prefix = reference.strip().lower()
    if len(prefix) < ID_PREFIX_LENGTH or not set(prefix) <= set("0123456789abcdef-"):
        return []
    return list(await queries.list_campaigns_by_prefix(session, user.user_id, prefix))
