"""`/api/v1/creators`: the catalog for programs."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from tastemaker.accounts.authentication import Access, access
from tastemaker.catalog.filtering import MOST_DAYS, refuse_unknown
from tastemaker.catalog.search import CatalogFilter, Ranking, read_catalog_filter
from tastemaker.catalog.terms import LONGEST_QUERY
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction
from tastemaker.searches.api import Number, Words
from tastemaker.searches.discover.service import DiscoverPage, Discovery, discover, shows_sandbox
from tastemaker.searches.facets_api import FacetValueDocument
from tastemaker.searches.installation import installation_of
from tastemaker.searches.results.facet_queries import FacetName
from tastemaker.searches.results.filtering import ResultFilter
from tastemaker.web.idempotency import Answer, answer, respond

router = APIRouter(prefix="/api/v1/creators", tags=["creators"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
OF_RESULTS: Final = dict.fromkeys(ResultFilter.NAMES.keys() - CatalogFilter.NAMES.keys(), "results")


class DiscoverParameters(BaseModel):
    """Which creators are wanted, in what order, and from where on. Nothing sets no limit.

    An unknown value passes no limit, unless `include_unknown` is `yes`.
    """

    q: Annotated[
        str,
        Field(
            max_length=20 * LONGEST_QUERY,
            description='Words, "phrases", prefix*, -exclusions and #tags; all are wanted.',
            examples=['"ice cream" -vegan'],
        ),
    ] = ""
    platform: Words = []
    min_followers: Number | None = None
    max_followers: Number | None = None
    email: Annotated[str, Field(max_length=10, examples=["known"])] | None = None
    language: Words = []
    country: Words = []
    verified: Words = []
    posted_within: Annotated[int, Field(ge=1, le=MOST_DAYS, description="Days.")] | None = None
    campaign: Words = []
    exclude_campaign: Words = []
    seen_since: datetime | None = None
    include_unknown: Annotated[str, Field(max_length=10, examples=["yes"])] | None = None
    sort: Ranking = Ranking.RELEVANCE
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[str, Field(max_length=400, description="`next` of the page before.")] | None = None


def _discovery(request: Request, asked: Annotated[DiscoverParameters, Query()]) -> Discovery:
    """Raises InvalidInput."""
    refuse_unknown(request.query_params, known=DiscoverParameters.model_fields, elsewhere=OF_RESULTS)
    pairs = [
        (name, str(one))
        for name in CatalogFilter.NAMES
        for one in _several(getattr(asked, name))
        if one is not None
    ]
    return Discovery(
        text=asked.q,
        wanted=read_catalog_filter(pairs),
        sort=asked.sort,
        limit=asked.limit,
        after=asked.after,
    )


class SeenIn(BaseModel):
    """The latest of your campaigns that has the creator."""

    id: str
    name: str


class DiscoveredDocument(BaseModel):
    """A creator of the catalog. Unknown is null. Addresses in the `bio` are left out."""

    model_config = ConfigDict(from_attributes=True)

    creator_id: int
    platform: Platform
    stable_id: str
    handle: str | None
    name: str | None
    bio: str | None
    followers: int | None
    verified: bool | None
    country: str | None
    language: str | None
    has_email: bool
    profile_url: str | None
    fetched_at: datetime
    last_post_at: datetime | None
    seen_in: SeenIn | None = None


class DiscoveredDocuments(BaseModel):
    """`total` creators match, or about so many if not `total_is_exact`. `next` is null on the last page.

    `alike`: nobody has these words; the creators have nearly that name or handle. Each facet is counted with
    the other filters applied.
    """

    creators: list[DiscoveredDocument]
    total: int
    total_is_exact: bool
    alike: bool
    facets: dict[FacetName, list[FacetValueDocument]]
    facets_are_exact: bool
    next: str | None


@router.get("", operation_id="discover_creators", responses={200: {"model": DiscoveredDocuments}})
async def show_creators(
    caller: Reading, request: Request, asked: Annotated[Discovery, Depends(_discovery)]
) -> Response:
    """Creators that this installation has found before. It costs nothing."""
    with_sandbox = shows_sandbox(installation_of(request))

    async def work(tx: Transaction) -> Answer:
        page = await discover(tx, await caller.user(tx), asked, with_sandbox=with_sandbox)
        return answer(discovered_documents(page))

    return respond(await caller.read(work))


def discovered_documents(page: DiscoverPage) -> DiscoveredDocuments:
    found = page.found
    creators = []
    for row in page.creators:
        document = DiscoveredDocument.model_validate(row)
        if row.seen_in_id is not None:
            document.seen_in = SeenIn(id=str(row.seen_in_id), name=row.seen_in_name or "")
        creators.append(document)
    return DiscoveredDocuments(
        creators=creators,
        total=found.total,
        total_is_exact=found.total_is_exact,
        alike=found.alike,
        facets={
            facet: [FacetValueDocument.model_validate(one) for one in values]
            for facet, values in page.facets.of.items()
        },
        facets_are_exact=found.facets_are_exact,
        next=found.next,
    )


def _several(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
