"""Budgets for provider calls: what was spent, and the refusal of a call that would exceed a budget.

A budget is per calendar month (UTC) for the installation and for one user, and for good for one search. The
ledger of calls counts the money; the caller writes it in the same transaction as the decision.
"""

import math
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import text

from tastemaker.core.ids import ExternalUserId
from tastemaker.core.money import dollars
from tastemaker.db.transaction import Transaction
from tastemaker.ratelimit.limiter import Wait

UNLIMITED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent, in millionths of a US dollar; UNLIMITED is no limit.

    By everybody and by one user in a calendar month (UTC), and by one search for good. A user who has a
    budget of their own has that instead.
    """

    installation: int = UNLIMITED
    user: int = UNLIMITED
    search: int = UNLIMITED

    @property
    def limits_anything(self) -> bool:
        return (self.installation, self.user, self.search) != (UNLIMITED,) * 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Millionths of a US dollar this month, and by one search; open and lost calls by their estimate."""

    everybody: int
    own: int
    search: int


LOCK_SPENDING = text("SELECT pg_advisory_xact_lock(hashtext('tastemaker.provider_spending'))")

SPENT = text("""
    SELECT coalesce(sum(micros_usd), 0) AS everybody,
           coalesce(sum(micros_usd) FILTER (WHERE tenant_id = :user_id), 0) AS own,
           (SELECT coalesce(sum(CASE WHEN status IN ('estimated', 'abandoned') THEN estimated_micros_usd
                                     ELSE coalesce(micros_usd, 0) END), 0)
            FROM provider_calls WHERE job_id = CAST(:search_id AS uuid)) AS search
    FROM provider_spending WHERE month = date_trunc('month', app_now() AT TIME ZONE 'UTC')::date
""")

OWN_BUDGET = text("SELECT micros_usd FROM provider_budgets WHERE tenant_id = :user_id")

SET_OWN_BUDGET = text("""
    INSERT INTO provider_budgets (tenant_id, micros_usd, changed_at)
    SELECT user_id, :micros_usd, app_now() FROM users WHERE user_id = :user_id
    ON CONFLICT (tenant_id) DO UPDATE SET micros_usd = excluded.micros_usd, changed_at = excluded.changed_at
    RETURNING tenant_id
""")

FORGET_OWN_BUDGET = text("""
    WITH gone AS (DELETE FROM provider_budgets WHERE tenant_id = :user_id)
    SELECT user_id FROM users WHERE user_id = :user_id
""")

NEXT_MONTH = text("""
    SELECT extract(epoch FROM ((date_trunc('month', app_now() AT TIME ZONE 'UTC') + interval '1 month')
                               AT TIME ZONE 'UTC') - app_now())
""")


async def refuse_over_budget(
    session: Transaction,
    budget: Budget,
    user_id: ExternalUserId,
    search_id: UUID | None,
    micros_usd: int,
) -> Wait | None:
    own = await find_own_budget(session, user_id)
    budget = budget if own is None else replace(budget, user=own)
    if not budget.limits_anything:
        return None
    spent = await lock_spending(session, user_id, search_id)
    if budget.search != UNLIMITED and spent.search + micros_usd > budget.search:
        told = f"this search may cost {dollars(budget.search)}, which the next page would pass"
        return Wait(math.inf, told, is_used_up=True)
    for allowed, so_far, whose in (
        (budget.installation, spent.everybody, "this installation's"),
        (budget.user, spent.own, "your"),
    ):
        if allowed != UNLIMITED and so_far + micros_usd > allowed:
            pause = await seconds_until_next_month(session)
            told = f"{whose} budget for providers this month, {dollars(allowed)}, is used up"
            return Wait(pause, told, is_used_up=True)
    return None


async def find_spent(session: Transaction, user_id: ExternalUserId, search_id: UUID | None = None) -> Spent:
    row = (await session.execute(SPENT, {"user_id": user_id, "search_id": search_id})).mappings().one()
    return Spent(everybody=int(row["everybody"]), own=int(row["own"]), search=int(row["search"]))


async def find_own_budget(session: Transaction, user_id: ExternalUserId) -> int | None:
    """In millionths of a US dollar, -1 for no limit; None where the user has what every user has."""
    found: int | None = await session.scalar(OWN_BUDGET, {"user_id": user_id})
    return found


async def set_own_budget(session: Transaction, user_id: ExternalUserId, micros_usd: int | None) -> bool:
    """The same, from now on; False where there is no such user."""
    if micros_usd is None:
        return await session.scalar(FORGET_OWN_BUDGET, {"user_id": user_id}) is not None
    given = {"user_id": user_id, "micros_usd": micros_usd}
    return await session.scalar(SET_OWN_BUDGET, given) is not None


async def lock_spending(session: Transaction, user_id: ExternalUserId, search_id: UUID | None) -> Spent:
    """The same, and nobody else decides by it before the transaction ends, at whichever gate."""
    await session.execute(LOCK_SPENDING)
    return await find_spent(session, user_id, search_id)


async def seconds_until_next_month(session: Transaction) -> float:
    return float((await session.execute(NEXT_MONTH)).scalar_one())
