"""What a person means by a word: a search by the start of its id, or a campaign by id or name."""

from collections.abc import Sequence
from dataclasses import dataclass

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.queries import Campaign
from tastemaker.campaigns.service import get_campaign
from tastemaker.cli.states import short_id
from tastemaker.core.errors import NotFound
from tastemaker.db.transaction import Transaction
from tastemaker.searches.queries import list_searches
from tastemaker.searches.results.export import CAMPAIGN_COLUMNS, Columns, columns_of
from tastemaker.searches.service import get_search
from tastemaker.searches.types import Search

MOST_SEARCHES = 10_000


@dataclass(frozen=True, slots=True)
class Meant:
    """Searches, oldest first, and the campaign where it was the campaign that was named."""

    campaign: Campaign | None
    searches: Sequence[Search]

    @property
    def name(self) -> str:
        return self.campaign.name if self.campaign else short_id(self.searches[0])

    @property
    def file_name(self) -> str:
        """`chess · 2026-11-23`, and for one search of it with the platform behind."""
        if self.campaign:
            return self.campaign.name
        search = self.searches[0]
        return f"{search.campaign_name or short_id(search)} {search.platform.value}"

    @property
    def columns(self) -> Columns:
        return CAMPAIGN_COLUMNS if self.campaign else columns_of([self.searches[0].platform])


async def find_meant(session: Transaction, user: CurrentUser, reference: str) -> Meant:
    """Raises NotFound, Conflict when it is ambiguous."""
    try:
        return Meant(None, [await get_search(session, user, reference)])
    except NotFound:
        pass
    try:
        campaign = await get_campaign(session, user, reference)
    except NotFound:
        raise NotFound(
            f"There is no search or campaign {reference[:80]!r}. "
            "`tastemaker searches list` and `tastemaker campaigns list` show them."
        ) from None
    searches = await list_searches(session, user.user_id, campaign_id=campaign.id, limit=MOST_SEARCHES)
    return Meant(campaign, searches[::-1])
