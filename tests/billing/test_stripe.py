"""Stripe over its wire: webhooks in any order end in one state, and what is bought is what a user has."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing import checkout, plans
from tastemaker.billing.checkout import Interval, PlanOrder
from tastemaker.billing.stripe_client import PaymentsOff
from tastemaker.billing.tasks import reconcile_stripe
from tastemaker.billing.trials import is_disposable, normalised
from tastemaker.billing.webhooks import EndSecondTrial, end_second_trial
from tastemaker.core.clock import utc_now
from tastemaker.core.errors import Conflict, InvalidInput
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.types import Again, Done
from tests.billing.shop import OTHER_SECRET, Shop, shop_over
from tests.billing.stripe_server import DAY, MONTH
from tests.billing.test_periods import owner_says

GMAIL, GOOGLE, THROWAWAY = "gmail.com", "googlemail.com", "mailinator.com"
PAGE = "http://here/settings/billing"


@pytest.fixture
async def shop(database: Database, admin_url: str) -> AsyncIterator[Shop]:
    async with shop_over(database, admin_url) as shop:
        yield shop


async def bought(
    shop: Shop, user: CurrentUser, *, plan: str = "glow_up", key: str = "1", fingerprint: str = "fp_1"
) -> dict[str, Any]:
    order = PlanOrder(plan=plan, interval=Interval.MONTHLY, key=key)
    url = await checkout.start_checkout(shop.database, shop.payments, user.user_id, order, return_url=PAGE)
    return shop.stripe.complete(url.rpartition("/")[2], fingerprint=fingerprint)


async def test_a_trial_is_bought_converts_is_cancelled_and_ends(shop: Shop) -> None:
    user = await shop.person()
    await bought(shop, user)
    await shop.deliver_all()
    assert shop.standing() == ("glow_up", "trialing", "active")
    (card,) = owner_says(
        shop.admin_url,
        "SELECT card_brand, card_last_4, card_exp_month, billing_address_city, stripe_customer_id"
        " FROM user_billing",
    )
    assert card[:4] == ("visa", "4242", 12, "Oslo")
    await shop.advance(8 * DAY)
    await shop.tick()
    assert shop.standing() == ("glow_up", "active", "converted"), "asked, before its message came"
    await shop.deliver_all()
    assert shop.standing() == ("glow_up", "active", "converted")
    await checkout.cancel(shop.database, shop.payments, user.user_id, at_once=False, key="1")
    (dates,) = owner_says(
        shop.admin_url,
        "SELECT subscription_cancel_date IS NOT NULL, subscription_renewal_date IS NULL, intended_plan"
        " FROM user_subscriptions",
    )
    assert dates == (True, True, "glow_up")
    await checkout.resume(shop.database, shop.payments, user.user_id, key="1")
    with pytest.raises(Conflict):
        await checkout.resume(shop.database, shop.payments, user.user_id, key="2")
    larger = PlanOrder(plan="viral_surge", interval=Interval.YEARLY, key="1")
    await checkout.change_plan(shop.database, shop.payments, user.user_id, larger)
    assert shop.standing()[0] == "viral_surge"
    await checkout.cancel(shop.database, shop.payments, user.user_id, at_once=True, key="2")
    await shop.deliver_all()
    assert shop.standing() == ("free", "canceled", "converted")
    told = shop.events()
    assert [told.count(one) for one in ("trial_started", "trial_converted", "trial_expired")] == [1, 1, 0]
    assert told.count("subscription_created") == told.count("subscription_canceled") == 1
    assert told.count("payment_succeeded") == 1
    sent = owner_says(
        shop.admin_url,
        "SELECT email_schedule_status -> 'subscription_welcome' ->> 'status',"
        " email_schedule_status -> 'trial_day2' ->> 'status', last_webhook_event FROM user_system_data",
    )
    assert sent[0][1] == "cancelled"
    assert sent[0][2].startswith("customer.subscription.")


async def test_any_order_and_any_number_of_times_ends_in_the_same_state(shop: Shop) -> None:
    await shop.person()
    customer = shop.stripe.add("customer", "cus", metadata={"user_id": "bob"})["id"]
    base: dict[str, Any] = {
        "id": "sub_1", "object": "subscription", "customer": customer, "created": shop.stripe.now,
        "items": {"data": [{"id": "si", "price": {"id": "price_glow_up"}}]}, "metadata": {},
        "current_period_start": shop.stripe.now, "current_period_end": shop.stripe.now + MONTH,
        "trial_start": shop.stripe.now, "trial_end": shop.stripe.now + 7 * DAY, "cancel_at": None,
        "cancel_at_period_end": False, "canceled_at": None, "ended_at": None,
        "default_payment_method": None, "status": "trialing",
    }  # fmt: skip
    shop.stripe.objects["sub_1"] = base
    shop.stripe.emit("customer.subscription.created", base)
    for status, late in (("active", 1), ("past_due", 2), ("active", 2), ("canceled", 3)):
        shop.stripe.now += late - 1
        over = {"canceled_at": shop.stripe.now, "ended_at": shop.stripe.now} if status == "canceled" else {}
        shop.stripe.change(base, status=status, **over)
    stream = list(shop.stripe.events)
    seen = set()
    for order in list(permutations(stream))[::11]:
        await shop.deliver(*order, order[0])
        (kept,) = owner_says(
            shop.admin_url,
            "SELECT current_plan, subscription_status, trial_status, trial_conversion_date,"
            " subscription_cancel_date, subscription_renewal_date, billing_sync_status"
            " FROM user_subscriptions WHERE tenant_id = 'bob'",
        )
        seen.add(kept)
        owner_says(shop.admin_url, "DELETE FROM inbox_messages")
        owner_says(shop.admin_url, "DELETE FROM stripe_subscriptions")
        owner_says(
            shop.admin_url,
            "UPDATE user_subscriptions SET current_plan = 'free', subscription_status = 'none',"
            " trial_status = 'pending', trial_start_date = NULL, trial_end_date = NULL,"
            " trial_conversion_date = NULL, subscription_cancel_date = NULL,"
            " subscription_renewal_date = NULL, billing_sync_status = 'pending'",
        )
    assert len(seen) == 1
    assert seen.pop()[:3] == ("free", "canceled", "converted")


async def test_only_what_stripe_signed_now_is_taken(shop: Shop, admin_url: str) -> None:
    event = {"id": "evt_1", "type": "balance.available", "created": 1, "data": {"object": {"id": "x"}}}
    now = int(utc_now().timestamp())
    assert (await shop.send(event)).status_code == 200
    assert (await shop.send(event, secret=OTHER_SECRET)).status_code == 200, "a rotation"
    for refused in (
        {"secret": "whsec_wrong"},
        {"at": now - 400},
        {"at": now + 400},
        {"body": json.dumps(event, indent=1).encode()},
        {"body": json.dumps(event).encode()[:-1] + b" }"},
        {"body": b"\xff"},
    ):
        assert (await shop.send(event, **refused)).status_code == 400  # type: ignore[arg-type]  # one of them at a time
    assert (await shop.http.post("/webhooks/stripe", content=b"{}")).status_code == 400
    answers = await asyncio.gather(*(shop.send({**event, "id": "evt_2"}) for _ in range(5)))
    assert {one.status_code for one in answers} == {200}
    assert await shop.work() == [Done(), Done()]
    kept = owner_says(admin_url, "SELECT message_id, status FROM inbox_messages ORDER BY id")
    assert kept == [("evt_1", "processed"), ("evt_2", "processed")]
    assert owner_says(admin_url, "SELECT count(*) FROM events WHERE event_type LIKE 'billing_w%%'") == [(2,)]


async def test_an_unknown_customer_waits_until_it_is_known_and_everything_while_stripe_is_down(
    shop: Shop,
) -> None:
    customer = shop.stripe.add("customer", "cus", metadata={"user_id": "bob"})["id"]
    session = shop.stripe.add(
        "checkout.session", "cs", customer=customer, price="year_glow_up", client_reference_id="bob",
        subscription_data={"metadata": {"user_id": "bob", "plan": "glow_up"}},
    )["id"]  # fmt: skip
    subscription = shop.stripe.complete(session)
    subscription["metadata"] = {}
    events = [one for one in shop.stripe.events if one["type"].startswith("customer.subscription")]
    for one in events:
        one["data"]["object"]["metadata"] = {}
        assert (await shop.send(one)).status_code == 200
    (waits,) = await shop.work()
    assert isinstance(waits, Again)
    assert waits.seconds <= 60
    await shop.person()
    shop.stripe.is_down = True
    assert await shop.work() == [Again(60.0)]
    shop.stripe.is_down = False
    assert await shop.work() == [Done()]
    assert shop.standing() == ("glow_up", "active", "converted")


async def test_two_orders_at_once_make_one_customer_and_a_double_click_one_checkout(shop: Shop) -> None:
    user = await shop.person()
    order = PlanOrder(plan="glow_up", interval=Interval.MONTHLY, key="same")
    urls = await asyncio.gather(
        *(
            checkout.start_checkout(shop.database, shop.payments, user.user_id, order, return_url=PAGE)
            for _ in range(5)
        )
    )
    assert len(set(urls)) == 1
    assert sorted(shop.stripe.writes) == ["POST checkout", "POST customers"]
    shop.stripe.complete(urls[0].rpartition("/")[2])
    await shop.deliver_all()
    with pytest.raises(Conflict):
        await checkout.start_checkout(shop.database, shop.payments, user.user_id, order, return_url=PAGE)
    portal = await checkout.open_portal(shop.database, shop.payments, user.user_id, return_url=PAGE, key="1")
    assert portal == "https://portal.example/"
    with pytest.raises(PaymentsOff):
        await checkout.start_checkout(shop.database, None, user.user_id, order, return_url=PAGE)
    unsold = PlanOrder(plan="fame_flex", interval=Interval.MONTHLY, key="1")
    with pytest.raises(InvalidInput):
        other = await shop.person("eve", "eve@example.org")
        await checkout.start_checkout(shop.database, shop.payments, other.user_id, unsold, return_url=PAGE)


async def test_a_person_has_one_trial_under_any_account(shop: Shop) -> None:
    bob = await shop.person("bob", f"Bob.B+news@{GOOGLE}")
    await bought(shop, bob)
    await shop.deliver_all()
    owner_says(shop.admin_url, "DELETE FROM users WHERE user_id = 'bob'")
    again = await shop.person("rob", f"bobb@{GMAIL}")
    assert (await bought(shop, again, fingerprint="fp_2"))["status"] == "active", "the same mailbox"
    disposable = await shop.person("tmp", f"x@{THROWAWAY}")
    assert (await bought(shop, disposable, fingerprint="fp_3"))["status"] == "active"
    shop.stripe.now += 3600
    eve = await shop.person("eve", "eve@example.org")
    second = await bought(shop, eve)
    assert second["status"] == "trialing", "her card is not known before"
    await shop.deliver_all()
    jobs = owner_says(
        shop.admin_url, "SELECT payload ->> 'subscription_id' FROM background_jobs"
        " WHERE job_type = 'end_second_trial'",
    )  # fmt: skip
    assert jobs == [(second["id"],)]
    for _ in range(2):
        await end_second_trial(shop.context, EndSecondTrial(subscription_id=second["id"]))
    await shop.deliver_all()
    assert shop.standing("eve") == ("glow_up", "active", "converted")
    assert normalised("A.B+c@Example.ORG") == "a.b@example.org"
    assert is_disposable(f"x@sub.{THROWAWAY}")
    assert not is_disposable(f"x@{GMAIL}")


async def test_an_unpaid_period_keeps_its_plan_for_the_grace_and_reconcile_repairs_what_was_lost(
    shop: Shop,
) -> None:
    user = await shop.person()
    await bought(shop, user)
    await shop.deliver_all()
    await shop.advance(8 * DAY)
    await shop.deliver_all()
    customer = shop.stripe.objects[next(key for key in shop.stripe.objects if key.startswith("cus"))]["id"]
    shop.stripe.bad_cards.add(customer)
    await shop.advance(MONTH)
    await shop.deliver_all()
    assert shop.standing() == ("glow_up", "past_due", "converted")
    await shop.advance(8 * DAY)
    await shop.tick()
    assert shop.standing() == ("free", "past_due", "converted")
    assert "payment_failed" in shop.events()
    shop.stripe.bad_cards.clear()
    shop.stripe.change(shop.stripe.subscriptions(customer)[0], status="active")
    shop.stripe.events.clear()
    assert await reconcile_stripe(shop.context, Nothing()) == Done({"customers": 1, "repaired": 1})
    assert await reconcile_stripe(shop.context, Nothing()) == Done({"customers": 1, "repaired": 0})
    assert shop.standing() == ("glow_up", "active", "converted")
    async with transaction(shop.database, SYSTEM) as tx:
        await plans.assign_plan(tx, user.user_id, "fame_flex", actor="local")
    await reconcile_stripe(shop.context, Nothing())
    assert shop.standing()[0] == "fame_flex", "what an administrator gave stands"
    shop.stripe.is_down = True
    assert isinstance(await reconcile_stripe(shop.context, Nothing()), Again)


async def test_both_shapes_of_the_api_are_read(shop: Shop) -> None:
    for name, is_new in (("old", False), ("new", True)):
        shop.stripe.is_new_shape = is_new
        user = await shop.person(name, f"{name}@example.org")
        await bought(shop, user, fingerprint=name)
        await shop.deliver_all()
    renewals = owner_says(
        shop.admin_url, "SELECT subscription_renewal_date = trial_end_date FROM user_subscriptions"
    )
    assert renewals == [(True,), (True,)]
