"""A provider's rate limits, quotas and budgets: acquire a slot before a call, report its outcome after it.

These functions need the system's claim. The caller writes the row of `provider_calls` in the same
transaction.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Final
from uuid import UUID

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
from tastemaker.core.backoff import backoff as doubling_backoff
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.money import MICROS
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Capability, Cost, DailyQuota, Declaration, ErrorKind, ProviderError
from tastemaker.ratelimit import service
from tastemaker.ratelimit.budget import UNLIMITED, Budget
from tastemaker.ratelimit.limiter import PATIENCE_SECONDS, Limits, Wait
from tastemaker.ratelimit.service import Quota

BACKOFF_SECONDS, BACKOFF_CAP_SECONDS = 0.5, 30.0
LONGEST_HOLD_SECONDS: Final = 2 * 86_400.0
"""Nobody is kept from a provider for longer by one of its answers."""

NO_CREDITS_SECONDS: Final = 300.0
"""How often it is tried whether used up credits, which may be bought in any moment, are there again."""

PROVIDER_FAULTS: Final = {ErrorKind.SERVER, ErrorKind.TIMEOUT, ErrorKind.GARBAGE}

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


class Throttled(Exception):
    """The account's limits allow a retry after `seconds`; `reason` is a sentence for the user."""

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.reason = reason


def limiter_of(declaration: Declaration) -> str:
    """The account whose limits the adapter's calls take of."""
    return declaration.account or declaration.name


async def acquire(
    tx: Transaction,
    declaration: Declaration,
    config: Configuration,
    capability: Capability,
    *,
    user_id: ExternalUserId,
    search_id: UUID | None = None,
    max_cost: int | None = None,
) -> float:
    """Take a slot: how long to wait before the call goes out, a few seconds at most.

    Raises Throttled; and ProviderError, that cost nothing, where a quota or a budget has nothing left.
    """
    decision = await service.admit(
        tx,
        limiter_of(declaration),
        limits_of(declaration, config, capability),
        user_id=user_id,
        search_id=search_id,
        micros_usd=declaration.price_of(capability).micros_usd,
        quotas=quotas_of(declaration, config, capability),
        budget=budget_of(config, max_cost=max_cost),
    )
    if isinstance(decision, Wait):
        raise _refusal(decision, declaration)
    return decision.after


async def record_success(tx: Transaction, declaration: Declaration) -> None:
    """The provider answered."""
    await service.succeeded(tx, limiter_of(declaration))


async def record_failure(
    tx: Transaction,
    declaration: Declaration,
    config: Configuration,
    capability: Capability,
    error: ProviderError,
) -> None:
    """What a failure means for everybody else at the same account."""
    gate = limiter_of(declaration)
    if not error.cost.calls:
        await service.refund_quotas(tx, gate, quotas_of(declaration, config, capability))
    if error.kind in PROVIDER_FAULTS:
        await service.failed(tx, gate, limits_of(declaration, config, capability))
    elif error.kind is not ErrorKind.AUTH:
        await service.succeeded(tx, gate)
    reason = str(error).rstrip(".")
    if error.kind is ErrorKind.QUOTA and error.retry_after is None and error.cost.calls:
        await service.open_breaker(tx, gate, seconds=NO_CREDITS_SECONDS, reason=reason)
    elif (pause := _asked_pause(error)) > 0:
        seconds, is_told = min(pause, LONGEST_HOLD_SECONDS), error.kind is ErrorKind.QUOTA
        await service.pause_calls(tx, gate, seconds=seconds, reason=reason, is_told=is_told)


def backoff(failures: int) -> float:
    """Seconds: exponential, capped, with full jitter."""
    return doubling_backoff(failures, first=BACKOFF_SECONDS, longest=BACKOFF_CAP_SECONDS, least=0.0)


def _refusal(wait: Wait, declaration: Declaration) -> Throttled | ProviderError:
    told = f"{wait.reason[0].upper()}{wait.reason[1:]}."
    if not wait.is_used_up:
        return Throttled(wait.seconds, f"{declaration.name}: {told}")
    return ProviderError(
        ErrorKind.QUOTA,
        told,
        final=math.isinf(wait.seconds),
        retry_after=wait.seconds,
        cost=Cost(calls=0, units=0),
    )


def _asked_pause(error: ProviderError) -> float:
    """Seconds for which the provider wants no calls."""
    if error.kind is ErrorKind.RATE_LIMITED and error.retry_after is None:
        return backoff(1)
    return error.retry_after or 0.0


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
