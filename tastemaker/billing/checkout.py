"""What a user does about their subscription: check out, change, cancel, resume, open Stripe's portal.

Nothing is decided here about what the user has: Stripe is asked to do it, then asked what is true.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from tastemaker.billing import stripe_queries as queries
from tastemaker.billing.mirroring import refresh
from tastemaker.billing.plan_queries import SubscriptionPlan
from tastemaker.billing.plans import get_plan
from tastemaker.billing.standing_queries import FIND_STANDING, LIST_MIRRORED, Mirrored
from tastemaker.billing.stripe_client import Document, Payments, PaymentsOff
from tastemaker.billing.stripe_queries import Customer
from tastemaker.billing.trials import NO_DIGESTS, TrialDigests, digests_of, may_try
from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction, read_one
from tastemaker.events.names import Source

OPEN: Final = {"active", "trialing", "past_due", "unpaid", "paused"}


class Interval(StrEnum):
    MONTHLY = "monthly"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOrder:
    """What a user wants to buy. `key` tells two orders of the same apart; a repeated one has one effect."""

    plan: str
    interval: Interval
    key: str


@dataclass(frozen=True, slots=True)
class _Known:
    customer: Customer
    plan: SubscriptionPlan | None
    subscription: Mirrored | None
    may_try: bool


async def start_checkout(
    database: Database,
    payments: Payments | None,
    user_id: ExternalUserId,
    order: PlanOrder,
    *,
    return_url: str,
) -> str:
    """The URL at Stripe at which the user pays; with a trial first, where the person has had none.

    Raises PaymentsOff, NotFound, InvalidInput, Conflict where there is a subscription, StripeUnavailable.
    """
    payments = required(payments)
    row = await read_one(database, SYSTEM, queries.FIND_CUSTOMER, user_id=user_id)
    digests = await digests_of(row.email if row else None)
    known = await in_transaction(
        database, SYSTEM, partial(_look, user_id=user_id, plan=order.plan, digests=digests)
    )
    if known.subscription is not None:
        raise Conflict("You have a subscription. Change its plan instead.")
    price_id = price_of(known.plan, order.interval)
    customer_id = await _ensure_customer(database, payments, known.customer)
    await in_transaction(
        database, SYSTEM, lambda tx: tx.run(queries.INTEND_PLAN, user_id=user_id, plan=order.plan)
    )
    return await payments.create_checkout(
        user_id,
        customer_id=customer_id,
        price_id=price_id,
        plan=order.plan,
        has_trial=known.may_try,
        return_url=return_url,
        key=f"checkout:{user_id}:{price_id}:{known.may_try}:{order.key}",
    )


async def open_portal(
    database: Database, payments: Payments | None, user_id: ExternalUserId, *, return_url: str, key: str
) -> str:
    """Raises PaymentsOff, Conflict before the first checkout, StripeUnavailable."""
    payments = required(payments)
    customer = await _customer(database, user_id)
    if customer.customer_id is None:
        raise Conflict("There is nothing to manage before the first payment.")
    return await payments.create_portal(
        customer.customer_id, return_url=return_url, key=f"portal:{user_id}:{key}"
    )


async def change_plan(
    database: Database, payments: Payments | None, user_id: ExternalUserId, order: PlanOrder
) -> None:
    """From now on; the difference is on the next invoice. Raises as `start_checkout`."""
    payments = required(payments)
    plan = await in_transaction(database, SYSTEM, partial(get_plan, key=order.plan))
    price_id = price_of(plan, order.interval)

    async def change(subscription: Mirrored) -> Document:
        key = f"plan:{subscription.id}:{subscription.version}:{price_id}:{order.key}"
        return await payments.change_price(subscription.id, price_id=price_id, plan=order.plan, key=key)

    await _act(database, payments, user_id, change)


async def cancel(
    database: Database, payments: Payments | None, user_id: ExternalUserId, *, at_once: bool, key: str
) -> None:
    """At the end of the paid period, or at once. Raises PaymentsOff, Conflict, StripeUnavailable."""
    payments = required(payments)

    async def end(subscription: Mirrored) -> Document:
        once = f"cancel:{subscription.id}:{subscription.version}:{key}"
        if at_once:
            return await payments.cancel_now(subscription.id, key=once)
        return await payments.cancel_at_period_end(subscription.id, cancel=True, key=once)

    await _act(database, payments, user_id, end)


async def resume(database: Database, payments: Payments | None, user_id: ExternalUserId, *, key: str) -> None:
    """Take a cancellation at the end of the period back. Raises as `cancel`."""
    payments = required(payments)

    async def go_on(subscription: Mirrored) -> Document:
        if subscription.cancel_at is None:
            raise Conflict("The subscription is not cancelled.")
        once = f"resume:{subscription.id}:{subscription.version}:{key}"
        return await payments.cancel_at_period_end(subscription.id, cancel=False, key=once)

    await _act(database, payments, user_id, go_on)


def required(payments: Payments | None) -> Payments:
    """Raises PaymentsOff."""
    if payments is None:
        raise PaymentsOff("This installation sells no plans.")
    return payments


def price_of(plan: SubscriptionPlan | None, interval: Interval) -> str:
    """Stripe's id of the price. Raises InvalidInput for a plan that is not sold."""
    if plan is None or not plan.is_active:
        raise InvalidInput("This plan cannot be chosen.")
    price = plan.stripe_yearly_price_id if interval is Interval.YEARLY else plan.stripe_monthly_price_id
    if not price:
        raise InvalidInput(f"The plan {plan.display_name} is not sold {interval}.")
    return price


async def _act(
    database: Database,
    payments: Payments,
    user_id: ExternalUserId,
    change: Callable[[Mirrored], Awaitable[Document]],
) -> None:
    known = await in_transaction(
        database, SYSTEM, partial(_look, user_id=user_id, plan=None, digests=NO_DIGESTS)
    )
    if known.subscription is None or known.customer.customer_id is None:
        raise Conflict("There is no subscription.")
    await change(known.subscription)
    await refresh(database, payments, user_id, known.customer.customer_id, source=Source.USER_ACTION)


async def _customer(database: Database, user_id: ExternalUserId) -> Customer:
    found = await read_one(database, SYSTEM, queries.FIND_CUSTOMER, user_id=user_id)
    if found is None:
        raise NotFound("There is no such user.")
    return found


async def _look(
    tx: Transaction, *, user_id: ExternalUserId, plan: str | None, digests: TrialDigests
) -> _Known:
    customer = await tx.one(queries.FIND_CUSTOMER, user_id=user_id)
    if customer is None or await tx.one(FIND_STANDING, user_id=user_id) is None:
        raise NotFound("There is no such user.")
    held = [one for one in await tx.many(LIST_MIRRORED, user_id=user_id) if one.status in OPEN]
    return _Known(
        customer,
        await get_plan(tx, plan) if plan is not None else None,
        held[-1] if held else None,
        await may_try(tx, customer, digests) if plan is not None else False,
    )


async def _ensure_customer(database: Database, payments: Payments, customer: Customer) -> str:
    if customer.customer_id is not None:
        return customer.customer_id
    made = await payments.ensure_customer(customer.user_id, email=customer.email, name=customer.full_name)
    linking = partial(_link, user_id=customer.user_id, customer_id=made)
    return await in_transaction(database, SYSTEM, linking)


async def _link(tx: Transaction, *, user_id: ExternalUserId, customer_id: str) -> str:
    """The customer of the user: the first that anybody linked."""
    await tx.run(queries.LINK_CUSTOMER, user_id=user_id, customer_id=customer_id)
    linked = await tx.one(queries.FIND_CUSTOMER, user_id=user_id)
    if linked is None or linked.customer_id is None:
        raise NotFound("There is no such user.")
    return linked.customer_id
