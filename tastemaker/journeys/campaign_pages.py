"""`/campaigns`: the table of campaigns, the page of one with its searches and their yield, their changes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.campaigns import service
from tastemaker.campaigns.queries import Campaign
from tastemaker.core.errors import InvalidInput, LimitReached
from tastemaker.db.enums import CampaignStatus
from tastemaker.db.transaction import Transaction
from tastemaker.journeys.overview_queries import (
    PAGE_SIZE,
    CampaignFigures,
    CampaignOrder,
    KeywordYield,
    list_campaign_figures,
    list_yields,
)
from tastemaker.searches.enrichment.pages import read_missing
from tastemaker.searches.maintenance import delete_campaign
from tastemaker.searches.progress import read_progress
from tastemaker.searches.queries import list_searches
from tastemaker.searches.results.paging import CampaignScope
from tastemaker.searches.results.queries import count_results
from tastemaker.web.pages import page, redirect

MOST_SEARCHES: Final = 100
MOST_YIELDS: Final = 200
"""Rows that are shown; the totals count all."""

LIST_PAGE: Final = "campaigns/list.html"
STATUS_WORDS: Final = {
    CampaignStatus.ACTIVE: "Searching",
    CampaignStatus.COMPLETED: "Done",
    CampaignStatus.DRAFT: "No search yet",
    CampaignStatus.ARCHIVED: "Archived",
}

router = APIRouter(include_in_schema=False)

Change = Callable[[Transaction, CurrentUser, Campaign], Awaitable[Campaign]]
Text = Annotated[str, Form(max_length=20_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignsQuery:
    """Which campaigns, in what order: the query of the page's URL."""

    name: str
    status: CampaignStatus | None
    order: CampaignOrder
    page: int

    def url(self, **changed: object) -> str:
        """The page with something else; the first page unless one is named."""
        wanted = {"q": self.name, "status": self.status, "sort": self.order, "page": 1, **changed}
        given = {
            name: value
            for name, value in wanted.items()
            if value and (name, value) not in {("page", 1), ("sort", CampaignOrder.ACTIVITY)}
        }
        return f"/campaigns?{urlencode(given)}" if given else "/campaigns"


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignTotals:
    """What all searches of a campaign came to. `creators` are counted once, `stored` once for each search."""

    creators: int
    stored: int
    seen: int
    pages: int
    micros_usd: int

    @property
    def each_micros_usd(self) -> int | None:
        """What a creator cost; None if all was free."""
        return self.micros_usd // self.creators if self.creators and self.micros_usd else None


@router.get("/campaigns")
async def campaigns(
    visit: SignedIn,
    q: Annotated[str, Query(max_length=200)] = "",
    status: str = "",
    sort: str = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    """The table: searched by name, filtered by status, sorted by a column. Unknown values are left out."""
    return await _list(visit, _read_query(q, status, sort, number))


@router.post("/campaigns")
async def create(visit: SignedIn, name: Text = "", description: Text = "") -> Response:
    """An empty campaign, opened at once."""

    async def work(tx: Transaction) -> Campaign:
        user = await visit.user(tx)
        return await service.create_campaign(tx, user, name=name, description=description)

    try:
        made = await visit.run(work)
    except (InvalidInput, LimitReached) as error:
        typed = {"name": name, "description": description, "error": str(error)}
        return await _list(visit, _read_query("", "", "", 1), typed=typed, status=error.status)
    return redirect(f"/campaigns/{made.id}", said="The campaign is made. A search fills it.")


@router.get("/campaigns/{campaign_id}")
async def campaign(visit: SignedIn, campaign_id: UUID) -> Response:
    """One campaign: its searches, what they found and what they cost."""
    return await _show(visit, campaign_id)


@router.post("/campaigns/{campaign_id}")
async def change(visit: SignedIn, campaign_id: UUID, name: Text = "", description: Text = "") -> Response:
    """Another name or description."""

    async def work(tx: Transaction, user: CurrentUser, found: Campaign) -> Campaign:
        renamed = await service.rename_campaign(tx, user, found, name=name)
        return await service.describe_campaign(tx, user, renamed, description=description)

    try:
        return await _change(visit, campaign_id, work, said="The campaign is changed.")
    except InvalidInput as error:
        typed = {"name": name, "description": description, "error": str(error)}
        return await _show(visit, campaign_id, typed=typed, status=error.status)


@router.post("/campaigns/{campaign_id}/archival")
async def archive(visit: SignedIn, campaign_id: UUID) -> Response:
    """Put away; it can be undone."""
    undo = f"/campaigns/{campaign_id}/restoration"
    return await _change(
        visit, campaign_id, service.archive_campaign, said="The campaign is archived.", undo=undo
    )


@router.post("/campaigns/{campaign_id}/restoration")
async def restore(visit: SignedIn, campaign_id: UUID) -> Response:
    """Out of the archive."""
    return await _change(visit, campaign_id, service.restore_campaign, said="The campaign is restored.")


@router.get("/campaigns/{campaign_id}/deletion")
async def confirm_deletion(visit: SignedIn, campaign_id: UUID) -> Response:
    """What would be lost. Deletes nothing."""

    async def work(tx: Transaction) -> Response:
        found = await service.get_campaign(tx, await visit.user(tx), str(campaign_id))
        return page(visit.request, "campaigns/deletion.html", campaign=found)

    return await visit.run(work)


@router.post("/campaigns/{campaign_id}/deletion")
async def delete(visit: SignedIn, campaign_id: UUID) -> Response:
    """Gone at once, while a worker erases the rows."""

    async def work(tx: Transaction) -> str:
        user = await visit.user(tx)
        found = await service.get_campaign(tx, user, str(campaign_id))
        await delete_campaign(tx, user, found)
        return found.name

    return redirect("/campaigns", said=f"The campaign “{await visit.run(work)}” is deleted.")


async def _change(
    visit: Visit, campaign_id: UUID, change: Change, *, said: str, undo: str | None = None
) -> Response:
    async def work(tx: Transaction) -> None:
        user = await visit.user(tx)
        await change(tx, user, await service.get_campaign(tx, user, str(campaign_id)))

    await visit.run(work)
    return redirect(f"/campaigns/{campaign_id}", said=said, undo=undo)


async def _list(
    visit: Visit, wanted: CampaignsQuery, *, typed: dict[str, str] | None = None, status: int = 200
) -> Response:
    async def work(tx: Transaction) -> Sequence[CampaignFigures]:
        return await list_campaign_figures(
            tx,
            visit.user_id,
            name=wanted.name,
            status=wanted.status,
            order=wanted.order,
            page=wanted.page,
        )

    rows = await visit.run(work)
    return page(
        visit.request,
        LIST_PAGE,
        status=status,
        wanted=wanted,
        campaigns=rows,
        total=rows[0].total if rows else 0,
        page_size=PAGE_SIZE,
        words=STATUS_WORDS,
        typed=typed,
    )


async def _show(
    visit: Visit, campaign_id: UUID, *, typed: dict[str, str] | None = None, status: int = 200
) -> Response:
    async def work(tx: Transaction) -> Response:
        found = await service.get_campaign(tx, await visit.user(tx), str(campaign_id))
        searches = await list_searches(tx, visit.user_id, campaign_id=found.id, limit=MOST_SEARCHES)
        progress = await read_progress(tx, visit.user_id, searches)
        yields = await list_yields(tx, visit.user_id, found.id)
        creators = await count_results(tx, visit.user_id, CampaignScope(found.id))
        return page(
            visit.request,
            "campaigns/campaign.html",
            status=status,
            campaign=found,
            word=STATUS_WORDS[CampaignStatus(found.status)],
            searches=progress,
            yields=[one for one in yields if one.pages][:MOST_YIELDS],
            profiles=await read_missing(tx, visit, found.id),
            totals=_totals(yields, creators=creators, stored=found.creators),
            typed=typed,
        )

    return await visit.run(work)


def _totals(yields: Sequence[KeywordYield], *, creators: int, stored: int) -> CampaignTotals:
    return CampaignTotals(
        creators=creators,
        stored=stored,
        seen=sum(one.seen for one in yields),
        pages=sum(one.pages for one in yields),
        micros_usd=sum(one.micros_usd for one in yields),
    )


def _read_query(name: str, status: str, sort: str, number: int) -> CampaignsQuery:
    return CampaignsQuery(
        name=name.replace("\x00", "").strip(),
        status=CampaignStatus(status) if status in set(CampaignStatus) else None,
        order=CampaignOrder(sort) if sort in set(CampaignOrder) else CampaignOrder.ACTIVITY,
        page=number,
    )
