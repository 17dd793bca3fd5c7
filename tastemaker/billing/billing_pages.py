"""`/settings/billing`: the plan and its trial, what is used, earlier periods, and the ways to Stripe."""

from typing import Annotated, Final

from fastapi import APIRouter, Form
from fastapi.responses import Response

from tastemaker.accounts.sessions import SignedInOwner, Visit
from tastemaker.billing import checkout
from tastemaker.billing.checkout import Interval, PlanOrder
from tastemaker.billing.overview import BillingOverview, find_overview
from tastemaker.billing.queries import UNLIMITED
from tastemaker.billing.stripe_client import (
    PaymentRefused,
    Payments,
    PaymentsOff,
    StripeRefused,
    StripeUnavailable,
)
from tastemaker.billing.webhooks import find_payments
from tastemaker.core.errors import AppError, Conflict, InvalidInput
from tastemaker.core.ids import new_id
from tastemaker.db.transaction import Transaction
from tastemaker.web.pages import POLICY, page, redirect

PATH: Final = "/settings/billing"
TO_STRIPE: Final = {
    "Content-Security-Policy": POLICY.replace(
        "form-action 'self'", "form-action 'self' https://checkout.stripe.com https://billing.stripe.com"
    )
}
"""A form may lead to Stripe's pages, which a redirect opens."""

TROUBLE: Final = (Conflict, InvalidInput, PaymentsOff, PaymentRefused, StripeRefused, StripeUnavailable)

Word = Annotated[str, Form(max_length=100, pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def show_billing(visit: SignedInOwner, paid: str = "") -> Response:
    """`paid`: the user comes back from Stripe's page."""
    return await _page(visit, said="Thank you. The plan changes within a minute." if paid else None)


@router.post(f"{PATH}/checkout")
async def check_out(visit: SignedInOwner, plan: Word = "", interval: Word = "", key: Word = "") -> Response:
    """To Stripe's page, or, where there is a subscription, to the other plan."""
    order = PlanOrder(
        plan=plan, interval=Interval.YEARLY if interval == "yearly" else Interval.MONTHLY, key=key
    )
    try:
        url = await checkout.start_checkout(
            visit.database, _payments(visit), visit.user_id, order, return_url=_here(visit)
        )
    except TROUBLE as error:
        return await _page(visit, wrong=error)
    return redirect(url)


@router.post(f"{PATH}/plan")
async def change_plan(visit: SignedInOwner, plan: Word = "", interval: Word = "", key: Word = "") -> Response:
    order = PlanOrder(
        plan=plan, interval=Interval.YEARLY if interval == "yearly" else Interval.MONTHLY, key=key
    )
    try:
        await checkout.change_plan(visit.database, _payments(visit), visit.user_id, order)
    except TROUBLE as error:
        return await _page(visit, wrong=error)
    return redirect(PATH, said="The plan is changed. The difference is on the next invoice.")


@router.post(f"{PATH}/portal")
async def open_portal(visit: SignedInOwner, key: Word = "") -> Response:
    try:
        url = await checkout.open_portal(
            visit.database, _payments(visit), visit.user_id, return_url=_here(visit), key=key
        )
    except TROUBLE as error:
        return await _page(visit, wrong=error)
    return redirect(url)


@router.post(f"{PATH}/cancellation")
async def cancel(visit: SignedInOwner, at_once: Word = "", key: Word = "") -> Response:
    try:
        await checkout.cancel(visit.database, _payments(visit), visit.user_id, at_once=bool(at_once), key=key)
    except TROUBLE as error:
        return await _page(visit, wrong=error)
    said = (
        "The plan has ended." if at_once else "The plan ends with the paid period. Until then all works on."
    )
    return redirect(PATH, said=said)


@router.post(f"{PATH}/resumption")
async def resume(visit: SignedInOwner, key: Word = "") -> Response:
    try:
        await checkout.resume(visit.database, _payments(visit), visit.user_id, key=key)
    except TROUBLE as error:
        return await _page(visit, wrong=error)
    return redirect(PATH, said="The plan continues.")


def _payments(visit: Visit) -> Payments | None:
    return find_payments(visit.request.app)


def _here(visit: Visit) -> str:
    payments = _payments(visit)
    base = payments.public_url if payments and payments.public_url else str(visit.request.base_url)
    return f"{base.rstrip('/')}{PATH}"


async def _page(visit: Visit, *, wrong: AppError | None = None, said: str | None = None) -> Response:
    """`key` makes a form that is sent twice have one effect."""
    sells = _payments(visit) is not None

    async def work(tx: Transaction) -> tuple[bool, BillingOverview]:
        user = await visit.user(tx)
        return user.is_admin, await find_overview(tx, visit.user_id, sells=sells)

    is_admin, overview = await visit.run(work)
    return page(
        visit.request,
        "billing/billing.html",
        status=wrong.status if wrong else 200,
        headers=TO_STRIPE,
        is_admin=is_admin,
        overview=overview,
        standing=overview.standing,
        usage=overview.usage,
        unlimited=UNLIMITED,
        sells=sells,
        key=str(new_id()),
        wrong=wrong and str(wrong),
        thanks=said,
    )
