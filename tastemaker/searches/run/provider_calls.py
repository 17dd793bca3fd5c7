"""Provider calls: a page from the store of paid pages, or by a call within the limits of its account.

A live call is in the ledger before it is sent, and is settled and stored as soon as it has answered, so that
a killed worker's page is found again. The sandbox costs nothing and has no limits.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import httpx

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import REUSE_PAGES_FOR, SEARCH_INSTAGRAM, SEARCH_TIKTOK, SEARCH_YOUTUBE
from tastemaker.core.logging import get_logger
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import DATABASE_TROUBLE, Transaction, in_transaction
from tastemaker.providers import limits
from tastemaker.providers.base import (
    Capability,
    Cost,
    Declaration,
    ErrorKind,
    KeywordQuery,
    Page,
    ProfileLookup,
    Provider,
    ProviderError,
)
from tastemaker.providers.errors import adapter_failure
from tastemaker.providers.limits import Throttled, limiter_of
from tastemaker.providers.page_store import (
    PaidPage,
    find_page,
    is_on_its_way,
    keep_for_others,
    lock_for_keeping,
    question,
)
from tastemaker.searches.exclusions.filter import filter_for_reuse
from tastemaker.searches.exclusions.names import SuppressionKey
from tastemaker.searches.run import call_queries
from tastemaker.searches.run.queries import RunState
from tastemaker.searches.similar.gathering import similar_page
from tastemaker.searches.types import LIVE, SANDBOX

SWITCHES: Final = {
    Platform.YOUTUBE: SEARCH_YOUTUBE,
    Platform.TIKTOK: SEARCH_TIKTOK,
    Platform.INSTAGRAM: SEARCH_INSTAGRAM,
}

SPREAD_SECONDS, LONGEST_SPREAD_SECONDS = 0.5, 5.0

SAME_PAGE_SECONDS = 0.5
"""How often to look for a page that another run is fetching."""


log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccess:
    """How a run reaches its provider, with one snapshot of the configuration for the whole page."""

    provider: Provider
    http: httpx.AsyncClient
    platform: Platform
    source: str
    config: Configuration
    key: SuppressionKey | None = None
    lookup: ProfileLookup | None = None

    @property
    def declaration(self) -> Declaration:
        return self.provider.declaration

    @property
    def ledger_name(self) -> str:
        """The name under which the ledger keeps its calls: those of the sandbox are no provider's."""
        return SANDBOX if self.source == SANDBOX else self.declaration.name

    @property
    def account(self) -> str | None:
        """The account whose limits apply to its calls; None without limits."""
        return None if self.source == SANDBOX else limiter_of(self.declaration)

    @property
    def is_enabled(self) -> bool:
        """Whether the operator has switched on live searches on the platform."""
        return self.source != LIVE or self.config[SWITCHES[self.platform]]

    @property
    def reuse_for(self) -> timedelta:
        """How long a paid page may be reused."""
        if self.account is None or not self.declaration.policy.reusable:
            return timedelta(0)
        return self.config[REUSE_PAGES_FOR]

    @property
    def call(self) -> call_queries.PlannedCall | None:
        """The call for the ledger; None where `call_within_limits` writes it."""
        if self.account is not None:
            return None
        expected = self.price(self.declaration.cost_per_page)
        return call_queries.PlannedCall(provider=self.ledger_name, expected=expected, account=None)

    def price(self, cost: Cost) -> Cost:
        """The cost here: a sandbox takes no money."""
        return cost if self.account else replace(cost, micros_usd=0)


async def find_paid(tx: Transaction, access: ProviderAccess, run: RunState) -> PaidPage | None:
    """The page that an earlier call fetched, where it is fresh enough and may be reused."""
    if not access.reuse_for:
        return None
    return await find_page(tx, access.declaration, _query(run), run.cursor)


async def call_within_limits(database: Database, access: ProviderAccess, run: RunState) -> Page:
    """Fetch one page of a provider with limits. Raises Throttled before, ProviderError after the call.

    An empty quota or budget is a ProviderError without cost.
    """
    call_id, pause = await in_transaction(database, SYSTEM, partial(_enter, access=access, run=run))
    try:
        await asyncio.sleep(pause)
        page = await fetch_page(access, run)
    except asyncio.CancelledError:  # so that nobody waits for its answer or its place
        with suppress(*DATABASE_TROUBLE):
            abandon = partial(call_queries.abandon_call, run=run, call_id=call_id)
            await in_transaction(database, SYSTEM, abandon)
        raise
    except ProviderError as error:
        settle = partial(_settle_failure, access=access, run=run, call_id=call_id, error=error)
        await in_transaction(database, SYSTEM, settle)
        raise
    await in_transaction(
        database, SYSTEM, partial(_settle, access=access, run=run, call_id=call_id, page=page)
    )
    return page


async def fetch_page(access: ProviderAccess, run: RunState) -> Page:
    """The one place that calls a provider, with no transaction open. Raises ProviderError.

    Any other error of the adapter counts as an answer of garbage.
    """
    name, seconds = access.declaration.name, access.declaration.page_seconds
    try:
        async with asyncio.timeout(seconds):
            page = await _ask(access, run)
    except ProviderError as error:
        error.cost = access.price(error.cost)
        raise
    except TimeoutError:
        message = f"The page of {name} was not complete within {seconds:g} seconds."
        cost = access.price(access.declaration.cost_per_page)
        raise ProviderError(ErrorKind.TIMEOUT, message, final=False, cost=cost) from None
    except Exception as error:
        log.exception("the adapter %s broke", name)
        raise adapter_failure(access.provider, name, error) from error
    return replace(page, cost=access.price(page.cost))


async def _ask(access: ProviderAccess, run: RunState) -> Page:
    if run.like is None:
        return await access.provider.search_keyword(access.http, _query(run), run.cursor)
    query = KeywordQuery(keyword=run.keyword, region=run.region)
    return await similar_page(access.provider, access.http, query, run.like, run.cursor)


def spread(seconds: float) -> float:
    """Seconds of jitter to add to a wait."""
    return random.uniform(0, min(max(seconds, SPREAD_SECONDS), LONGEST_SPREAD_SECONDS))  # noqa: S311 - jitter, not a secret


async def _enter(tx: Transaction, *, access: ProviderAccess, run: RunState) -> tuple[UUID, float]:
    """The call's row in the ledger, and the seconds to wait before it is sent."""
    declared, capability = access.declaration, Capability.KEYWORD_SEARCH
    account, digest = (
        limiter_of(declared),
        question(declared, _query(run), run.cursor) if access.reuse_for else None,
    )
    if digest is not None and await is_on_its_way(
        tx, digest, provider=declared.name, gate=account, run_id=run.run_id, seconds=declared.page_seconds
    ):
        raise Throttled(SAME_PAGE_SECONDS, "The same page is being asked for already.")
    pause = await limits.acquire(
        tx,
        declared,
        access.config,
        capability,
        user_id=run.user_id,
        search_id=run.search_id,
        max_cost=run.max_cost,
    )
    expected = declared.price_of(capability)
    call = call_queries.PlannedCall(provider=declared.name, expected=expected, account=account, digest=digest)
    return await call_queries.begin_call(tx, run, call), pause


async def _settle(
    tx: Transaction, *, access: ProviderAccess, run: RunState, call_id: UUID, page: Page
) -> None:
    """Settle the call, and store its page for others and for this run, should its process die now."""
    await call_queries.settle_call(tx, run, call_id, page.cost, status="charged")
    await limits.record_success(tx, access.declaration)
    if access.reuse_for:
        await _keep(tx, access, run, page)


async def _keep(tx: Transaction, access: ProviderAccess, run: RunState, page: Page) -> None:
    await lock_for_keeping(tx)
    kept = await filter_for_reuse(tx, page, access.platform, access.key)
    if kept is not None:
        await keep_for_others(tx, access.declaration, _query(run), run.cursor, kept, keep=access.reuse_for)


async def _settle_failure(
    tx: Transaction, *, access: ProviderAccess, run: RunState, call_id: UUID, error: ProviderError
) -> None:
    await call_queries.settle_call(tx, run, call_id, error.cost, status="failed", error_kind=error.kind.value)
    await limits.record_failure(tx, access.declaration, access.config, Capability.KEYWORD_SEARCH, error)


def _query(run: RunState) -> KeywordQuery:
    """The page of a similar search is another one than that of a keyword that is written the same."""
    options = {} if run.like is None else {"like": run.like}
    return KeywordQuery(keyword=run.keyword, region=run.region, options=options)
