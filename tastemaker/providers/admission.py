"""The gate of a provider's account, as whoever calls passes it: may I, and this is how it went.

Work of the system: its claim is needed. The call's row in the ledger is written by the caller, in the same
transaction.
"""

import math
import random
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.ids import ExternalUserId
from tastemaker.providers.allowances import budget_of, limits_of, quotas_of
from tastemaker.providers.base import Capability, Cost, Declaration, ErrorKind, ProviderError
from tastemaker.ratelimit import service
from tastemaker.ratelimit.limiter import Wait

BACKOFF_SECONDS, BACKOFF_CAP_SECONDS = 0.5, 30.0
LONGEST_HOLD_SECONDS: Final = 2 * 86_400.0
"""Nobody is kept from a provider for longer by one of its answers."""

NO_CREDITS_SECONDS: Final = 300.0
"""How often it is tried whether used up credits, which may be bought in any moment, are there again."""

TROUBLE: Final = {ErrorKind.SERVER, ErrorKind.TIMEOUT, ErrorKind.GARBAGE}


class NotNow(Exception):
    """Everybody's limits say to come again in `seconds`; `reason` is a sentence for the person who waits."""

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.reason = reason


def gate_of(declaration: Declaration) -> str:
    """The account whose limits the adapter's calls take of."""
    return declaration.account or declaration.name


async def enter(
    session: AsyncSession,
    declaration: Declaration,
    config: Configuration,
    capability: Capability,
    *,
    user_id: ExternalUserId,
    search_id: UUID | None = None,
    max_cost: int | None = None,
) -> float:
    """Take a slot: how long to wait before the call goes out, a few seconds at most.

    Raises NotNow; and ProviderError, that cost nothing, where a quota or a budget has nothing left.
    """
    decision = await service.admit(
        session,
        gate_of(declaration),
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


async def succeeded(session: AsyncSession, declaration: Declaration) -> None:
    """The provider answered."""
    await service.succeeded(session, gate_of(declaration))


async def failed(
    session: AsyncSession,
    declaration: Declaration,
    config: Configuration,
    capability: Capability,
    error: ProviderError,
) -> None:
    """What a failure means for everybody else at the same account."""
    gate = gate_of(declaration)
    if not error.cost.calls:
        await service.refund_quotas(session, gate, quotas_of(declaration, config, capability))
    if error.kind in TROUBLE:
        await service.failed(session, gate, limits_of(declaration, config, capability))
    elif error.kind is not ErrorKind.AUTH:
        await service.succeeded(session, gate)
    reason = str(error).rstrip(".")
    if error.kind is ErrorKind.QUOTA and error.retry_after is None and error.cost.calls:
        await service.open_breaker(session, gate, seconds=NO_CREDITS_SECONDS, reason=reason)
    elif (pause := _asked_pause(error)) > 0:
        seconds, is_told = min(pause, LONGEST_HOLD_SECONDS), error.kind is ErrorKind.QUOTA
        await service.pause_calls(session, gate, seconds=seconds, reason=reason, is_told=is_told)


def backoff(failures: int) -> float:
    """Seconds: exponential, capped, with full jitter."""
    ceiling = min(BACKOFF_CAP_SECONDS, BACKOFF_SECONDS * 2.0**failures)
    return random.uniform(0, ceiling)  # noqa: S311 - jitter, not a secret


def _refusal(wait: Wait, declaration: Declaration) -> NotNow | ProviderError:
    told = f"{wait.reason[0].upper()}{wait.reason[1:]}."
    if not wait.is_used_up:
        return NotNow(wait.seconds, f"{declaration.name}: {told}")
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
