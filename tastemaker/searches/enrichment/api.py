"""`/api/v1/enrichments`: profiles of a campaign's or a search's creators, asked for by programs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from tastemaker.accounts.authentication import Access, access
from tastemaker.campaigns.service import get_campaign
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import CampaignId
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import ApiScope, EnrichmentStatus
from tastemaker.db.transaction import Transaction
from tastemaker.searches.enrichment.service import (
    PlatformProfiles,
    Scope,
    estimate_enrichment,
    get_enrichment,
    start_enrichment,
)
from tastemaker.searches.installation import Installation, installation_of
from tastemaker.searches.service import get_search
from tastemaker.searches.types import LIVE, SANDBOX
from tastemaker.web.idempotency import Answer, answer, respond

PATH = "/api/v1/enrichments"

router = APIRouter(prefix=PATH, tags=["enrichments"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
Writing = Annotated[Access, access(ApiScope.SEARCHES_WRITE, once=True)]


class WantedEnrichment(BaseModel):
    """The creators of a campaign or, with `search_id`, of one search."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"campaign_id": "3f0c4c0e-6d1f-4b57-9d0e-0c5f2a3b7e11"}]},
    )

    campaign_id: UUID | None = None
    search_id: UUID | None = None


class NewEnrichment(WantedEnrichment):
    """`max_cost_micros_usd` is hard: creators beyond it are skipped."""

    max_cost_micros_usd: Annotated[StrictInt, Field(ge=0, le=10**15)] | None = None


class EnrichmentDocument(BaseModel):
    """How far it is: of `wanted` creators those that are neither completed, failed nor skipped wait."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    campaign_id: UUID
    search_id: UUID | None
    source: str
    status: EnrichmentStatus
    wanted: int
    completed: int
    failed: int
    skipped: int
    reason: str | None
    created_at: datetime
    finished_at: datetime | None


class PlatformProfilesDocument(BaseModel):
    """Creators of a platform without a fresh profile. Money in millionths of a US dollar."""

    model_config = ConfigDict(from_attributes=True)

    platform: Platform
    creators: int
    calls: int
    units: int
    micros_usd: int
    can_be_asked: bool


class EnrichmentEstimateDocument(BaseModel):
    """At most: a profile that is stored already is free. `micros_usd` is 0 in the sandbox."""

    source: str
    estimates: list[PlatformProfilesDocument]
    micros_usd: int


@router.post(
    "/estimates",
    operation_id="estimate_enrichment",
    responses={200: {"model": EnrichmentEstimateDocument}},
)
async def estimate(caller: Reading, request: Request, wanted: WantedEnrichment) -> Response:
    """How many creators need their profile, and what that costs at most. Calls no provider."""
    installation = installation_of(request)

    async def work(tx: Transaction) -> Answer:
        scope = await read_scope(tx, caller, installation, wanted)
        user = await caller.user(tx)
        declared = installation.profile_declarations(scope.source)
        config = caller.services.rate_limit.config
        found = await estimate_enrichment(tx, user.user_id, scope, declared, config)
        return answer(
            EnrichmentEstimateDocument(
                source=scope.source,
                estimates=[PlatformProfilesDocument.model_validate(one) for one in found],
                micros_usd=total_cost(scope, found),
            )
        )

    return respond(await caller.read(work))


@router.post(
    "", operation_id="start_enrichment", status_code=202, responses={202: {"model": EnrichmentDocument}}
)
async def start(caller: Writing, request: Request, wanted: NewEnrichment) -> Response:
    """Fetch the profiles that are missing. A worker asks for them, a few at a time."""
    installation = installation_of(request)

    async def work(tx: Transaction) -> Answer:
        scope = await read_scope(tx, caller, installation, wanted)
        user = await caller.user(tx)
        config = caller.services.rate_limit.config
        begun = await start_enrichment(tx, user.user_id, scope, config, max_cost=wanted.max_cost_micros_usd)
        return answer(EnrichmentDocument.model_validate(begun), status=202, location=f"{PATH}/{begun.id}")

    return await caller.once(work)


@router.get("/{enrichment_id}", operation_id="get_enrichment", responses={200: {"model": EnrichmentDocument}})
async def show(caller: Reading, enrichment_id: UUID) -> Response:
    """How far an enrichment is."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        return answer(
            EnrichmentDocument.model_validate(await get_enrichment(tx, user.user_id, enrichment_id))
        )

    return respond(await caller.read(work))


async def read_scope(
    tx: Transaction, caller: Access, installation: Installation, wanted: WantedEnrichment
) -> Scope:
    """Raises NotFound, InvalidInput."""
    if (wanted.campaign_id is None) == (wanted.search_id is None):
        raise InvalidInput("Name either a campaign or a search.")
    user = await caller.user(tx)
    if wanted.search_id is not None:
        search = await get_search(tx, user, str(wanted.search_id))
        if search.campaign_id is None:
            raise InvalidInput("This search belongs to no campaign.")
        return Scope(
            campaign_id=CampaignId(search.campaign_id), source=search.source or LIVE, search_id=search.id
        )
    campaign = await get_campaign(tx, user, str(wanted.campaign_id))
    return Scope(campaign_id=campaign.id, source=installation.profile_source)


def total_cost(scope: Scope, found: Sequence[PlatformProfiles]) -> int:
    return 0 if scope.source == SANDBOX else sum(one.micros_usd for one in found)
