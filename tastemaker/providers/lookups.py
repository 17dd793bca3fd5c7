"""Looking up one account outside a search: from what was paid for, or by a call within the account's limits.

The call is in the ledger before it goes out, and settled when its answer is there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import httpx

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import KEEP_PROFILES_FOR
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.providers import limits
from tastemaker.providers.base import (
    Capability,
    Cost,
    Declaration,
    ErrorKind,
    Page,
    ProfileLookup,
    ProfileQuery,
    ProviderError,
)
from tastemaker.providers.errors import adapter_failure
from tastemaker.providers.limits import Throttled
from tastemaker.providers.page_store import PaidPage, find_page, keep_for_others, lock_for_keeping
from tastemaker.providers.samples import sampled

NOW = statement("SELECT app_now()", datetime, not_null="app_now")

BEGIN_LOOKUP = statement(
    """
    WITH abandoned AS (
        UPDATE provider_calls SET status = 'abandoned', finished_at = app_now()
        WHERE tenant_id = %(user_id)s AND run_id IS NULL AND operation = 'fetch_profile'
          AND status = 'estimated' AND started_at < app_now() - make_interval(secs => %(seconds)s)
    )
    INSERT INTO provider_calls (tenant_id, job_id, run_id, provider, operation, gate, estimated_units,
                                estimated_micros_usd, started_at)
    VALUES (%(user_id)s, CAST(%(search_id)s AS uuid), CAST(%(run_id)s AS uuid), %(provider)s,
            'fetch_profile', %(gate)s, %(units)s, %(micros)s, app_now())
    RETURNING id
""",
    UUID,
)

SETTLE_LOOKUP = statement("""
    UPDATE provider_calls
    SET status = %(status)s, calls = %(calls)s, units = %(units)s, micros_usd = %(micros)s,
        error_kind = %(error_kind)s, finished_at = app_now()
    WHERE id = %(call_id)s AND tenant_id = %(user_id)s
""")

ABANDONED_AFTER_SECONDS = 600.0
"""No look-up takes so long: its process died."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOwner:
    """The owner of calls in the ledger: a run of a search, or an enrichment, which is both.

    `max_cost`: what all calls of `search_id` may cost, in millionths of a US dollar.
    """

    search_id: UUID
    run_id: UUID
    max_cost: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """One question of one user. What is no older than `max_age` is not asked for again.

    `presentable` is the page without those nobody may keep, or None where it may not be kept at all.
    `made_up`: the sandbox is asked, which has no limits, costs nothing and is called so in the ledger.
    """

    user_id: ExternalUserId
    adapter: ProfileLookup
    query: ProfileQuery
    config: Configuration
    max_age: timedelta
    presentable: Callable[[Transaction, Page], Awaitable[Page | None]]
    owner: CallOwner | None = None
    made_up: bool = False

    @property
    def declaration(self) -> Declaration:
        return self.adapter.declaration

    @property
    def keep(self) -> timedelta:
        may_keep = self.declaration.policy.reusable and not self.made_up
        return self.config[KEEP_PROFILES_FOR] if may_keep else timedelta(0)

    def price(self, cost: Cost) -> Cost:
        """The cost here: a sandbox takes no money."""
        return replace(cost, micros_usd=0) if self.made_up else cost


async def look_up(database: Database, http: httpx.AsyncClient, asked: LookUp) -> PaidPage:
    """The account as it was told within `max_age`, or by a call within the account's limits, in the ledger.

    Raises ProviderError.
    """
    known = await in_transaction(database, Tenant(asked.user_id), partial(_find, asked=asked))
    if known is not None:
        return known
    call_id, pause = await _enter(database, asked)
    await asyncio.sleep(pause)
    try:
        call = partial(ask, asked.adapter, http, asked.query)
        page = await sampled(database, asked.declaration.name, "fetch_profile", call)
        page = replace(page, cost=asked.price(page.cost))
    except ProviderError as error:
        failed = partial(_settle_failure, asked=asked, call_id=call_id, error=error)
        await in_transaction(database, SYSTEM, failed)
        raise
    fetched_at = await in_transaction(
        database, SYSTEM, partial(_settle_page, asked=asked, call_id=call_id, page=page)
    )
    return PaidPage(page, fetched_at)


async def ask(adapter: ProfileLookup, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
    """Without the ledger: for the sandbox. An adapter's own mistake counts as an answer of garbage."""
    try:
        return await adapter.fetch_profile(http, query)
    except ProviderError:
        raise
    except Exception as error:
        name = adapter.declaration.name
        log.exception("the adapter %s broke", name)
        cost = adapter.declaration.price_of(Capability.PROFILE)
        raise adapter_failure(adapter, name, error, cost=cost) from error


async def _find(tx: Transaction, *, asked: LookUp) -> PaidPage | None:
    if not asked.max_age or not asked.keep:
        return None
    return await find_page(tx, asked.declaration, asked.query, younger_than=asked.max_age)


async def _enter(database: Database, asked: LookUp) -> tuple[UUID, float]:
    try:
        return await in_transaction(database, SYSTEM, partial(_begin, asked=asked))
    except Throttled as wait:
        message = f"{wait.reason} Try again in {wait.seconds:.0f} seconds."
        free = Cost(calls=0, units=0)
        raise ProviderError(
            ErrorKind.RATE_LIMITED, message, final=False, retry_after=wait.seconds, cost=free
        ) from None


async def _begin(tx: Transaction, *, asked: LookUp) -> tuple[UUID, float]:
    declared = asked.declaration
    owner = asked.owner
    pause = 0.0
    if not asked.made_up:
        pause = await limits.acquire(
            tx,
            declared,
            asked.config,
            Capability.PROFILE,
            user_id=asked.user_id,
            search_id=owner.search_id if owner else None,
            max_cost=owner.max_cost if owner else None,
        )
    price = asked.price(declared.price_of(Capability.PROFILE))
    call_id = await tx.only(
        BEGIN_LOOKUP,
        user_id=asked.user_id,
        search_id=owner.search_id if owner else None,
        run_id=owner.run_id if owner else None,
        provider="sandbox" if asked.made_up else declared.name,
        gate=None if asked.made_up else limits.limiter_of(declared),
        units=price.units,
        micros=price.micros_usd,
        seconds=ABANDONED_AFTER_SECONDS,
    )
    return call_id, pause


async def _settle_page(tx: Transaction, *, asked: LookUp, call_id: UUID, page: Page) -> datetime:
    """Kept for later requests within its time. When that was, by the database."""
    await _settle(tx, user_id=asked.user_id, call_id=call_id, cost=page.cost, status="charged")
    if not asked.made_up:
        await limits.record_success(tx, asked.declaration)
    if asked.keep:
        await lock_for_keeping(tx)
        presentable = await asked.presentable(tx, page)
        if presentable is not None and presentable.creators:
            await keep_for_others(tx, asked.declaration, asked.query, None, presentable, keep=asked.keep)
    return await tx.only(NOW)


async def _settle_failure(tx: Transaction, *, asked: LookUp, call_id: UUID, error: ProviderError) -> None:
    kind = error.kind.value
    cost = asked.price(error.cost)
    await _settle(tx, user_id=asked.user_id, call_id=call_id, cost=cost, status="failed", error_kind=kind)
    if asked.made_up:
        return
    await limits.record_failure(tx, asked.declaration, asked.config, Capability.PROFILE, error)


async def _settle(
    tx: Transaction,
    *,
    user_id: ExternalUserId,
    call_id: UUID,
    cost: Cost,
    status: str,
    error_kind: str | None = None,
) -> None:
    await tx.run(
        SETTLE_LOOKUP,
        user_id=user_id,
        call_id=call_id,
        status=status,
        calls=cost.calls,
        units=cost.units,
        micros=cost.micros_usd,
        error_kind=error_kind,
    )
