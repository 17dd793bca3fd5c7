"""How much a provider may be asked: its own words, and the operator's as they stand in the configuration."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from tastemaker.config_store.declaration import ConfigKey
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import (
    FAILURES_BEFORE_A_REST,
    INSTALLATION_BUDGET,
    OTHER_PAGES_AT_ONCE,
    SCRAPECREATORS_PAGES_AT_ONCE,
    USER_BUDGET,
    YOUTUBE_PAGES_AT_ONCE,
    YOUTUBE_SEARCHES_A_DAY,
    YOUTUBE_UNITS_A_DAY,
)
from tastemaker.core.money import MICROS
from tastemaker.providers.base import Capability, DailyQuota, Declaration
from tastemaker.ratelimit.budget import UNLIMITED, Budget
from tastemaker.ratelimit.limiter import PATIENCE_SECONDS, Limits
from tastemaker.ratelimit.service import Quota

PAGES_AT_ONCE: Final[Mapping[str, ConfigKey[Decimal]]] = {
    "youtube": YOUTUBE_PAGES_AT_ONCE,
    "scrapecreators_tiktok": SCRAPECREATORS_PAGES_AT_ONCE,
    "scrapecreators_instagram": SCRAPECREATORS_PAGES_AT_ONCE,
    "scrapecreators_youtube": SCRAPECREATORS_PAGES_AT_ONCE,
}
ALLOWED: Final[Mapping[tuple[str, str], ConfigKey[Decimal]]] = {
    ("youtube", "searches"): YOUTUBE_SEARCHES_A_DAY,
    ("youtube", "units"): YOUTUBE_UNITS_A_DAY,
}
"""What an operator may have been granted more of, by adapter and quota."""


def limits_of(declaration: Declaration, config: Configuration, capability: Capability) -> Limits:
    """In pages: one takes as many calls as it is declared to, and is forgotten when those must have ended."""
    calls = max(1, declaration.price_of(capability).calls)
    pages_per_second = declaration.calls_per_second / calls
    return Limits(
        calls_per_second=pages_per_second,
        burst=max(1, int(pages_per_second)),
        at_once=int(config[PAGES_AT_ONCE.get(declaration.name, OTHER_PAGES_AT_ONCE)]),
        deadline=declaration.page_seconds + PATIENCE_SECONDS,
        trips_after=int(config[FAILURES_BEFORE_A_REST]),
    )


def quotas_of(declaration: Declaration, config: Configuration, capability: Capability) -> tuple[Quota, ...]:
    """What one page of a search, or one profile, takes of each day's allowance."""
    return tuple(
        Quota(
            name=quota.name,
            amount=amount,
            allowed=_allowed(config, declaration.name, quota.name, quota.allowed),
            zone=quota.zone,
        )
        for quota in declaration.quotas
        if (amount := _amount(declaration, quota, capability)) > 0
    )


def budget_of(config: Configuration, *, max_cost: int | None) -> Budget:
    return Budget(
        installation=_micros(config[INSTALLATION_BUDGET]),
        user=_micros(config[USER_BUDGET]),
        search=UNLIMITED if max_cost is None else max_cost,
    )


def _amount(declaration: Declaration, quota: DailyQuota, capability: Capability) -> int:
    """A quota says what a page of the search takes; of the rest every endpoint says it."""
    if capability is Capability.KEYWORD_SEARCH:
        return quota.amount
    return sum(
        endpoint.takes.get(quota.name, 0)
        for endpoint in declaration.endpoints
        if endpoint.capability is capability
    )


def _allowed(config: Configuration, adapter: str, quota: str, declared: int) -> int:
    key = ALLOWED.get((adapter, quota))
    return declared if key is None else int(config[key])


def _micros(dollars: Decimal) -> int:
    return UNLIMITED if dollars < 0 else int(dollars * MICROS)
