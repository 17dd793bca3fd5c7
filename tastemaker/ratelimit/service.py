"""Admission of calls to a provider, and the effect of their outcome on the next. Needs the system claim."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tastemaker.core.clock import day_of
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Source
from tastemaker.events.service import record
from tastemaker.events.system_payloads import ProviderPaused
from tastemaker.ratelimit import queries
from tastemaker.ratelimit.budget import Budget, check_budget
from tastemaker.ratelimit.limiter import Limiter, Limits, Permit, Wait, after_failure, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The daily quota of a provider: one page takes `amount` of `allowed`.

    The day begins at midnight in `zone` (IANA), by the clock of the database.
    """

    name: str
    amount: int
    allowed: int
    zone: str


class _UsedUpError(Exception):
    def __init__(self, wait: Wait) -> None:
        super().__init__(wait.reason)
        self.wait = wait


async def admit(
    tx: Transaction,
    name: str,
    limits: Limits,
    *,
    user_id: ExternalUserId,
    search_id: UUID | None = None,
    micros_usd: int = 0,
    quotas: tuple[Quota, ...] = (),
    budget: Budget | None = None,
) -> Permit | Wait:
    """Take a slot of the limiter `name` for one page, and its quotas: all or nothing.

    `micros_usd` is the expected cost of the page. An exceeded monthly budget is available again next month,
    that of a search never. The caller writes the call into the ledger in the same transaction.
    """
    limiter = await queries.lock_limiter(tx, name, deadline=limits.deadline)
    decision = decide(limiter, limits)
    if isinstance(decision, Wait):
        return decision
    if budget is not None and micros_usd > 0:
        checked = await check_budget(tx, budget, user_id, search_id, micros_usd)
        if isinstance(checked, Wait):
            return checked
    if refused := await _take(tx, limiter, quotas):
        return refused
    await queries.save_limiter(tx, decision.limiter)
    return decision


async def refund_quotas(tx: Transaction, name: str, quotas: tuple[Quota, ...]) -> None:
    """The call was never sent, so the provider has counted nothing."""
    if not quotas:
        return
    now = await tx.only(queries.READ_NOW)
    for quota in quotas:
        begins = day_of(now, quota.zone).begins
        await queries.refund_quota(tx, gate=name, quota=quota.name, window_start=begins, amount=quota.amount)


async def succeeded(tx: Transaction, name: str) -> None:
    """The provider answered: forget the failures in a row."""
    await tx.run(queries.CLEAR_FAILURES, name=name)


async def failed(tx: Transaction, name: str, limits: Limits) -> None:
    """The provider failed: unreachable, too slow, a server error. Records an event when the breaker opens."""
    limiter = await queries.lock_limiter(tx, name, deadline=limits.deadline)
    after = after_failure(limiter, limits)
    await queries.save_limiter(tx, after)
    if after.open_until is not None and after.trips > limiter.trips:
        await _record_pause(tx, name, f"it failed {after.failures} times in a row", after.open_until)


async def pause_calls(
    tx: Transaction, name: str, *, seconds: float, reason: str, is_told: bool = False
) -> None:
    """The provider asked for a pause: all calls wait, not only those of the caller.

    `is_told`: record one event for the pause.
    """
    paused = await queries.pause_calls(tx, name, seconds=seconds, reason=reason)
    if is_told and paused.is_new:
        await _record_pause(tx, name, reason, paused.until)


async def open_breaker(tx: Transaction, name: str, *, seconds: float, reason: str) -> None:
    """Open the breaker: after so long one call probes. Records one event."""
    opened = await queries.open_breaker(tx, name, seconds=seconds, reason=reason)
    if opened.is_new:
        await _record_pause(tx, name, reason, opened.until)


async def close_breakers(tx: Transaction) -> None:
    """Close all breakers, because a person asked to retry. Pauses that providers asked for stay."""
    await tx.run(queries.CLOSE_BREAKERS)


async def _take(tx: Transaction, limiter: Limiter, quotas: tuple[Quota, ...]) -> Wait | None:
    """All of them or none: the savepoint refunds the first when the second is used up."""
    if not quotas:
        return None
    try:
        async with tx.savepoint():
            for quota in quotas:
                await _take_one(tx, limiter, quota)
    except _UsedUpError as used_up:
        return used_up.wait
    return None


async def _take_one(tx: Transaction, limiter: Limiter, quota: Quota) -> None:
    day = day_of(limiter.now, quota.zone)
    taken = await queries.take_quota(
        tx,
        gate=limiter.name,
        quota=quota.name,
        window_start=day.begins,
        amount=quota.amount,
        allowed=quota.allowed,
    )
    if not taken:
        told = f"the provider's {quota.name} of today, {quota.allowed:,}, are used up"
        raise _UsedUpError(Wait((day.ends - limiter.now).total_seconds(), told, is_used_up=True))


async def _record_pause(tx: Transaction, name: str, reason: str, until: datetime) -> None:
    await record(
        tx,
        ProviderPaused(reason=reason, until=until),
        aggregate_id=name,
        identifier=f"{name}_{until:%Y%m%dT%H%M%S%f}",
        source=Source.SYSTEM_AUTOMATION,
    )
