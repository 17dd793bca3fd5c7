"""`/settings/limits`: what the plan and the budgets allow, and what is used of them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.sessions import SignedIn
from tastemaker.billing.queries import FIND_PLAN_USAGE, UNLIMITED, PlanUsage
from tastemaker.config_store.keys import INSTALLATION_BUDGET, USER_BUDGET
from tastemaker.core.money import MICROS
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.ratelimit.budget import find_own_budget, find_spent
from tastemaker.web.pages import page

PATH: Final = "/settings/limits"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class BudgetOfMonth:
    """In millionths of a US dollar; `allowed` None is no limit."""

    spent: int
    allowed: int | None
    is_individual: bool = False


@router.get(PATH)
async def show_limits(visit: SignedIn) -> Response:
    config = visit.services.rate_limit.config

    async def work(tx: Transaction) -> tuple[CurrentUser, PlanUsage | None, int | None]:
        user = await visit.user(tx)
        usage = await tx.one(FIND_PLAN_USAGE, user_id=visit.user_id)
        return user, usage, await find_own_budget(tx, visit.user_id)

    user, usage, own = await visit.run(work)
    async with transaction(visit.database, SYSTEM) as tx:  # spending is the installation's to read
        spent = await find_spent(tx, visit.user_id)
    allowed = own if own is not None else _micros(config[USER_BUDGET])
    mine = BudgetOfMonth(spent.own, _limit(allowed), is_individual=own is not None)
    everybody = BudgetOfMonth(spent.everybody, _limit(_micros(config[INSTALLATION_BUDGET])))
    return page(
        visit.request,
        "billing/limits.html",
        is_admin=user.is_admin,
        usage=usage,
        unlimited=UNLIMITED,
        mine=mine,
        everybody=everybody if user.is_admin else None,
    )


def _micros(amount: Decimal) -> int:
    return UNLIMITED if amount < 0 else int(amount * MICROS)


def _limit(micros: int) -> int | None:
    return None if micros < 0 else micros
