"""Asking for permission to call, and telling how the call went. Work of the system: its claim is needed."""

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
from tastemaker.ratelimit.budget import Budget, refuse_over_budget
from tastemaker.ratelimit.limiter import Limiter, Limits, Permit, Wait, after_failure, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A provider's allowance of a day: `amount` is what one page takes of `allowed`.

    The day begins at midnight in `zone` (IANA), by the database's clock.
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
    session: Transaction,
    name: str,
    limits: Limits,
    *,
    user_id: ExternalUserId,
    search_id: UUID | None = None,
    micros_usd: int = 0,
    quotas: tuple[Quota, ...] = (),
    budget: Budget | None = None,
) -> Permit | Wait:
    """Take a slot for one page at the gate `name`, of its quotas too; all or nothing.

    `micros_usd` is what the page is expected to cost: a month's budget that would be passed by it is there
    again next month, a search's own never. The money itself is counted by the ledger, which the caller
    writes in the same transaction.
    """
    gate = await queries.lock_limiter(session, name, deadline=limits.deadline)
    decision = decide(gate, limits)
    if isinstance(decision, Wait):
        return decision
    if budget is not None and micros_usd > 0:
        refused = await refuse_over_budget(session, budget, user_id, search_id, micros_usd)
        if refused is not None:
            return refused
    if refused := await _take(session, gate, quotas):
        return refused
    await queries.save_limiter(session, decision.gate)
    return decision


async def refund_quotas(session: Transaction, name: str, quotas: tuple[Quota, ...]) -> None:
    """The call never went out, so the provider has counted nothing."""
    if not quotas:
        return
    now = await queries.read_now(session)
    for quota in quotas:
        begins = day_of(now, quota.zone).begins
        await queries.refund_quota(
            session, gate=name, quota=quota.name, window_start=begins, amount=quota.amount
        )


async def succeeded(session: Transaction, name: str) -> None:
    """The provider answered: a run of failures is over."""
    await queries.clear_failures(session, name)


async def failed(session: Transaction, name: str, limits: Limits) -> None:
    """The provider is in trouble: unreachable, too slow, an error of its own. A rest from it is told."""
    gate = await queries.lock_limiter(session, name, deadline=limits.deadline)
    after = after_failure(gate, limits)
    await queries.save_limiter(session, after)
    if after.open_until is not None and after.trips > gate.trips:
        await _tell(session, name, f"it failed {after.failures} times in a row", after.open_until)


async def pause_calls(
    session: Transaction, name: str, *, seconds: float, reason: str, is_told: bool = False
) -> None:
    """The provider asked for a pause: everybody's calls wait, not only the caller's.

    `is_told`: an event says so, once for the pause.
    """
    until, is_new = await queries.hold(session, name, seconds=seconds, reason=reason)
    if is_told and is_new:
        await _tell(session, name, reason, until)


async def open_breaker(session: Transaction, name: str, *, seconds: float, reason: str) -> None:
    """There is nothing to be had for now: after so long one call tries again. Told once by an event."""
    until, is_new = await queries.open_breaker(session, name, seconds=seconds, reason=reason)
    if is_new:
        await _tell(session, name, reason, until)


async def close_breakers(session: Transaction) -> None:
    """A person says that it is worth a try: the rests that we took ourselves are over."""
    await queries.close_breakers(session)


async def _take(session: Transaction, gate: Limiter, quotas: tuple[Quota, ...]) -> Wait | None:
    """All of them or none: what was taken of the first is given back when the second is used up."""
    if not quotas:
        return None
    try:
        async with session.begin_nested():
            for quota in quotas:
                await _take_one(session, gate, quota)
    except _UsedUpError as used_up:
        return used_up.wait
    return None


async def _take_one(session: Transaction, gate: Limiter, quota: Quota) -> None:
    day = day_of(gate.now, quota.zone)
    taken = await queries.take_quota(
        session,
        gate=gate.name,
        quota=quota.name,
        window_start=day.begins,
        amount=quota.amount,
        allowed=quota.allowed,
    )
    if not taken:
        told = f"the provider's {quota.name} of today, {quota.allowed:,}, are used up"
        raise _UsedUpError(Wait((day.ends - gate.now).total_seconds(), told, is_used_up=True))


async def _tell(session: Transaction, name: str, reason: str, until: datetime) -> None:
    await record(
        session,
        ProviderPaused(reason=reason, until=until),
        aggregate_id=name,
        identifier=f"{name}_{until:%Y%m%dT%H%M%S%f}",
        source=Source.SYSTEM_AUTOMATION,
    )
