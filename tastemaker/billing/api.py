"""`/api/v1/billing`: a program sees and changes the plan of its user."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

from tastemaker.accounts.authentication import KEY_MEANING, Access, access
from tastemaker.billing import checkout
from tastemaker.billing.checkout import Interval, PlanOrder
from tastemaker.billing.overview import BillingOverview, find_overview
from tastemaker.billing.stripe_client import Payments
from tastemaker.billing.webhooks import find_payments
from tastemaker.core.ids import new_id
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction
from tastemaker.web.idempotency import Answer, answer, respond

PATH: Final = "/api/v1/billing"

router = APIRouter(prefix=PATH, tags=["billing"])

Reading = Annotated[Access, access(ApiScope.ACCOUNT_READ)]
Writing = Annotated[Access, access(ApiScope.ACCOUNT_WRITE)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200, description=KEY_MEANING)]
PlanKey = Annotated[StrictStr, Field(max_length=50)]
Url = Annotated[StrictStr, Field(max_length=1000, pattern=r"^https?://")]


class WantedPlan(BaseModel):
    """A plan of the price list."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"plan": "glow_up"}]})

    plan: PlanKey
    interval: Interval = Interval.MONTHLY


class WantedCheckout(WantedPlan):
    """`return_url`: where Stripe's page leads back to."""

    return_url: Url


class WantedPortal(BaseModel):
    """`return_url`: where Stripe's page leads back to."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"return_url": "https://example.com/billing"}]}
    )

    return_url: Url


class WantedCancellation(BaseModel):
    """At the end of the paid period, unless `at_once`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"at_once": False}]})

    at_once: StrictBool = False


@router.get("", operation_id="get_billing")
async def show(caller: Reading) -> Response:
    """The plan, its trial, what is used, and earlier periods."""
    return respond(await _shown(caller))


@router.post("/checkout", operation_id="create_checkout")
async def check_out(caller: Writing, wanted: WantedCheckout, key: Key = None) -> Response:
    """The page at Stripe on which a person pays."""
    order = PlanOrder(plan=wanted.plan, interval=wanted.interval, key=key or str(new_id()))
    url = await checkout.start_checkout(
        caller.database, _payments(caller), caller.caller.user_id, order, return_url=wanted.return_url
    )
    return respond(answer({"url": url}))


@router.put("/plan", operation_id="change_subscription")
async def change(caller: Writing, wanted: WantedPlan, key: Key = None) -> Response:
    """Another plan from now on."""
    order = PlanOrder(plan=wanted.plan, interval=wanted.interval, key=key or str(new_id()))
    await checkout.change_plan(caller.database, _payments(caller), caller.caller.user_id, order)
    return respond(await _shown(caller))


@router.post("/portal", operation_id="create_portal")
async def open_portal(caller: Writing, wanted: WantedPortal, key: Key = None) -> Response:
    """The page at Stripe with card and invoices."""
    url = await checkout.open_portal(
        caller.database,
        _payments(caller),
        caller.caller.user_id,
        return_url=wanted.return_url,
        key=key or str(new_id()),
    )
    return respond(answer({"url": url}))


@router.post("/cancellation", operation_id="cancel_subscription")
async def cancel(caller: Writing, wanted: WantedCancellation, key: Key = None) -> Response:
    """Cancel the subscription."""
    await checkout.cancel(
        caller.database,
        _payments(caller),
        caller.caller.user_id,
        at_once=wanted.at_once,
        key=key or str(new_id()),
    )
    return respond(await _shown(caller))


@router.delete("/cancellation", operation_id="resume_subscription")
async def resume(caller: Writing, key: Key = None) -> Response:
    """Take a cancellation back."""
    await checkout.resume(caller.database, _payments(caller), caller.caller.user_id, key=key or str(new_id()))
    return respond(await _shown(caller))


def _payments(caller: Access) -> Payments | None:
    return find_payments(caller.request.app)


async def _shown(caller: Access) -> Answer:
    sells = _payments(caller) is not None

    async def work(tx: Transaction) -> BillingOverview:
        return await find_overview(tx, caller.caller.user_id, sells=sells)

    return answer(_document(await caller.read(work)))


def _document(found: BillingOverview) -> dict[str, Any]:
    usage = found.usage
    return {
        **asdict(found.standing),
        "used": {
            "since": usage.period_start,
            "creators": usage.creators,
            "creators_limit": usage.creators_limit,
            "campaigns": usage.campaigns,
            "campaigns_limit": usage.campaigns_limit,
            "enrichments": found.enrichments,
            "enrichments_limit": found.features.enrichments,
        },
        "card": asdict(found.card) if found.card else None,
        "periods": [asdict(one) for one in found.periods],
        "offered": [one.plan_key for one in found.offered],
    }
