"""`…/facets` of a search and of a campaign: how many of the creators found have each value, for programs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from tastemaker.accounts.authentication import Access, access
from tastemaker.campaigns.service import get_campaign
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction
from tastemaker.searches.api import asked_filter
from tastemaker.searches.results.facet_queries import FacetName, read_facets
from tastemaker.searches.results.filtering import ResultFilter
from tastemaker.searches.results.paging import CampaignScope, Scope, SearchScope
from tastemaker.searches.service import get_search
from tastemaker.web.idempotency import Answer, answer, respond

router = APIRouter(prefix="/api/v1/searches", tags=["searches"])
campaigns_router = APIRouter(prefix="/api/v1/campaigns", tags=["campaigns"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
Wanted = Annotated[ResultFilter, Depends(asked_filter)]


class FacetValueDocument(BaseModel):
    """`value` as the filter of this name takes it; `unknown` where no value is known."""

    model_config = ConfigDict(from_attributes=True)

    value: str
    count: int
    is_chosen: bool


class FacetsDocument(BaseModel):
    """`passing` creators pass all filters. Each facet is counted with the other filters applied."""

    passing: int
    facets: dict[FacetName, list[FacetValueDocument]]


@router.get(
    "/{search_id}/facets", operation_id="list_facets_of_search", responses={200: {"model": FacetsDocument}}
)
async def facets(caller: Reading, search_id: UUID, wanted: Wanted) -> Response:
    """How many of the creators found have each value, with the filters of the results."""

    async def work(tx: Transaction) -> Answer:
        search = await get_search(tx, await caller.user(tx), str(search_id))
        return await _facets(tx, search.user_id, SearchScope((search.id,)), wanted)

    return respond(await caller.read(work))


@campaigns_router.get(
    "/{campaign_id}/facets",
    operation_id="list_facets_of_campaign",
    name="facets",
    responses={200: {"model": FacetsDocument}},
)
async def campaign_facets(caller: Reading, campaign_id: UUID, wanted: Wanted) -> Response:
    """How many of the campaign's creators have each value, with the filters of the results."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        campaign = await get_campaign(tx, user, str(campaign_id))
        return await _facets(tx, user.user_id, CampaignScope(campaign.id), wanted)

    return respond(await caller.read(work))


async def _facets(tx: Transaction, user_id: ExternalUserId, scope: Scope, wanted: ResultFilter) -> Answer:
    counted = await read_facets(tx, user_id, scope, wanted=wanted)
    document = FacetsDocument(
        passing=counted.passing,
        facets={
            facet: [FacetValueDocument.model_validate(one) for one in values]
            for facet, values in counted.of.items()
        },
    )
    return answer(document)
