"""`/discover`: the creators found before, for people. Everything that was chosen is in the URL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.campaigns.queries import Campaign, list_campaigns
from tastemaker.catalog.search import Ranking, read_catalog_filter
from tastemaker.core.errors import InvalidInput, NotFound
from tastemaker.db.transaction import Transaction
from tastemaker.searches.discover.queries import DiscoveredCreator
from tastemaker.searches.discover.service import (
    DiscoverPage,
    Discovery,
    discover,
    find_discovered,
    shows_sandbox,
)
from tastemaker.searches.installation import installation_of
from tastemaker.searches.results import view as showing
from tastemaker.searches.results.panel_queries import CreatorResult, find_creator
from tastemaker.searches.results.view import ResultsView, Why, first_match
from tastemaker.web.pages import is_partial, page

ROWS: Final = 50
MOST_CAMPAIGNS: Final = 30
"""In the menus; others are found by their address."""

COLUMNS: Final = {
    "followers": "Followers",
    "language": "Lang.",
    "country": "Country",
    "email": "E-mail",
    "last_post": "Last post",
    "why": "Why",
}
SORTS: Final = {
    Ranking.RELEVANCE: "Best match",
    Ranking.FOLLOWERS: "Most followers",
    Ranking.LAST_POST: "Latest post",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """What the page shows. `trouble`: why the question could not be answered."""

    page: DiscoverPage | None
    trouble: str | None = None
    campaigns: Sequence[Campaign] = ()
    creator: CreatorResult | None = None


def _asked(
    request: Request,
    sort: Ranking = Ranking.RELEVANCE,
    after: Annotated[str | None, Query(max_length=400)] = None,
    q: Annotated[str, Query(max_length=2000)] = "",
) -> Discovery:
    """Raises InvalidInput."""
    wanted = read_catalog_filter(request.query_params.multi_items())
    counts = not _wants_rows(request)
    return Discovery(text=q, wanted=wanted, sort=sort, after=after, limit=ROWS, counts=counts)


Asked = Annotated[Discovery, Depends(_asked)]


@router.get("/discover")
async def show(visit: SignedIn, asked: Asked) -> Response:
    """The whole page; for htmx the results alone, or the rows that follow `after`."""

    async def work(tx: Transaction) -> Discovered:
        return await _read(tx, visit, asked)

    return _show(visit, asked, await visit.run(work))


@router.get("/discover/creators/{creator_id}")
async def show_creator(visit: SignedIn, asked: Asked, creator_id: int) -> Response:
    """The panel beside the table; for htmx the panel alone."""

    async def work(tx: Transaction) -> Discovered:
        found = await find_any(tx, visit, creator_id)
        if is_partial(visit.request):
            return Discovered(page=None, creator=found)
        shown = await _read(tx, visit, asked)
        return Discovered(page=shown.page, trouble=shown.trouble, campaigns=shown.campaigns, creator=found)

    return _show(visit, asked, await visit.run(work))


async def find_any(tx: Transaction, visit: Visit, creator_id: int) -> CreatorResult:
    """A creator as the user's searches found it, else as the catalog has it. Raises NotFound."""
    found = await find_creator(tx, visit.user_id, creator_id)
    if found is None:
        with_sandbox = shows_sandbox(installation_of(visit.request))
        found = await find_discovered(tx, creator_id, with_sandbox=with_sandbox)
    if found is None:
        raise NotFound("This creator is not known, or no longer.")
    return found


def why(row: DiscoveredCreator, words: Sequence[str]) -> Why:
    """The text with the words marked; without words the bio, else the newest post."""
    return first_match((("bio", row.bio), *(("post", text) for text in row.texts)), words)


async def _read(tx: Transaction, visit: Visit, asked: Discovery) -> Discovered:
    user = await visit.user(tx)
    campaigns = () if not asked.counts else (
        await list_campaigns(tx, visit.user_id, limit=MOST_CAMPAIGNS)
    ).rows  # fmt: skip
    try:
        with_sandbox = shows_sandbox(installation_of(visit.request))
        return Discovered(
            page=await discover(tx, user, asked, with_sandbox=with_sandbox), campaigns=campaigns
        )
    except (InvalidInput, NotFound) as error:  # what somebody types is answered in its place
        return Discovered(page=None, trouble=str(error), campaigns=campaigns)


def _show(visit: Visit, asked: Discovery, shown: Discovered) -> Response:
    view = ResultsView(
        path="/discover",
        creators="/discover/creators",
        wanted=asked.wanted,
        sort=asked.sort,
        words=asked.text,
        first_sort=Ranking.RELEVANCE,
    )
    return page(
        visit.request,
        "searches/discover.html",
        block=_block(visit.request, shown),
        view=view,
        showing=showing,
        columns=COLUMNS,
        sorts=SORTS,
        why=why,
        shown=shown.page,
        trouble=shown.trouble,
        campaigns=shown.campaigns,
        creator=shown.creator,
    )


def _block(request: Request, shown: Discovered) -> str | None:
    if not is_partial(request):
        return None
    if shown.creator is not None:
        return "panel"
    return "rows" if _wants_rows(request) else "results"


def _wants_rows(request: Request) -> bool:
    return is_partial(request) and request.headers.get("HX-Target") == "more"
