"""`/api/v1/admin/plans`, and the plan of a user: what an administrator's program changes."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from tastemaker.accounts.authentication import Access, access
from tastemaker.admin.users_api import StatedReason, require_administrator
from tastemaker.billing import plans
from tastemaker.billing.plan_queries import PlanOfUser, SubscriptionPlan
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.web.idempotency import Answer, answer, respond

PLANS: Final = "/api/v1/admin/plans"
USERS: Final = "/api/v1/admin/users"

router = APIRouter(tags=["administration"])

Reading = Annotated[Access, access(ApiScope.ADMIN)]
Writing = Annotated[Access, access(ApiScope.ADMIN, once=True)]
Text = Annotated[StrictStr, Field(max_length=500)]


class ChangedPlan(BaseModel):
    """What is not named stays; features too. Limits of -1 are none, prices are US cents."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"creators_limit": 2000, "features": {"seats": 5}}]}
    )

    display_name: Text | None = None
    description: Text | None = None
    monthly_price: StrictInt | None = None
    yearly_price: StrictInt | None = None
    campaigns_limit: StrictInt | None = None
    creators_limit: StrictInt | None = None
    stripe_monthly_price_id: Text | None = None
    stripe_yearly_price_id: Text | None = None
    sort_order: StrictInt | None = None
    is_active: StrictBool | None = None
    features: dict[str, Any] | None = None
    reason: Text | None = None


class GivenPlan(BaseModel):
    """`reason` is kept with the event."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"plan": "glow_up"}]})

    plan: Annotated[StrictStr, Field(max_length=50)]
    reason: Text | None = None


@router.get(PLANS, operation_id="list_plans")
async def show_all(caller: Reading) -> Response:
    """The price list, the active plans first."""
    await require_administrator(caller)
    found = await in_transaction(caller.database, SYSTEM, plans.list_plans)
    return respond(answer({"plans": [_plan(one) for one in found]}))


@router.put(f"{PLANS}/{{key}}", operation_id="set_plan")
async def change(caller: Writing, key: str, changed: ChangedPlan) -> Response:
    """Change a plan, or make one."""
    actor = await require_administrator(caller)
    changes = changed.model_dump(exclude_none=True, exclude={"reason"})

    async def work(tx: Transaction) -> Answer:
        plan = await plans.set_plan(tx, key, changes, actor=actor, reason=changed.reason)
        return answer(_plan(plan))

    return await caller.once(work, claim=SYSTEM)


@router.post(f"{PLANS}/{{key}}/deactivation", operation_id="deactivate_plan")
async def deactivate(caller: Writing, key: str, why: StatedReason) -> Response:
    """Nobody can choose it any more; who has it keeps it."""
    actor = await require_administrator(caller)

    async def work(tx: Transaction) -> Answer:
        return answer(_plan(await plans.deactivate_plan(tx, key, actor=actor, reason=why.reason)))

    return await caller.once(work, claim=SYSTEM)


@router.put(f"{USERS}/{{user_id}}/plan", operation_id="assign_plan")
async def assign(caller: Writing, user_id: str, given: GivenPlan) -> Response:
    """Give a user a plan; it stands above what Stripe says."""
    actor = await require_administrator(caller)

    async def work(tx: Transaction) -> Answer:
        known = ExternalUserId(user_id)
        now = await plans.assign_plan(tx, known, given.plan, actor=actor, reason=given.reason)
        return answer(_plan_of_user(now))

    return await caller.once(work, claim=SYSTEM)


@router.delete(f"{USERS}/{{user_id}}/plan", operation_id="revoke_plan")
async def revoke(caller: Writing, user_id: str) -> Response:
    """Take back a plan that was given."""
    actor = await require_administrator(caller)

    async def work(tx: Transaction) -> Answer:
        return answer(_plan_of_user(await plans.revoke_plan(tx, ExternalUserId(user_id), actor=actor)))

    return await caller.once(work, claim=SYSTEM)


def _plan(plan: SubscriptionPlan) -> dict[str, Any]:
    return {**asdict(plan), "features": dict(plan.features)}


def _plan_of_user(plan: PlanOfUser) -> dict[str, Any]:
    return {**asdict(plan), "features": dict(plan.features)}
