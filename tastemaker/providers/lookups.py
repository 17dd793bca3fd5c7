"""Looking up one account outside a search: in the ledger before the call, settled when its answer is there.

What is learnt is returned and not kept.
"""

from functools import partial
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import Database, in_transaction
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

BEGIN_LOOKUP = text("""
    WITH abandoned AS (
        UPDATE provider_calls SET status = 'abandoned', finished_at = app_now()
        WHERE tenant_id = :user_id AND run_id IS NULL AND operation = 'fetch_profile'
          AND status = 'estimated' AND started_at < app_now() - make_interval(secs => :seconds)
    )
    INSERT INTO provider_calls (tenant_id, provider, operation, gate, estimated_units,
                                estimated_micros_usd, started_at)
    VALUES (:user_id, :provider, 'fetch_profile', :gate, :units, :micros, app_now())
    RETURNING id
""")

SETTLE_LOOKUP = text("""
    UPDATE provider_calls
    SET status = :status, calls = :calls, units = :units, micros_usd = :micros, error_kind = :error_kind,
        finished_at = app_now()
    WHERE id = :call_id AND tenant_id = :user_id
""")

ABANDONED_AFTER_SECONDS = 600.0
"""No look-up takes so long: its process died."""

log = get_logger(__name__)


async def look_up(
    database: Database,
    user_id: ExternalUserId,
    adapter: ProfileLookup,
    http: httpx.AsyncClient,
    query: ProfileQuery,
) -> Page:
    """The account, charged to the user in the ledger as a page of a search is. Raises ProviderError."""
    claim = Tenant(user_id)
    call_id = await in_transaction(
        database, claim, partial(_begin, user_id=user_id, declared=adapter.declaration)
    )
    settle = partial(_settle, user_id=user_id, call_id=call_id)
    try:
        page = await ask(adapter, http, query)
    except ProviderError as error:
        failed = partial(settle, cost=error.cost, status="failed", error_kind=error.kind.value)
        await in_transaction(database, claim, failed)
        raise
    await in_transaction(database, claim, partial(settle, cost=page.cost, status="charged"))
    return page


async def ask(adapter: ProfileLookup, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
    """Without the ledger: for the sandbox. An adapter's own mistake counts as an answer of garbage."""
    try:
        return await adapter.fetch_profile(http, query)
    except ProviderError:
        raise
    except Exception as error:
        name = adapter.declaration.name
        log.exception("the adapter %s broke", name)
        message = f"The adapter {name} could not understand an answer."
        cost = adapter.declaration.price_of(Capability.PROFILE)
        raise ProviderError(ErrorKind.GARBAGE, message, final=False, cost=cost) from error


async def _begin(session: AsyncSession, *, user_id: ExternalUserId, declared: Declaration) -> UUID:
    price = declared.price_of(Capability.PROFILE)
    row = await session.execute(
        BEGIN_LOOKUP,
        {
            "user_id": user_id,
            "provider": declared.name,
            "gate": declared.account or declared.name,
            "units": price.units,
            "micros": price.micros_usd,
            "seconds": ABANDONED_AFTER_SECONDS,
        },
    )
    return UUID(str(row.scalar_one()))


async def _settle(
    session: AsyncSession,
    *,
    user_id: ExternalUserId,
    call_id: UUID,
    cost: Cost,
    status: str,
    error_kind: str | None = None,
) -> None:
    await session.execute(
        SETTLE_LOOKUP,
        {
            "user_id": user_id,
            "call_id": call_id,
            "status": status,
            "calls": cost.calls,
            "units": cost.units,
            "micros": cost.micros_usd,
            "error_kind": error_kind,
        },
    )
