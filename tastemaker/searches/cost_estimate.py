"""The probable cost and duration of a search, estimated without a call."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tastemaker.catalog.matching import Verdict, matches, needs_profiles
from tastemaker.core.clock import utc_now
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Capability, Cost, Declaration, KeywordQuery
from tastemaker.providers.page_store import find_page
from tastemaker.searches.cost_queries import find_pace, find_yield
from tastemaker.searches.run.candidate_queries import LIST_FACTS
from tastemaker.searches.service import MOST_RUNS_AT_ONCE
from tastemaker.searches.similar.gathering import MOST_SIMILAR_PAGES
from tastemaker.searches.types import SANDBOX, SearchRequest

NEW_ON_A_PAGE = 0.6
"""Share of a page's items that are new creators, where the user has not searched on the platform yet."""

USUALLY_MATCHING = 0.1
"""Share of creators that match criteria, where too few are known here to tell."""

SAMPLE, SMALLEST_SAMPLE = 1_000, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimate:
    """Pages at the best and probably, and what the probable ones take. `paid`: answered by earlier calls.

    `profiles`: fetched one by one; their calls are among `calls`. With criteria the cost lies between
    `least_micros_usd`, if everybody matches, and `most_micros_usd`, if as many are looked at as may be;
    `matching` is the share of the creators known here that match.
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
    least_micros_usd: int
    most_micros_usd: int
    matching: float | None
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
    is_sandbox = source == SANDBOX
    cost = await estimate_cost(tx, user_id, request, declaration, is_sandbox=is_sandbox)
    pace = await find_pace(tx, user_id, SANDBOX if source == SANDBOX else declaration.name)
    side_by_side = min(len(request.keywords), MOST_RUNS_AT_ONCE)
    rounds = math.ceil((cost.pages - cost.paid) / side_by_side)
    return SearchEstimate(
        cost=cost,
        least_seconds=None if pace.fast is None else rounds * pace.fast,
        most_seconds=None if pace.slow is None else rounds * pace.slow,
    )


async def estimate_cost(
    tx: Transaction,
    user_id: ExternalUserId,
    request: SearchRequest,
    declaration: Declaration,
    *,
    is_sandbox: bool,
) -> CostEstimate:
    """By the yield of a page in the user's own searches on the platform."""
    known = await find_yield(tx, user_id, request.platform)
    expected = max(known or declaration.page_size * NEW_ON_A_PAGE, 1.0)
    side_by_side = min(len(request.keywords), MOST_RUNS_AT_ONCE)
    share = await _matching_share(tx, request, is_sandbox=is_sandbox)
    looked = _looked_at(request, share)
    pages = max(math.ceil(looked / expected), side_by_side)
    least_pages = max(math.ceil(request.target / declaration.page_size), 1)
    if request.like is not None:  # it reads the same pages for every target
        least_pages, pages = 1, MOST_SIMILAR_PAGES
    paid = await _count_paid(tx, request, declaration, most=pages)
    most = request.most_looked or request.target
    probable = _cost(request, declaration, pages=pages - paid, looked=looked)
    least = _cost(request, declaration, pages=least_pages, looked=request.target)
    highest = _cost(request, declaration, pages=max(math.ceil(most / expected), side_by_side), looked=most)
    has_criteria = request.criteria is not None
    return CostEstimate(
        platform=request.platform,
        provider=declaration.name,
        least_pages=least_pages,
        pages=pages,
        paid=paid,
        profiles=_profiles(request, declaration, looked),
        calls=probable.calls,
        units=probable.units,
        micros_usd=probable.micros_usd,
        least_micros_usd=least.micros_usd if has_criteria else probable.micros_usd,
        most_micros_usd=highest.micros_usd if has_criteria else probable.micros_usd,
        matching=share,
        by_experience=known is not None,
    )


def _cost(request: SearchRequest, declaration: Declaration, *, pages: int, looked: int) -> Cost:
    """Of so many pages, and of the profiles of those that are looked at."""
    page, profile = declaration.cost_per_page, declaration.price_of(Capability.PROFILE)
    profiles = _profiles(request, declaration, looked)
    return Cost(
        calls=pages * page.calls + profiles * profile.calls,
        units=pages * page.units + profiles * profile.units,
        micros_usd=pages * page.micros_usd + profiles * profile.micros_usd,
    )


def _profiles(request: SearchRequest, declaration: Declaration, looked: int) -> int:
    if declaration.tells_bios:
        return 0
    if request.criteria is not None and needs_profiles(request.criteria):
        return looked
    return request.target if request.enrich else 0


def _looked_at(request: SearchRequest, share: float | None) -> int:
    """How many creators the target probably takes."""
    if request.criteria is None or request.most_looked is None:
        return request.target
    return min(math.ceil(request.target / max(share or USUALLY_MATCHING, 0.001)), request.most_looked)


async def _matching_share(tx: Transaction, request: SearchRequest, *, is_sandbox: bool) -> float | None:
    """Of the newest creators of the platform that are known well; None without criteria, or with too few."""
    criteria = request.criteria
    if criteria is None:
        return None
    newest = LIST_FACTS.choose(which="platform")
    facts = await tx.many(
        newest, platform=request.platform.value, made_up=is_sandbox, fresh_seconds=0.0, limit=SAMPLE
    )
    if len(facts) < SMALLEST_SAMPLE:
        return None
    now = utc_now()
    return sum(matches(criteria, one, now) is Verdict.YES for one in facts) / len(facts)


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
