"""Starts searches, by keyword or for creators like one: a campaign to hold them, and one search per platform.

Repeating the same request continues the unfinished searches instead of starting new ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns import queries as campaign_queries
from tastemaker.campaigns.queries import Campaign
from tastemaker.campaigns.service import ensure_campaign, get_campaign
from tastemaker.core.text import clean_line
from tastemaker.db.transaction import Transaction
from tastemaker.searches import queries
from tastemaker.searches.exclusions.service import exclude_found
from tastemaker.searches.service import default_name, resume_search, start_search
from tastemaker.searches.types import Search, SearchRequest

MOST_SEARCHES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStart:
    """`searches` are in the order of the requests; `continued` are those that had begun before.

    `excluded`: how many creators of other campaigns the searches leave out; None where none was named.
    """

    campaign: Campaign
    searches: Sequence[Search]
    continued: Sequence[Search]
    excluded: int | None = None


async def start_or_continue(
    tx: Transaction,
    user: CurrentUser,
    requests: Sequence[SearchRequest],
    *,
    campaign_name: str | None,
    today: date,
    source: str,
    exclude_campaigns: Sequence[str] = (),
    campaign: Campaign | None = None,
) -> CampaignStart:
    """Continue the unfinished searches for exactly this, or start one per request, all or none.

    In `campaign`, else in that of the name; without both it is called after the keywords and the day. What
    `exclude_campaigns` found is put on its list of exclusions. Raises LimitReached, Conflict, InvalidInput,
    NotFound.
    """
    others = [await get_campaign(tx, user, name) for name in exclude_campaigns]
    if campaign is None and campaign_name:
        campaign = await campaign_queries.find_campaign_by_name(tx, user.user_id, clean_line(campaign_name))
    begun = await _start_or_continue(tx, user, requests, campaign, campaign_name, today, source)
    if not others:
        return begun
    excluded = [await exclude_found(tx, user, of=other, campaign_id=begun.campaign.id) for other in others]
    return replace(begun, excluded=sum(excluded))


async def _start_or_continue(
    tx: Transaction,
    user: CurrentUser,
    requests: Sequence[SearchRequest],
    campaign: Campaign | None,
    campaign_name: str | None,
    today: date,
    source: str,
) -> CampaignStart:
    is_new = campaign is None and bool(campaign_name)
    unfinished = [] if is_new else await _unfinished(tx, user, requests, campaign, source)
    if not unfinished:
        name = campaign_name or default_name(requests[0].keywords, today)
        campaign = campaign or await ensure_campaign(tx, user, name=name, search_type=requests[0].search_type)
        started = [await start_search(tx, user, campaign, one, source=source) for one in requests]
        return CampaignStart(campaign=campaign, searches=started, continued=())
    campaign = await get_campaign(tx, user, str(unfinished[0].campaign_id))
    siblings = await _siblings(tx, user, unfinished[0])
    searches = []
    for request in requests:
        known = next((one for one in siblings if one.platform is request.platform), None)
        if known is None:
            searches.append(await start_search(tx, user, campaign, request, source=source))
        else:
            searches.append(await resume_search(tx, user, known) if known.status.is_open else known)
    return CampaignStart(campaign=campaign, searches=searches, continued=unfinished)


async def _unfinished(
    tx: Transaction,
    user: CurrentUser,
    requests: Sequence[SearchRequest],
    campaign: Campaign | None,
    source: str,
) -> list[Search]:
    """In this campaign; without one in any that was called after keywords and a day."""
    campaign_id = campaign.id if campaign else None
    found = []
    for request in requests:
        one = await queries.find_unfinished(tx, user.user_id, campaign_id, request, source=source)
        if one is not None and (campaign_id or _is_called_after_keywords(one)):
            found.append(one)
    return [one for one in found if one.created_at == found[0].created_at]


async def _siblings(tx: Transaction, user: CurrentUser, search: Search) -> list[Search]:
    """Those that were asked for together: in one transaction, so at one time."""
    in_campaign = await queries.list_searches(
        tx, user.user_id, campaign_id=search.campaign_id, limit=MOST_SEARCHES
    )
    return [one for one in in_campaign if one.created_at == search.created_at]


def _is_called_after_keywords(search: Search) -> bool:
    return (search.campaign_name or "") == default_name(search.keywords, search.created_at.date())
