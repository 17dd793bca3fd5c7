"""Asking for permission to call, and telling how the call went. Work of the system: its claim is needed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId
from tastemaker.ratelimit import queries
from tastemaker.ratelimit.gates import Go, Limits, Wait, after_failure, decide

UNLIMITED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A part of a provider's allowance: `amount` is what one page takes of `allowed` in the window.

    The window began at `window_start`; the next one begins in `resets_in` seconds.
    """

    name: str
    amount: int
    allowed: int
    window_start: datetime
    resets_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent in a calendar month (UTC), in millionths of a US dollar; UNLIMITED is no limit."""

    installation: int = UNLIMITED
    user: int = UNLIMITED

    @property
    def limits_anything(self) -> bool:
        return self.installation != UNLIMITED or self.user != UNLIMITED


class _UsedUpError(Exception):
    def __init__(self, quota: Quota) -> None:
        super().__init__(quota.name)
        self.quota = quota


async def admit(
    session: AsyncSession,
    name: str,
    limits: Limits,
    *,
    user_id: ExternalUserId,
    micros_usd: int = 0,
    quotas: tuple[Quota, ...] = (),
    budget: Budget | None = None,
) -> Go | Wait:
    """Take a slot for one page at the gate `name`, of its quotas too; all or nothing.

    `micros_usd` is what the page is expected to cost: a budget that would be passed by it lasts until the
    next month. The money itself is counted by the ledger, in the same transaction.
    """
    gate = await queries.lock_gate(session, name, deadline=limits.deadline)
    decision = decide(gate, limits)
    if isinstance(decision, Wait):
        return decision
    if budget is not None and (refused := await _over_budget(session, budget, user_id, micros_usd)):
        return refused
    if refused := await _take(session, name, quotas):
        return refused
    await queries.save_gate(session, decision.gate)
    return decision


async def succeeded(session: AsyncSession, name: str) -> None:
    """The provider answered: a run of failures is over."""
    await queries.calm(session, name)


async def failed(session: AsyncSession, name: str, limits: Limits) -> None:
    """The provider is in trouble: unreachable, too slow, an error of its own."""
    gate = await queries.lock_gate(session, name, deadline=limits.deadline)
    await queries.save_gate(session, after_failure(gate, limits))


async def hold_back(session: AsyncSession, name: str, *, seconds: float, reason: str) -> None:
    """The provider asked for a pause: everybody's calls wait, not only the caller's."""
    await queries.hold(session, name, seconds=seconds, reason=reason)


async def _over_budget(
    session: AsyncSession, budget: Budget, user_id: ExternalUserId, micros_usd: int
) -> Wait | None:
    if micros_usd == 0 or not budget.limits_anything:
        return None
    everybody, own = await queries.spent_this_month(session, user_id)
    for allowed, spent, whose in (
        (budget.installation, everybody, "this installation's"),
        (budget.user, own, "your"),
    ):
        if allowed != UNLIMITED and spent + micros_usd > allowed:
            pause = await queries.seconds_until_next_month(session)
            return Wait(pause, f"{whose} budget for providers this month is used up")
    return None


async def _take(session: AsyncSession, gate: str, quotas: tuple[Quota, ...]) -> Wait | None:
    """All of them or none: what was taken of the first is given back when the second is used up."""
    try:
        async with session.begin_nested():
            for quota in quotas:
                await _take_one(session, gate, quota)
    except _UsedUpError as used_up:
        return Wait(used_up.quota.resets_in, f"the provider's {used_up.quota.name} of today are used up")
    return None


async def _take_one(session: AsyncSession, gate: str, quota: Quota) -> None:
    taken = await queries.take_quota(
        session,
        gate=gate,
        quota=quota.name,
        window_start=quota.window_start,
        amount=quota.amount,
        allowed=quota.allowed,
    )
    if not taken:
        raise _UsedUpError(quota)
