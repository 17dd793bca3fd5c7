"""`/api/v1/searches`: searches estimated, started, cancelled and resumed by programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tastemaker.accounts.authentication import Access, access
from tastemaker.billing.plan_limits import creators_left
from tastemaker.campaigns.service import get_campaign
from tastemaker.config_store.keys import ENRICH_AUTOMATICALLY
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.ratelimit.service import close_breakers
from tastemaker.searches import service
from tastemaker.searches.api import PATH
from tastemaker.searches.cost_estimate import SearchEstimate, estimate_searches
from tastemaker.searches.exclusions.service import exclude_found
from tastemaker.searches.installation import Installation, installation_of
from tastemaker.searches.schemas import (
    EstimateDocument,
    NewSearch,
    PlatformEstimate,
    SearchDocument,
    StartedSearches,
    WantedSearch,
    search_document,
)
from tastemaker.searches.types import (
    LIVE,
    SANDBOX,
    Search,
    SearchRequest,
    SourceChoice,
    choose_source,
    make_request,
)
from tastemaker.web.idempotency import Answer, answer, respond

router = APIRouter(prefix=PATH, tags=["searches"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
Writing = Annotated[Access, access(ApiScope.SEARCHES_WRITE, once=True)]


@router.post("/estimates", operation_id="estimate_searches", responses={200: {"model": EstimateDocument}})
async def estimate(caller: Reading, request: Request, wanted: WantedSearch) -> Response:
    """What a search would probably cost and take, by platform. Starts nothing and calls no provider."""
    installation = installation_of(request)
    choice = _choose(caller.services.live, wanted)
    requests = _requests(caller, choice, wanted)
    ignoring = installation.without_region(choice.source, choice.platforms, wanted.region)

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        declared = installation.declarations(choice.source)
        found = await estimate_searches(tx, user.user_id, requests, declared, source=choice.source)
        left = await creators_left(tx, user.user_id)
        target = sum(one.target for one in requests)
        document = EstimateDocument(
            source=choice.source,
            estimates=[_estimate(one, ignoring) for one in found],
            micros_usd=0 if choice.source == SANDBOX else sum(one.cost.micros_usd for one in found),
            left_out=list(choice.left_out),
            creators_left=None if left == float("inf") else int(left),
            is_within_plan=target <= left,
        )
        return answer(document)

    return respond(await caller.read(work))


@router.post("", operation_id="start_searches", status_code=202, responses={202: {"model": StartedSearches}})
async def start(caller: Writing, request: Request, wanted: NewSearch) -> Response:
    """Start one search for each platform, all or none. A worker finds the creators."""
    choice = _choose(caller.services.live, wanted)
    requests = _requests(caller, choice, wanted)
    if wanted.criteria is not None:
        installation_of(request).refuse_unmatchable(choice.source, requests)
    ignoring: Sequence[Platform] = ()
    if wanted.region is not None:
        installation = installation_of(request)
        ignoring = installation.without_region(choice.source, choice.platforms, wanted.region)

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        campaign = await get_campaign(tx, user, str(wanted.campaign_id))
        excluded = [
            await exclude_found(
                tx, user, of=await get_campaign(tx, user, str(other)), campaign_id=campaign.id
            )
            for other in wanted.exclude_campaigns
        ]
        started = [
            await service.start_search(tx, user, campaign, one, source=choice.source) for one in requests
        ]
        document = StartedSearches(
            searches=[search_document(one) for one in started],
            excluded=sum(excluded) if excluded else None,
            region_ignored_by=list(ignoring),
        )
        return answer(document, status=202, location=f"{PATH}/{started[0].id}")

    return await caller.once(work)


@router.post(
    "/{search_id}/cancellation", operation_id="cancel_search", responses={200: {"model": SearchDocument}}
)
async def cancel(caller: Writing, search_id: UUID) -> Response:
    """Stop within a page. What was found stays. 409 where it has ended already."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        search = await service.get_search(tx, user, str(search_id))
        return answer(search_document(await service.cancel_search(tx, user, search)))

    return await caller.once(work)


@router.post(
    "/{search_id}/resumption",
    operation_id="resume_search",
    status_code=202,
    responses={202: {"model": SearchDocument}},
)
async def resume(caller: Writing, request: Request, search_id: UUID) -> Response:
    """Continue a search that waits or was interrupted, now. 409 where it has ended."""
    installation = installation_of(request)
    asks_again = False

    async def work(tx: Transaction) -> Answer:
        nonlocal asks_again
        user = await caller.user(tx)
        search = await service.get_search(tx, user, str(search_id))
        _refuse_without_key(search, installation)
        search = await service.resume_search(tx, user, search)
        asks_again = user.is_admin and search.source == LIVE
        return answer(search_document(search), status=202, location=f"{PATH}/{search.id}")

    done = await caller.once(work)
    if asks_again:  # perhaps there are credits again, or the trouble is over
        await in_transaction(caller.database, SYSTEM, close_breakers)
    return done


def _choose(live: frozenset[Platform], wanted: WantedSearch) -> SourceChoice:
    """Raises InvalidInput."""
    named = [Platform.parse(name) for name in wanted.platforms or []]
    if len(set(named)) < len(named):
        raise InvalidInput("A platform is named twice.")
    choice = choose_source(live, named or list(Platform), sandbox=wanted.sandbox)
    if named and choice.left_out:
        raise InvalidInput(f"This installation has no key for {choice.left_out[0].value}.")
    return choice


def _requests(caller: Access, choice: SourceChoice, wanted: WantedSearch) -> list[SearchRequest]:
    """Raises InvalidInput."""
    is_automatic = caller.services.rate_limit.config[ENRICH_AUTOMATICALLY]
    return [
        make_request(
            platform=platform,
            keywords=wanted.keywords,
            target=wanted.target,
            region=wanted.region,
            max_cost=wanted.max_cost_micros_usd,
            enrich=is_automatic if wanted.enrich is None else wanted.enrich,
            like=wanted.like,
            criteria=wanted.criteria.filter if wanted.criteria else None,
            most_looked=wanted.most_looked,
        )
        for platform in choice.platforms
    ]


def _estimate(one: SearchEstimate, ignoring: Sequence[Platform]) -> PlatformEstimate:
    return PlatformEstimate(
        **asdict(one.cost),
        least_seconds=one.least_seconds,
        most_seconds=one.most_seconds,
        ignores_region=one.cost.platform in ignoring,
    )


def _refuse_without_key(search: Search, installation: Installation) -> None:
    if search.source == LIVE and search.status.is_open:
        installation.refuse_without_key(search.platform)
