"""Asking a provider for a page: from what was paid for already, or by a call within everybody's limits.

A live page is in the ledger before it is asked for, and is settled and kept as soon as its answer is there:
who comes after a kill finds it. The sandbox costs nothing, and nothing limits it.
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
from tastemaker.db.engine import DATABASE_TROUBLE, Database, in_transaction
from tastemaker.db.transaction import Transaction
from tastemaker.providers import limits
from tastemaker.providers.base import (
    Capability,
    Cost,
    Declaration,
    ErrorKind,
    KeywordQuery,
    Page,
    Provider,
    ProviderError,
)
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
from tastemaker.searches.types import LIVE, SANDBOX

SWITCHES: Final = {
    Platform.YOUTUBE: SEARCH_YOUTUBE,
    Platform.TIKTOK: SEARCH_TIKTOK,
    Platform.INSTAGRAM: SEARCH_INSTAGRAM,
}


SPREAD_SECONDS, LONGEST_SPREAD_SECONDS = 0.5, 5.0


SAME_PAGE_SECONDS = 0.5
"""How often it is looked whether a page that another run asks for has come."""


log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAccess:
    """How a run's provider is reached, with one state of the configuration for the whole page."""

    provider: Provider
    http: httpx.AsyncClient
    platform: Platform
    source: str
    config: Configuration
    key: SuppressionKey | None = None

    @property
    def declaration(self) -> Declaration:
        return self.provider.declaration

    @property
    def gate(self) -> str | None:
        """The account whose limits the calls take of; None where nothing limits them."""
        return None if self.source == SANDBOX else limiter_of(self.declaration)

    @property
    def is_enabled(self) -> bool:
        """Whether the operator lets live searches on the platform go on."""
        return self.source != LIVE or self.config[SWITCHES[self.platform]]

    @property
    def reuse_for(self) -> timedelta:
        """How long a page that was paid for may answer others."""
        if self.gate is None or not self.declaration.policy.reusable:
            return timedelta(0)
        return self.config[REUSE_PAGES_FOR]

    @property
    def call(self) -> call_queries.PlannedCall | None:
        """How a call enters the ledger; None where the system admits it, and writes it down, first."""
        if self.gate is not None:
            return None
        expected = self.price(self.declaration.cost_per_page)
        return call_queries.PlannedCall(provider=self.declaration.name, expected=expected, gate=None)

    def price(self, cost: Cost) -> Cost:
        """What it costs here: a sandbox takes no money."""
        return cost if self.gate else replace(cost, micros_usd=0)


async def find_paid(session: Transaction, access: ProviderAccess, state: RunState) -> PaidPage | None:
    """The page as somebody's call brought it, where that is fresh enough and may answer others."""
    if not access.reuse_for:
        return None
    return await find_page(session, access.declaration, _query(state), state.cursor)


async def call_within_limits(database: Database, access: ProviderAccess, state: RunState) -> Page:
    """One page of a provider that has a gate. Raises Throttled before, ProviderError after the call.

    A quota or a budget that has nothing left is a ProviderError that cost nothing.
    """
    call_id, pause = await in_transaction(database, SYSTEM, partial(_enter, access=access, state=state))
    try:
        await asyncio.sleep(pause)
        page = await fetch_page(access, state)
    except asyncio.CancelledError:  # nobody else has to wait for its answer, or for its place
        with suppress(*DATABASE_TROUBLE):
            abandon = partial(call_queries.abandon_call, state=state, call_id=call_id)
            await in_transaction(database, SYSTEM, abandon)
        raise
    except ProviderError as error:
        settle = partial(_settle_failure, access=access, state=state, call_id=call_id, error=error)
        await in_transaction(database, SYSTEM, settle)
        raise
    await in_transaction(
        database, SYSTEM, partial(_settle, access=access, state=state, call_id=call_id, page=page)
    )
    return page


async def fetch_page(access: ProviderAccess, state: RunState) -> Page:
    """The one place where a provider is asked, with no transaction open. Raises ProviderError.

    Whatever else the adapter raises is its own mistake, and counts as an answer of garbage.
    """
    name, seconds = access.declaration.name, access.declaration.page_seconds
    try:
        async with asyncio.timeout(seconds):
            page = await access.provider.search_keyword(access.http, _query(state), state.cursor)
    except ProviderError as error:
        error.cost = access.price(error.cost)
        raise
    except TimeoutError:
        message = f"The page of {name} was not complete within {seconds:g} seconds."
        cost = access.price(access.declaration.cost_per_page)
        raise ProviderError(ErrorKind.TIMEOUT, message, final=False, cost=cost) from None
    except Exception as error:
        log.exception("the adapter %s broke", name)
        message = f"The adapter {name} could not understand an answer."
        raise ProviderError(ErrorKind.GARBAGE, message, final=False) from error
    return replace(page, cost=access.price(page.cost))


def spread(seconds: float) -> float:
    """Seconds to add to a wait, so that those who wait for the same moment do not all come at once."""
    return random.uniform(0, min(max(seconds, SPREAD_SECONDS), LONGEST_SPREAD_SECONDS))  # noqa: S311 - jitter, not a secret


async def _enter(session: Transaction, *, access: ProviderAccess, state: RunState) -> tuple[UUID, float]:
    """The call's row in the ledger, and how long to wait before it goes out: seconds at most."""
    declared, capability = access.declaration, Capability.KEYWORD_SEARCH
    gate, digest = (
        limiter_of(declared),
        question(declared, _query(state), state.cursor) if access.reuse_for else None,
    )
    if digest is not None and await is_on_its_way(
        session, digest, provider=declared.name, gate=gate, run_id=state.run_id, seconds=declared.page_seconds
    ):
        raise Throttled(SAME_PAGE_SECONDS, "The same page is being asked for already.")
    pause = await limits.acquire(
        session,
        declared,
        access.config,
        capability,
        user_id=state.user_id,
        search_id=state.search_id,
        max_cost=state.max_cost,
    )
    expected = declared.price_of(capability)
    call = call_queries.PlannedCall(provider=declared.name, expected=expected, gate=gate, digest=digest)
    return await call_queries.begin_call(session, state, call), pause


async def _settle(
    session: Transaction, *, access: ProviderAccess, state: RunState, call_id: UUID, page: Page
) -> None:
    """Paid for, and kept for whoever asks the same: also for this run, should its process die now."""
    await call_queries.settle_call(session, state, call_id, page.cost, status="charged")
    await limits.record_success(session, access.declaration)
    if access.reuse_for:
        await _keep(session, access, state, page)


async def _keep(session: Transaction, access: ProviderAccess, state: RunState, page: Page) -> None:
    await lock_for_keeping(session)
    kept = await filter_for_reuse(session, page, access.platform, access.key)
    if kept is not None:
        await keep_for_others(
            session, access.declaration, _query(state), state.cursor, kept, keep=access.reuse_for
        )


async def _settle_failure(
    session: Transaction, *, access: ProviderAccess, state: RunState, call_id: UUID, error: ProviderError
) -> None:
    await call_queries.settle_call(
        session, state, call_id, error.cost, status="failed", error_kind=error.kind.value
    )
    await limits.record_failure(session, access.declaration, access.config, Capability.KEYWORD_SEARCH, error)


def _query(state: RunState) -> KeywordQuery:
    return KeywordQuery(keyword=state.keyword, region=state.region)
