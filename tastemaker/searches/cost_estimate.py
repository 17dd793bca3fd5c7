"""The probable cost and duration of a search, estimated without a call."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Capability, Declaration, KeywordQuery
from tastemaker.providers.page_store import find_page
from tastemaker.searches.cost_queries import find_pace, find_yield
from tastemaker.searches.service import MOST_RUNS_AT_ONCE
from tastemaker.searches.similar.gathering import MOST_SIMILAR_PAGES
from tastemaker.searches.types import SANDBOX, SearchRequest

NEW_ON_A_PAGE = 0.6
"""Share of a page's items that are new creators, where the user has not searched on the platform yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimate:
    """Pages at the best and probably, and what the probable ones take. `paid`: answered by earlier calls.

    `profiles`: fetched one by one, as many as there are creators; their calls are among `calls`.
    """

    platform: Platform
    provider: str
    least_pages: int
    pages: int
    paid: int
    profiles: int
    calls: int
    units: int
    micros_usd: int
    by_experience: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEstimate:
    """`least_seconds` and `most_seconds` come from the user's own calls; None before the first."""

    cost: CostEstimate
    least_seconds: float | None
    most_seconds: float | None


async def estimate_searches(
    tx: Transaction,
    user_id: ExternalUserId,
    requests: Sequence[SearchRequest],
    declared: Mapping[Platform, Declaration],
    *,
    source: str,
) -> list[SearchEstimate]:
    """One for each request. The sandbox's cost is that of a live search."""
    return [
        await _estimate(tx, user_id, request, declared[request.platform], source=source)
        for request in requests
    ]


async def _estimate(
    tx: Transaction, user_id: ExternalUserId, request: SearchRequest, declaration: Declaration, *, source: str
) -> SearchEstimate:
    cost = await estimate_cost(tx, user_id, request, declaration)
    pace = await find_pace(tx, user_id, SANDBOX if source == SANDBOX else declaration.name)
    side_by_side = min(len(request.keywords), MOST_RUNS_AT_ONCE)
    rounds = math.ceil((cost.pages - cost.paid) / side_by_side)
    return SearchEstimate(
        cost=cost,
        least_seconds=None if pace.fast is None else rounds * pace.fast,
        most_seconds=None if pace.slow is None else rounds * pace.slow,
    )


async def estimate_cost(
    tx: Transaction, user_id: ExternalUserId, request: SearchRequest, declaration: Declaration
) -> CostEstimate:
    """By the yield of a page in the user's own searches on the platform."""
    known = await find_yield(tx, user_id, request.platform)
    expected = max(known or declaration.page_size * NEW_ON_A_PAGE, 1.0)
    side_by_side = min(len(request.keywords), MOST_RUNS_AT_ONCE)
    pages = max(math.ceil(request.target / expected), side_by_side)
    least = max(math.ceil(request.target / declaration.page_size), 1)
    if request.like is not None:  # it reads the same pages for every target
        least, pages = 1, MOST_SIMILAR_PAGES
    paid = await _count_paid(tx, request, declaration, most=pages)
    asked = pages - paid
    price = declaration.cost_per_page
    profiles = request.target if request.enrich and not declaration.tells_bios else 0
    each = declaration.price_of(Capability.PROFILE)
    return CostEstimate(
        platform=request.platform,
        provider=declaration.name,
        least_pages=least,
        pages=pages,
        paid=paid,
        profiles=profiles,
        calls=asked * price.calls + profiles * each.calls,
        units=asked * price.units + profiles * each.units,
        micros_usd=asked * price.micros_usd + profiles * each.micros_usd,
        by_experience=known is not None,
    )


async def _count_paid(tx: Transaction, request: SearchRequest, declaration: Declaration, *, most: int) -> int:
    """Pages of these keywords that earlier calls brought and that may be used again, in their order."""
    if not declaration.policy.reusable or request.like is not None:
        return 0
    found = 0
    for keyword in request.keywords:
        query, cursor = KeywordQuery(keyword=keyword, region=request.region), None
        while found < most:
            paid = await find_page(tx, declaration, query, cursor)
            if paid is None:
                break
            found += 1
            if (cursor := paid.page.next_cursor) is None:
                break
    return found
