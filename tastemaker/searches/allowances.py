"""How much a provider may be asked: its own words, and the operator's as they stand in the configuration."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from tastemaker.config_store.declaring import ConfigKey
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
from tastemaker.config_store.live import Configuration
from tastemaker.core.money import MICROS
from tastemaker.providers.base import Declaration
from tastemaker.ratelimit.gates import PATIENCE_SECONDS, Limits
from tastemaker.ratelimit.service import UNLIMITED, Budget, Quota
from tastemaker.searches.types import Turn

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


def limits_of(declaration: Declaration, config: Configuration) -> Limits:
    """In pages: one takes as many calls as it is declared to, and is forgotten when those must have ended."""
    pages_per_second = declaration.calls_per_second / max(1, declaration.cost_per_page.calls)
    return Limits(
        calls_per_second=pages_per_second,
        burst=max(1, int(pages_per_second)),
        at_once=int(config[PAGES_AT_ONCE.get(declaration.name, OTHER_PAGES_AT_ONCE)]),
        deadline=declaration.page_seconds + PATIENCE_SECONDS,
        trips_after=int(config[FAILURES_BEFORE_A_REST]),
    )


def quotas_of(declaration: Declaration, config: Configuration) -> tuple[Quota, ...]:
    return tuple(
        Quota(
            name=quota.name,
            amount=quota.amount,
            allowed=_allowed(config, declaration.name, quota.name, quota.allowed),
            zone=quota.zone,
        )
        for quota in declaration.quotas
    )


def budget_of(turn: Turn, config: Configuration) -> Budget:
    return Budget(
        installation=_micros(config[INSTALLATION_BUDGET]),
        user=_micros(config[USER_BUDGET]),
        search=UNLIMITED if turn.max_cost is None else turn.max_cost,
    )


def _allowed(config: Configuration, adapter: str, quota: str, declared: int) -> int:
    key = ALLOWED.get((adapter, quota))
    return declared if key is None else int(config[key])


def _micros(dollars: Decimal) -> int:
    return UNLIMITED if dollars < 0 else int(dollars * MICROS)
