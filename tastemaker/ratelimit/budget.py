"""Budgets for provider calls: what was spent, and the refusal of a call that would exceed a budget.

A budget is per calendar month (UTC) for the installation and for one user, and for good for one search. The
ledger of calls counts the money; the caller writes it in the same transaction as the decision.
"""

import math
from dataclasses import dataclass, replace
from uuid import UUID

from tastemaker.core.ids import ExternalUserId
from tastemaker.core.money import dollars
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.ratelimit.limiter import Wait

UNLIMITED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Budgets in millionths of a US dollar; UNLIMITED is no limit.

    A budget set for the user replaces `user`.
    """

    installation: int = UNLIMITED
    user: int = UNLIMITED
    search: int = UNLIMITED

    @property
    def limits_anything(self) -> bool:
        return (self.installation, self.user, self.search) != (UNLIMITED,) * 3


@dataclass(frozen=True, slots=True)
class WithinBudget:
    """The call exceeds no budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Millionths of a US dollar, this month and by one search. Open and lost calls count their estimate."""

    everybody: int
    own: int
    search: int


LOCK_SPENDING = statement("SELECT FROM pg_advisory_xact_lock(hashtext('tastemaker.provider_spending'))")

SPENT = statement(
    """
    SELECT coalesce(sum(micros_usd), 0) AS everybody,
           coalesce(sum(micros_usd) FILTER (WHERE tenant_id = %(user_id)s), 0) AS own,
           (SELECT coalesce(sum(CASE WHEN status IN ('estimated', 'abandoned') THEN estimated_micros_usd
                                     ELSE coalesce(micros_usd, 0) END), 0)
            FROM provider_calls WHERE job_id = CAST(%(search_id)s AS uuid)) AS search
    FROM provider_spending WHERE month = date_trunc('month', app_now() AT TIME ZONE 'UTC')::date
    """,
    Spent,
    not_null="everybody own search",
)

OWN_BUDGET = statement("SELECT micros_usd FROM provider_budgets WHERE tenant_id = %(user_id)s", int)

SET_OWN_BUDGET = statement("""
    INSERT INTO provider_budgets (tenant_id, micros_usd, changed_at)
    SELECT user_id, %(micros_usd)s, app_now() FROM users WHERE user_id = %(user_id)s
    ON CONFLICT (tenant_id) DO UPDATE SET micros_usd = excluded.micros_usd, changed_at = excluded.changed_at
""")

FORGET_OWN_BUDGET = statement(
    """
    WITH gone AS (DELETE FROM provider_budgets WHERE tenant_id = %(user_id)s)
    SELECT user_id FROM users WHERE user_id = %(user_id)s
    """,
    ExternalUserId,
)

NEXT_MONTH = statement(
    """
    SELECT extract(epoch FROM ((date_trunc('month', app_now() AT TIME ZONE 'UTC') + interval '1 month')
                               AT TIME ZONE 'UTC') - app_now()) AS seconds
    """,
    float,
    not_null="seconds",
)


async def check_budget(
    tx: Transaction,
    budget: Budget,
    user_id: ExternalUserId,
    search_id: UUID | None,
    micros_usd: int,
) -> Wait | WithinBudget:
    """Whether the call would exceed a budget, and how long it then waits.

    Decides under a lock: no other call is decided by spending before the transaction ends.
    """
    own = await find_own_budget(tx, user_id)
    budget = budget if own is None else replace(budget, user=own)
    if not budget.limits_anything:
        return WithinBudget()
    await tx.run(LOCK_SPENDING)
    spent = await find_spent(tx, user_id, search_id)
    if budget.search != UNLIMITED and spent.search + micros_usd > budget.search:
        told = f"this search may cost {dollars(budget.search)}, which the next page would pass"
        return Wait(math.inf, told, is_used_up=True)
    for allowed, so_far, whose in (
        (budget.installation, spent.everybody, "this installation's"),
        (budget.user, spent.own, "your"),
    ):
        if allowed != UNLIMITED and so_far + micros_usd > allowed:
            pause = await tx.only(NEXT_MONTH)
            told = f"{whose} budget for providers this month, {dollars(allowed)}, is used up"
            return Wait(pause, told, is_used_up=True)
    return WithinBudget()


async def find_spent(tx: Transaction, user_id: ExternalUserId, search_id: UUID | None = None) -> Spent:
    return await tx.only(SPENT, user_id=user_id, search_id=search_id)


async def find_own_budget(tx: Transaction, user_id: ExternalUserId) -> int | None:
    """In millionths of a US dollar, -1 for no limit; None where the budget of every user applies."""
    return await tx.one(OWN_BUDGET, user_id=user_id)


async def set_own_budget(tx: Transaction, user_id: ExternalUserId, micros_usd: int | None) -> bool:
    """The same, from now on; False where there is no such user."""
    if micros_usd is None:
        return await tx.one(FORGET_OWN_BUDGET, user_id=user_id) is not None
    return await tx.run(SET_OWN_BUDGET, user_id=user_id, micros_usd=micros_usd) > 0
