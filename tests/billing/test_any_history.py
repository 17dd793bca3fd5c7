"""Whatever happens, in whatever order: each state is legal, and after the stream has drained it is Stripe's.

Sequences of what a person does, of messages that come late, twice, in another order or never, and of time
that passes. The long form runs with the slow set.
"""

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tastemaker.billing import checkout, plans
from tastemaker.billing.checkout import Interval, PlanOrder
from tastemaker.billing.tasks import reconcile_stripe
from tastemaker.core.errors import AppError
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import open_database
from tastemaker.db.transaction import transaction
from tastemaker.jobs.schedules import Nothing
from tastemaker.ops.rebuilding import compare_states
from tests.billing.shop import Shop, shop_over
from tests.billing.stripe_server import DAY, MONTH
from tests.billing.test_periods import owner_says

BOB = ExternalUserId("bob")
PAGE = "http://here/settings/billing"
PLANS = ("glow_up", "viral_surge")
LIVE = ("trialing", "active", "past_due")
MANY = int(os.environ.get("TASTEMAKER_HISTORIES", "300"))
"""In the slow set; 10,000 take a night."""

FORGET = (
    "DELETE FROM users WHERE user_id = 'bob'",
    "DELETE FROM inbox_messages",
    "DELETE FROM stripe_subscriptions",
    "DELETE FROM trial_claims",
    "DELETE FROM background_jobs",
    "ALTER TABLE events DISABLE TRIGGER USER",
    "DELETE FROM events",
    "DELETE FROM event_keys",
    "ALTER TABLE events ENABLE TRIGGER USER",
)

Step = tuple[str, int]

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ("buy", "buy", "cancel", "end", "resume", "change", "bad card", "good card", "day", "week",
             "month", "deliver", "deliver", "shuffle", "twice", "lose", "down", "up", "tick", "grant",
             "revoke", "reconcile")
        ),
        st.integers(0, 1_000),
    ),
    min_size=1,
    max_size=14,
)  # fmt: skip


async def act(shop: Shop, what: str, number: int) -> None:  # noqa: C901, PLR0912 - a line for each act
    stripe, key = shop.stripe, str(number)
    customers = [one for one in stripe.objects.values() if one["object"] == "customer"]
    match what:
        case "buy":
            order = PlanOrder(plan=PLANS[number % 2], interval=Interval.MONTHLY, key=key)
            url = await checkout.start_checkout(shop.database, shop.payments, BOB, order, return_url=PAGE)
            session = stripe.objects[url.rpartition("/")[2]]
            if session.get("status") != "complete":
                stripe.complete(session["id"])
        case "cancel" | "end":
            await checkout.cancel(shop.database, shop.payments, BOB, at_once=what == "end", key=key)
        case "resume":
            await checkout.resume(shop.database, shop.payments, BOB, key=key)
        case "change":
            order = PlanOrder(plan=PLANS[number % 2], interval=Interval.YEARLY, key=key)
            await checkout.change_plan(shop.database, shop.payments, BOB, order)
        case "bad card":
            stripe.bad_cards.update(one["id"] for one in customers)
        case "good card":
            stripe.bad_cards.clear()
        case "day" | "week" | "month":
            await shop.advance({"day": DAY, "week": 7 * DAY, "month": MONTH}[what] + number)
        case "deliver" | "shuffle" | "twice":
            if what == "shuffle":
                random.Random(number).shuffle(stripe.events)  # noqa: S311 - the order of a test
            some, stripe.events[:] = stripe.events[: 1 + number % 6], stripe.events[1 + number % 6 :]
            await shop.deliver(*some, *(some if what == "twice" else ()))
        case "lose":
            if stripe.events:
                stripe.events.pop(number % len(stripe.events))
        case "down" | "up":
            stripe.is_down = what == "down"
        case "tick":
            await shop.tick()
        case "grant":
            async with transaction(shop.database, SYSTEM) as tx:
                await plans.assign_plan(tx, BOB, "fame_flex", actor="local")
        case "revoke":
            async with transaction(shop.database, SYSTEM) as tx:
                await plans.revoke_plan(tx, BOB, actor="local")
        case "reconcile":
            await reconcile_stripe(shop.context, Nothing())


async def check_legal(shop: Shop) -> None:
    """The database refuses words that are none; these belong together in every state."""
    (kept,) = owner_says(
        shop.admin_url,
        "SELECT current_plan, subscription_status, trial_status, trial_start_date, trial_end_date,"
        " trial_conversion_date FROM user_subscriptions WHERE tenant_id = 'bob'",
    )
    plan, status, trial, start, end, converted = kept
    assert (trial == "converted") == (converted is not None)
    assert trial != "active" or (start is not None and end is not None)
    if plan in PLANS:
        assert status in LIVE, kept


async def check_drained(shop: Shop) -> None:
    """Everything is delivered and Stripe asked: what is stored is what its objects and the log say."""
    shop.stripe.is_down = False
    await shop.deliver_all()
    await reconcile_stripe(shop.context, Nothing())
    await shop.tick()
    found = [one for one in shop.stripe.objects.values() if one["object"] == "subscription"]
    (kept,) = owner_says(
        shop.admin_url,
        "SELECT current_plan, subscription_status, extract(epoch FROM subscription_renewal_date)::bigint"
        " FROM user_subscriptions WHERE tenant_id = 'bob'",
    )
    plan, status, renews = kept
    granted = owner_says(shop.admin_url, "SELECT plan_key FROM plan_grants WHERE tenant_id = 'bob'")
    if found:
        rank = ("canceled", "unpaid", "past_due", "trialing", "active")
        best = max(found, key=lambda one: (rank.index(one["status"]), one["created"], one["id"]))
        assert status == best["status"]
        going = best["status"] in LIVE and not best["cancel_at_period_end"]
        assert renews == (best["current_period_end"] if going else None)
        price = best["items"]["data"][0]["price"]["id"].partition("_")[2]
        in_grace = shop.stripe.now < best["current_period_start"] + 7 * DAY
        has = status in {"active", "trialing"} or (status == "past_due" and in_grace)
        assert plan == (granted[0][0] if granted else price if has else "free")
    compared = await compare_states(shop.database)
    assert compared.differences == []
    waiting = owner_says(shop.admin_url, "SELECT count(*) FROM inbox_messages WHERE status <> 'processed'")
    assert waiting == [(0,)]


async def live_through(shop: Shop, history: list[Step]) -> None:
    for statement in FORGET:
        owner_says(shop.admin_url, statement)
    for left in ("objects", "answered"):
        getattr(shop.stripe, left).clear()
    shop.stripe.events.clear()
    shop.stripe.bad_cards.clear()
    shop.stripe.is_down = False
    shop.at(shop.stripe.now)
    await shop.person()
    for what, number in history:
        with suppress(AppError):  # a clear refusal, such as a second checkout
            await act(shop, what, number)
        await check_legal(shop)
    await check_drained(shop)


def test_twelve_histories(admin_url: str, app_url: str) -> None:
    _run(admin_url, app_url, examples=12)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_histories(admin_url: str, app_url: str) -> None:
    _run(admin_url, app_url, examples=MANY)


def _run(admin_url: str, app_url: str, *, examples: int) -> None:
    """One installation and one loop for all of them."""
    with asyncio.Runner() as runner:

        async def opened(use: Callable[[Shop], Any]) -> None:
            async with open_database(app_url) as database, shop_over(database, admin_url) as shop:
                await use(shop)

        gate: asyncio.Queue[tuple[list[Step], asyncio.Future[None]] | None] = asyncio.Queue()

        async def serve(shop: Shop) -> None:
            while (asked := await gate.get()) is not None:
                history, done = asked
                try:
                    await live_through(shop, history)
                    done.set_result(None)
                except BaseException as error:  # noqa: BLE001 - given to hypothesis
                    done.set_exception(error)

        loop = runner.get_loop()
        task = loop.create_task(opened(serve))

        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(steps)
        def histories(history: list[Step]) -> None:
            async def ask() -> None:
                done = loop.create_future()
                await gate.put((history, done))
                await asyncio.wait({done, task}, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    task.result()
                done.result()

            runner.run(ask())

        histories()
        runner.run(gate.put(None))
        runner.run(asyncio.wait_for(task, 60))
