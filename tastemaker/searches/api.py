"""`/api/v1/searches`: searches for programs."""

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.accounts.api_access import Access, access
from tastemaker.campaigns.service import get_campaign
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import ApiScope
from tastemaker.searches import queries, service
from tastemaker.searches.history_queries import list_search_history
from tastemaker.searches.requests import make_request
from tastemaker.searches.results_api import After, Limit, PageOfResults, read_results
from tastemaker.searches.schemas import (
    NewSearch,
    PastSearchDocument,
    ResultsDocument,
    SearchDocument,
    SearchesDocument,
    SearchWithRuns,
    StartedSearches,
    search_document,
    search_with_runs,
)
from tastemaker.searches.types import LIVE, SANDBOX
from tastemaker.web.idempotency import Answer, answer, respond

PATH: Final = "/api/v1/searches"

router = APIRouter(prefix=PATH, tags=["searches"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
Writing = Annotated[Access, access(ApiScope.SEARCHES_WRITE)]


@router.post("", status_code=201, responses={201: {"model": StartedSearches}})
async def start(caller: Writing, wanted: NewSearch) -> Response:
    """Start one search for each platform, all or none."""
    source, platforms = _choose(caller.services.live, wanted)

    async def work(session: AsyncSession) -> Answer:
        user = await caller.user(session)
        campaign = await get_campaign(session, user, str(wanted.campaign_id))
        started = []
        for platform in platforms:
            request = make_request(
                platform=platform,
                keywords=wanted.keywords,
                target=wanted.target,
                region=wanted.region,
                max_cost=wanted.max_cost_micros_usd,
            )
            started.append(await service.start_search(session, user, campaign, request, source=source))
        document = StartedSearches(searches=[search_document(one) for one in started])
        return answer(document, status=201, location=f"{PATH}/{started[0].id}")

    return await caller.once(work)


@router.get("", responses={200: {"model": SearchesDocument}})
async def show_all(caller: Reading, limit: Limit = 50, after: After = None) -> Response:
    """The searches, the newest first."""
    page = await list_search_history(caller.database, caller.caller.user_id, after=after, limit=limit)
    searches = [PastSearchDocument.model_validate(one) for one in page.rows]
    return respond(answer(SearchesDocument(searches=searches, next=page.next)))


@router.get("/{search_id}", responses={200: {"model": SearchWithRuns}})
async def show(caller: Reading, search_id: UUID) -> Response:
    """One search, with what each of its keywords gave."""

    async def work(session: AsyncSession) -> Answer:
        search = await service.get_search(session, await caller.user(session), str(search_id))
        runs = await queries.list_runs(session, search.user_id, search.id)
        return answer(search_with_runs(search, runs))

    return respond(await caller.read(work))


@router.post("/{search_id}/cancellation", responses={200: {"model": SearchDocument}})
async def cancel(caller: Writing, search_id: UUID) -> Response:
    """Stop within a page. What was found stays. 409 where it has ended already."""

    async def work(session: AsyncSession) -> Answer:
        user = await caller.user(session)
        search = await service.get_search(session, user, str(search_id))
        return answer(search_document(await service.cancel_search(session, user, search)))

    return await caller.once(work)


@router.get("/{search_id}/results", responses={200: {"model": ResultsDocument}})
async def results(caller: Reading, search_id: UUID, asked: PageOfResults) -> Response:
    """The creators found, also while the search runs. Read on with the same filters and order."""

    async def work(session: AsyncSession) -> Answer:
        search = await service.get_search(session, await caller.user(session), str(search_id))
        return answer(await read_results(session, search.user_id, [SearchId(search.id)], asked))

    return respond(await caller.read(work))


def _choose(live: frozenset[Platform], wanted: NewSearch) -> tuple[str, Sequence[Platform]]:
    """Live where this installation has keys, else the sandbox; never both mixed. Raises InvalidInput."""
    named = [Platform.parse(name) for name in wanted.platforms or []]
    if len(set(named)) < len(named):
        raise InvalidInput("A platform is named twice.")
    if wanted.sandbox or not live:
        return SANDBOX, named or list(Platform)
    without = [platform for platform in named if platform not in live]
    if without:
        raise InvalidInput(f"This installation has no key for {without[0].value}.")
    return LIVE, named or [platform for platform in Platform if platform in live]
