"""The pages of results: of one search, of a campaign's searches together, and the panel of one creator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response

from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.campaigns.queries import Campaign
from tastemaker.campaigns.service import get_campaign
from tastemaker.catalog.keywords import suggest_more
from tastemaker.core.display import counted
from tastemaker.core.errors import InvalidInput, NotFound
from tastemaker.core.ids import SearchId
from tastemaker.db.transaction import Transaction
from tastemaker.searches.discover.pages import find_any
from tastemaker.searches.enrichment.pages import MissingProfiles, read_missing
from tastemaker.searches.exclusions.pages import undo_of
from tastemaker.searches.exclusions.service import Excluded, exclude_selected
from tastemaker.searches.progress import SearchProgress, read_progress
from tastemaker.searches.results import view as showing
from tastemaker.searches.results.facet_queries import Facets, read_facets
from tastemaker.searches.results.filtering import ResultFilter, read_filter
from tastemaker.searches.results.paging import (
    CampaignScope,
    Scope,
    SearchScope,
    Sort,
    decode_cursor,
    encode_cursor,
)
from tastemaker.searches.results.panel_queries import CreatorResult, find_creator, find_result
from tastemaker.searches.results.queries import ResultsPage, list_results
from tastemaker.searches.results.selection_queries import AllBut, Chosen, Selection
from tastemaker.searches.results.view import ResultsView
from tastemaker.searches.service import get_search
from tastemaker.searches.types import SANDBOX, Outcome, Search
from tastemaker.web.pages import is_partial, page, redirect

ROWS = 50
MOST_CHOSEN = 10_000
LOW_YIELD = {Outcome.FULL, Outcome.PARTIAL, Outcome.NOTHING_FOUND}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class AskedPage:
    """What the URL asks for. `after`: the cursor of the rows before."""

    wanted: ResultFilter
    sort: Sort
    columns: Sequence[str]
    after: str | None


def _asked(
    request: Request,
    sort: Sort = Sort.POSITION,
    after: Annotated[str | None, Query(max_length=400)] = None,
    columns: Annotated[list[str] | None, Query(max_length=20)] = None,
) -> AskedPage:
    """Raises InvalidInput."""
    wanted = read_filter((name, value) for name, value in request.query_params.multi_items() if value)
    return AskedPage(wanted, sort, showing.read_columns(columns or ()), after)


Asked = Annotated[AskedPage, Depends(_asked)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsPlace:
    """The results that a page shows: those of a search, or of a campaign's searches together."""

    scope: Scope
    path: str
    campaign: Campaign | None
    search: Search | None = None
    progress: SearchProgress | None = None

    @property
    def creators(self) -> str:
        """The path of the panels."""
        return f"{self.path}/creators" if self.search is not None else self.path

    @property
    def name(self) -> str:
        if self.search is not None:
            return ", ".join(self.search.keywords)
        return self.campaign.name if self.campaign else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    place: ResultsPlace
    results: ResultsPage
    facets: Facets | None
    creator: CreatorResult | None = None
    profiles: MissingProfiles | None = None
    hints: Sequence[str] = ()


@router.get("/searches/{search_id}")  # noqa: FAST003 - `_place` reads the path
@router.get("/campaigns/{campaign_id}/creators")
async def results(visit: SignedIn, asked: Asked) -> Response:
    """The whole page; for htmx the results alone, or the rows that follow `after`."""

    async def work(tx: Transaction) -> Shown:
        return await _read(tx, visit, asked, with_facets=not _wants_rows(visit.request))

    return _show(visit, asked, await visit.run(work))


@router.get("/creators/{creator_id}")
async def profile(visit: SignedIn, creator_id: int) -> Response:
    """A creator that any search found, with everything that is known."""

    async def work(tx: Transaction) -> CreatorResult:
        return await find_any(tx, visit, creator_id)

    found = await visit.run(work)
    return page(visit.request, "searches/creator.html", creator=found, showing=showing)


@router.post("/creators/{creator_id}/exclusion")
async def exclude_creator(visit: SignedIn, creator_id: int) -> Response:
    """Leave the creator out of later searches."""

    async def work(tx: Transaction) -> Excluded | None:
        found = await find_creator(tx, visit.user_id, creator_id)
        if found is None:
            return None
        scope: Scope = (
            SearchScope((found.found_by[0].search_id,))
            if found.found_by
            else CampaignScope(found.imported[0].campaign_id)
        )
        return await exclude_selected(tx, await visit.user(tx), scope, Chosen((creator_id,)))

    excluded = await visit.run(work)
    if excluded is None:
        raise NotFound("None of your searches found this creator.")
    return _excluded(excluded, back=f"/creators/{creator_id}")


@router.get("/searches/{search_id}/creators/{creator_id}")  # noqa: FAST003 - the same
@router.get("/campaigns/{campaign_id}/creators/{creator_id}")
async def creator(visit: SignedIn, asked: Asked, creator_id: int) -> Response:
    """The panel beside the table; for htmx the panel alone."""
    alone = is_partial(visit.request)

    async def work(tx: Transaction) -> Shown:
        place = await _place(tx, visit)
        found = await find_result(tx, visit.user_id, place.scope, creator_id)
        if found is None:
            raise NotFound("This creator is not among the results.")
        if alone:
            return Shown(place=place, results=ResultsPage([], None), facets=None, creator=found)
        shown = await _read(tx, visit, asked, with_facets=True)
        return Shown(place=place, results=shown.results, facets=shown.facets, creator=found)

    return _show(visit, asked, await visit.run(work))


@dataclass(frozen=True, slots=True)
class SelectedForm:
    """`which`: the ticked creators, all that pass the filter, or all of those but the ticked."""

    which: Annotated[str, Form(max_length=20)] = "these"
    creator: Annotated[list[int] | None, Form(max_length=MOST_CHOSEN)] = None


Selected = Annotated[SelectedForm, Depends()]


def read_selection(selected: SelectedForm, wanted: ResultFilter) -> Selection:
    """Raises InvalidInput."""
    ids = tuple(selected.creator or ())
    if selected.which == "all":
        return AllBut(wanted)
    if not ids:
        raise InvalidInput("At least one creator must be ticked.")
    return AllBut(wanted, ids) if selected.which == "but" else Chosen(ids)


@router.post("/searches/{search_id}/exclusions")  # noqa: FAST003 - the same
@router.post("/campaigns/{campaign_id}/creators/exclusions")
async def exclude_selection(visit: SignedIn, asked: Asked, selected: Selected) -> Response:
    """Leave the selected creators out of later searches."""
    selection = read_selection(selected, asked.wanted)

    async def work(tx: Transaction) -> tuple[ResultsPlace, Excluded]:
        place = await _place(tx, visit)
        return place, await exclude_selected(tx, await visit.user(tx), place.scope, selection)

    place, excluded = await visit.run(work)
    return _excluded(excluded, back=place.path, to=_view(place, asked).url())


def _excluded(excluded: Excluded, *, back: str, to: str | None = None) -> Response:
    """To the page `to`, with a sentence that can be undone from `back`."""
    if excluded.added == 0:
        return redirect(to or back, said="Excluded before: later searches leave them out already.")
    sentence = f"{counted(excluded.added, 'creator')} excluded: later searches leave them out."
    return redirect(to or back, said=sentence, undo=undo_of(excluded.batch_id, back=back))


async def _place(tx: Transaction, visit: Visit) -> ResultsPlace:
    """Of the path. Raises NotFound."""
    user, ids = await visit.user(tx), visit.request.path_params
    if "search_id" in ids:
        search = await get_search(tx, user, str(_uuid(ids["search_id"])))
        campaign = await get_campaign(tx, user, str(search.campaign_id)) if search.campaign_id else None
        (progress,) = await read_progress(tx, user.user_id, [search])
        scope = SearchScope((SearchId(search.id),))
        return ResultsPlace(
            scope=scope, path=f"/searches/{search.id}", campaign=campaign, search=search, progress=progress
        )
    campaign = await get_campaign(tx, user, str(_uuid(ids["campaign_id"])))
    return ResultsPlace(
        scope=CampaignScope(campaign.id), path=f"/campaigns/{campaign.id}/creators", campaign=campaign
    )


async def _read(tx: Transaction, visit: Visit, asked: AskedPage, *, with_facets: bool) -> Shown:
    place = await _place(tx, visit)
    found = await list_results(
        tx,
        visit.user_id,
        place.scope,
        wanted=asked.wanted,
        sort=asked.sort,
        after=decode_cursor(asked.sort, asked.after),
        limit=ROWS,
    )
    facets = await read_facets(tx, visit.user_id, place.scope, wanted=asked.wanted) if with_facets else None
    search, profiles = place.search, None
    if search is not None and search.campaign_id is not None and not is_partial(visit.request):
        profiles = await read_missing(tx, visit, search.campaign_id, search)
    hints = await _hints(tx, search) if search is not None and not is_partial(visit.request) else ()
    return Shown(place=place, results=found, facets=facets, profiles=profiles, hints=hints)


async def _hints(tx: Transaction, search: Search) -> Sequence[str]:
    """What would have found more, for a search by keywords that ended below its target."""
    if search.outcome not in LOW_YIELD or search.stored >= search.target or search.like is not None:
        return ()
    return await suggest_more(tx, search.keywords, made_up=search.source == SANDBOX)


def _show(visit: Visit, asked: AskedPage, shown: Shown) -> Response:
    view = _view(shown.place, asked)
    return page(
        visit.request,
        "searches/results.html",
        block=_block(visit.request, shown),
        place=shown.place,
        search=shown.place.search,
        progress=shown.place.progress,
        campaign=shown.place.campaign,
        view=view,
        showing=showing,
        rows=shown.results.creators,
        next=encode_cursor(asked.sort, shown.results.next),
        facets=shown.facets,
        creator=shown.creator,
        profiles=shown.profiles,
        hints=shown.hints,
    )


def _view(place: ResultsPlace, asked: AskedPage) -> ResultsView:
    return ResultsView(
        path=place.path, creators=place.creators, wanted=asked.wanted, sort=asked.sort, columns=asked.columns
    )


def _block(request: Request, shown: Shown) -> str | None:
    if not is_partial(request):
        return None
    if shown.creator is not None:
        return "panel"
    return "rows" if _wants_rows(request) else "results"


def _wants_rows(request: Request) -> bool:
    return is_partial(request) and request.headers.get("HX-Target") == "more"


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("There is nothing here.") from None
