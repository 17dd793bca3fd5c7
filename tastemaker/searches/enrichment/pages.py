"""Profiles on the pages of a search and of a campaign: how many are missing, and the button."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.campaigns.service import get_campaign
from tastemaker.core.display import counted
from tastemaker.core.errors import NotFound
from tastemaker.core.ids import CampaignId
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import EnrichmentStatus
from tastemaker.db.transaction import Transaction
from tastemaker.searches.enrichment.queries import Enrichment
from tastemaker.searches.enrichment.service import (
    PlatformProfiles,
    Scope,
    estimate_enrichment,
    find_last_enrichment,
    start_enrichment,
)
from tastemaker.searches.installation import installation_of
from tastemaker.searches.service import get_search
from tastemaker.searches.types import LIVE, SANDBOX, Search
from tastemaker.web.pages import redirect

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingProfiles:
    """`needed`: what profiles would cost at most. `action`: where the button leads.

    `without_email`: platforms whose e-mail addresses may not be read here.
    """

    needed: Sequence[PlatformProfiles]
    last: Enrichment | None
    action: str
    is_free: bool
    without_email: Sequence[Platform]

    @property
    def creators(self) -> int:
        return sum(one.creators for one in self.needed if one.can_be_asked)

    @property
    def micros_usd(self) -> int:
        return sum(one.micros_usd for one in self.needed)

    @property
    def is_running(self) -> bool:
        return self.last is not None and self.last.status is not EnrichmentStatus.COMPLETED


async def read_missing(
    tx: Transaction, visit: Visit, campaign_id: CampaignId, search: Search | None = None
) -> MissingProfiles:
    """Of the search where given, else of the campaign."""
    scope = _scope(visit, campaign_id, search)
    declared = installation_of(visit.request).profile_declarations(scope.source)
    config = visit.services.rate_limit.config
    needed = await estimate_enrichment(tx, visit.user_id, scope, declared, config)
    last = await find_last_enrichment(
        tx, visit.user_id, campaign_id=campaign_id, search_id=search.id if search else None
    )
    return MissingProfiles(
        needed=needed,
        last=last,
        action=f"/searches/{search.id}/profiles" if search else f"/campaigns/{campaign_id}/profiles",
        is_free=scope.source == SANDBOX,
        without_email=[
            one.platform
            for one in needed
            if one.platform in declared and not declared[one.platform].policy.contacts
        ],
    )


@router.post("/campaigns/{campaign_id}/profiles")
async def fetch_of_campaign(visit: SignedIn, campaign_id: UUID) -> Response:
    """Fetch the missing profiles of a campaign's creators."""

    async def work(tx: Transaction) -> str:
        campaign = await get_campaign(tx, await visit.user(tx), str(campaign_id))
        return await _start(tx, visit, _scope(visit, campaign.id))

    return redirect(f"/campaigns/{campaign_id}", said=await visit.run(work))


@router.post("/searches/{search_id}/profiles")
async def fetch_of_search(visit: SignedIn, search_id: UUID) -> Response:
    """Fetch the missing profiles of a search's creators."""

    async def work(tx: Transaction) -> str:
        search = await get_search(tx, await visit.user(tx), str(search_id))
        if search.campaign_id is None:
            raise NotFound("This search belongs to no campaign.")
        return await _start(tx, visit, _scope(visit, search.campaign_id, search))

    return redirect(f"/searches/{search_id}", said=await visit.run(work))


def _scope(visit: Visit, campaign_id: CampaignId, search: Search | None = None) -> Scope:
    if search is not None:
        return Scope(campaign_id=campaign_id, source=search.source or LIVE, search_id=search.id)
    return Scope(campaign_id=campaign_id, source=installation_of(visit.request).profile_source)


async def _start(tx: Transaction, visit: Visit, scope: Scope) -> str:
    begun = await start_enrichment(tx, visit.user_id, scope, visit.services.rate_limit.config)
    if not begun.waiting:
        return "The profiles of all creators are known."
    return f"{counted(begun.waiting, 'profile')} will be fetched. Their bio and e-mail appear as they come."
