"""`/api/v1/searches` and `/api/v1/costs`, and a campaign's results and deletion: searches for programs."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from tastemaker.accounts.authentication import Access, access
from tastemaker.campaigns.service import get_campaign
from tastemaker.catalog.filtering import MOST_DAYS, MOST_VALUES, refuse_unknown
from tastemaker.catalog.search import CatalogFilter
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction
from tastemaker.searches import service
from tastemaker.searches.cost_queries import CostGrouping, list_costs
from tastemaker.searches.history_queries import list_search_history
from tastemaker.searches.maintenance import delete_campaign
from tastemaker.searches.results.filtering import ResultFilter, read_filter
from tastemaker.searches.results.paging import (
    CampaignScope,
    ResultPosition,
    Scope,
    SearchScope,
    Sort,
    decode_cursor,
    encode_cursor,
)
from tastemaker.searches.results.queries import list_results
from tastemaker.searches.schemas import (
    By,
    CostDocument,
    CostsDocument,
    PastSearchDocument,
    ResultsDocument,
    SearchesDocument,
    results_document,
)
from tastemaker.web.idempotency import Answer, answer, respond

Limit = Annotated[int, Query(ge=1, le=200)]


After = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]


Number = Annotated[int, Field(ge=0, le=10**15)]
Words = Annotated[list[str], Field(max_length=MOST_VALUES)]


class FilterParameters(BaseModel):
    """Which creators are wanted: the names are those of a results page's address. Nothing sets no limit.

    An unknown value passes no limit, unless `include_unknown` is `yes`.
    """

    platform: Words = []
    keyword: Words = []
    text: Annotated[str, Field(max_length=1000)] | None = None
    min_followers: Number | None = None
    max_followers: Number | None = None
    min_views: Number | None = None
    max_views: Number | None = None
    has_email: bool = False
    email: Annotated[str, Field(max_length=10, examples=["known"])] | None = None
    language: Words = []
    country: Words = []
    verified: Words = []
    posted_within: Annotated[int, Field(ge=1, le=MOST_DAYS, description="Days.")] | None = None
    matched_in: Words = []
    seen_before: Annotated[str, Field(max_length=10, examples=["no"])] | None = None
    found_since: datetime | None = None
    include_unknown: Annotated[str, Field(max_length=10, examples=["yes"])] | None = None

    def read(self) -> ResultFilter:
        """Raises InvalidInput."""
        pairs: list[tuple[str, str]] = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            pairs += [
                (name, str(one)) for one in (value if isinstance(value, list) else [value]) if one is not None
            ]
        if self.has_email:
            pairs.append(("email", "known"))
        return read_filter(pairs)


@dataclass(frozen=True, slots=True)
class ResultsQuery:
    """Which creators, in what order, and from where on."""

    wanted: ResultFilter
    sort: Sort
    after: ResultPosition | None
    limit: int


class ResultsParameters(FilterParameters):
    """The filter, the order and the page."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[str, Field(max_length=400, description="`next` of the page before.")] | None = None
    sort: Sort = Sort.POSITION


OF_THE_CATALOG: Final = dict.fromkeys(CatalogFilter.NAMES.keys() - ResultFilter.NAMES.keys(), "the catalog")


def asked_filter(request: Request, asked: Annotated[FilterParameters, Query()]) -> ResultFilter:
    """Raises InvalidInput."""
    refuse_unknown(request.query_params, known=FilterParameters.model_fields, elsewhere=OF_THE_CATALOG)
    return asked.read()


def _results_query(request: Request, asked: Annotated[ResultsParameters, Query()]) -> ResultsQuery:
    refuse_unknown(request.query_params, known=ResultsParameters.model_fields, elsewhere=OF_THE_CATALOG)
    return ResultsQuery(asked.read(), asked.sort, decode_cursor(asked.sort, asked.after), asked.limit)


AskedResults = Annotated[ResultsQuery, Depends(_results_query)]


PATH: Final = "/api/v1/searches"


router = APIRouter(prefix=PATH, tags=["searches"])
campaigns_router = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"])
costs_router = APIRouter(prefix="/api/v1/costs", tags=["costs"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
CampaignWriting = Annotated[Access, access(ApiScope.CAMPAIGNS_WRITE, once=True)]


@router.get("", operation_id="list_searches", responses={200: {"model": SearchesDocument}})
async def show_all(caller: Reading, limit: Limit = 50, after: After = None) -> Response:
    """The searches, the newest first."""
    page = await list_search_history(caller.database, caller.caller.user_id, after=after, limit=limit)
    searches = [PastSearchDocument.model_validate(one) for one in page.rows]
    return respond(answer(SearchesDocument(searches=searches, next=page.next)))


@router.get(
    "/{search_id}/results", operation_id="list_results_of_search", responses={200: {"model": ResultsDocument}}
)
async def results(caller: Reading, search_id: UUID, asked: AskedResults) -> Response:
    """The creators found, also while the search runs. Read on with the same filters and order."""

    async def work(tx: Transaction) -> Answer:
        search = await service.get_search(tx, await caller.user(tx), str(search_id))
        return answer(await _read_results(tx, search.user_id, SearchScope((search.id,)), asked))

    return respond(await caller.read(work))


@campaigns_router.get(
    "/{campaign_id}/results",
    operation_id="list_results_of_campaign",
    name="results",
    responses={200: {"model": ResultsDocument}},
)
async def campaign_results(caller: Reading, campaign_id: UUID, asked: AskedResults) -> Response:
    """The creators that the campaign's searches found, also while they run."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        campaign = await get_campaign(tx, user, str(campaign_id))
        return answer(await _read_results(tx, user.user_id, CampaignScope(campaign.id), asked))

    return respond(await caller.read(work))


@campaigns_router.delete("/{campaign_id}", operation_id="delete_campaign", name="delete", status_code=204)
async def delete_with_searches(caller: CampaignWriting, campaign_id: UUID) -> Response:
    """Delete a campaign with all that is in it: gone at once, while a worker erases the rows."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        await delete_campaign(tx, user, await get_campaign(tx, user, str(campaign_id)))
        return Answer(b"", status=204)

    return await caller.once(work)


@costs_router.get("", operation_id="list_costs", name="show", responses={200: {"model": CostsDocument}})
async def show_costs(
    caller: Reading,
    by: By = By.PROVIDER,
    since: date | None = None,
    until: date | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What was spent with which provider, the most expensive first."""

    async def work(tx: Transaction) -> Answer:
        rows = await list_costs(
            tx,
            CostGrouping(by),
            user_id=caller.caller.user_id,
            since=since,
            until=until,
            limit=limit,
        )
        return answer(CostsDocument(by=by, costs=[CostDocument(**asdict(row)) for row in rows]))

    return respond(await caller.read(work))


async def _read_results(
    tx: Transaction, user_id: ExternalUserId, scope: Scope, asked: ResultsQuery
) -> ResultsDocument:
    page = await list_results(
        tx,
        user_id,
        scope,
        wanted=asked.wanted,
        sort=asked.sort,
        after=asked.after,
        limit=asked.limit,
    )
    return results_document(page.creators, encode_cursor(asked.sort, page.next))
