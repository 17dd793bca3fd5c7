"""The flows of the mission document over HTTP: from a sign-up to a trial, from a webhook's bytes to the rows.

And what a person and a program see of it.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing.features import refuse_programs
from tastemaker.billing.plans import Overrides, assign_plan, override_plan
from tastemaker.billing.tasks import EndSubscription, end_subscription
from tastemaker.billing.webhooks import put_payments
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ApiScope
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.journeys.account_deletion import delete_user
from tastemaker.ops.rebuilding import compare_states
from tests.billing.shop import Shop, shop_over
from tests.billing.stripe_server import DAY
from tests.billing.test_periods import owner_says
from tests.web.conftest import app_over, make_key, served
from tests.web.visitors import browsing

BILLING = "/settings/billing"
SCOPES = (ApiScope.ACCOUNT_READ, ApiScope.ACCOUNT_WRITE)


@pytest.fixture
async def shop(database: Database, admin_url: str) -> AsyncIterator[Shop]:
    async with shop_over(database, admin_url) as shop:
        yield shop


@pytest.fixture
async def browser(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    user = await shop.person()
    app = app_over(shop.database)
    put_payments(app, shop.payments)
    async with browsing(shop.database, user, app) as browser:
        yield browser


async def test_flow_1_from_choosing_a_plan_to_the_trial_with_its_e_mails(
    shop: Shop, browser: httpx.AsyncClient
) -> None:
    shown = await browser.get(BILLING)
    assert "Choose a plan" in shown.text
    assert "first seven days are free" in shown.text
    bought = await browser.post(
        f"{BILLING}/checkout", data={"plan": "glow_up", "interval": "monthly", "key": "1"}
    )
    assert bought.status_code == 303
    shop.stripe.complete(bought.headers["location"].rpartition("/")[2])
    await shop.deliver_all()
    shown = await browser.get(BILLING, params={"paid": "1"})
    for words in ("Glow Up Plan", "Trial", "•••• 4242", "Cancel at the end", "Thank you"):
        assert words in shown.text, words
    (mails,) = owner_says(
        shop.admin_url,
        "SELECT email_schedule_status -> 'trial_day2' ->> 'status',"
        " email_schedule_status -> 'trial_day5' ->> 'status' FROM user_system_data WHERE tenant_id = 'bob'",
    )
    assert mails == ("scheduled", "scheduled")
    jobs = owner_says(
        shop.admin_url,
        "SELECT round(extract(epoch FROM scheduled_for - app_now()) / 86400)::int FROM background_jobs"
        " WHERE job_type = 'send_trial_email' ORDER BY scheduled_for",
    )
    assert jobs == [(2,), (5,)]
    ended = await browser.post(f"{BILLING}/cancellation", data={"key": "2"}, follow_redirects=True)
    assert "Keep the plan" in ended.text
    again = await browser.post(f"{BILLING}/resumption", data={"key": "3"}, follow_redirects=True)
    assert "Keep the plan" not in again.text
    larger = {"plan": "viral_surge", "interval": "yearly", "key": "4"}
    changed = await browser.post(f"{BILLING}/plan", data=larger, follow_redirects=True)
    assert "Viral Surge" in changed.text
    wrong = await browser.post(f"{BILLING}/checkout", data={"plan": "glow_up", "key": "5"})
    assert wrong.status_code == 409
    assert "Change its plan instead" in wrong.text
    assert (
        (await browser.post(f"{BILLING}/portal", data={"key": "6"}))
        .headers["location"]
        .startswith("https://portal.example/")
    )


async def test_flow_4_from_the_bytes_of_a_webhook_to_the_rows_and_a_state_that_events_rebuild(
    shop: Shop, browser: httpx.AsyncClient
) -> None:
    bought = await browser.post(f"{BILLING}/checkout", data={"plan": "glow_up", "key": "1"})
    shop.stripe.complete(bought.headers["location"].rpartition("/")[2])
    await shop.deliver_all()
    await shop.advance(8 * DAY)
    await shop.deliver_all()
    assert shop.standing() == ("glow_up", "active", "converted")
    kept = owner_says(shop.admin_url, "SELECT count(*), bool_and(status = 'processed') FROM inbox_messages")
    assert kept[0][1]
    raw = owner_says(
        shop.admin_url, "SELECT count(*) FROM events WHERE event_type = 'billing_webhook_received'"
    )
    assert raw[0][0] == kept[0][0]
    for table in ("events", "inbox_messages", "background_jobs", "user_billing"):
        found = owner_says(shop.admin_url, f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%%canary%%'")  # noqa: S608 - names of tables
        assert found == [(0,)]
    bob = ExternalUserId("bob")
    async with transaction(shop.database, SYSTEM) as tx:
        await assign_plan(tx, bob, "fame_flex", actor="local")
    compared = await compare_states(shop.database)
    assert (compared.differences, compared.unrecorded) == ([], [])
    async with transaction(shop.database, SYSTEM) as tx:
        await delete_user(tx, bob)
    (ending,) = owner_says(
        shop.admin_url,
        "SELECT payload ->> 'subscription_id' FROM background_jobs WHERE job_type = 'end_subscription'",
    )
    for _ in range(2):
        await end_subscription(shop.context, EndSubscription(subscription_id=str(ending[0])))
    assert shop.stripe.objects[str(ending[0])]["status"] == "canceled"


async def test_a_program_buys_and_sees_and_needs_a_plan_with_the_api(shop: Shop) -> None:
    user = await shop.person()
    app = app_over(shop.database)
    put_payments(app, shop.payments)
    gated = app.state.services
    object.__setattr__(gated, "refuse_programs", refuse_programs)
    headers = {"Authorization": f"Bearer {await make_key(shop.database, user, *SCOPES)}"}
    async with served(app) as url, httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        refused = await http.get("/api/v1/billing")
        assert refused.status_code == 402
        assert "API" in refused.text
        async with transaction(shop.database, SYSTEM) as tx:
            wanted = Overrides(None, None, {"apiAccess": True})
            await override_plan(tx, user.user_id, wanted, actor="local")
        shown: dict[str, Any] = (await http.get("/api/v1/billing")).json()
        assert (shown["plan"], shown["used"]["creators_limit"]) == ("free", 0)
        assert shown["offered"] == ["glow_up", "viral_surge"]
        order = {"plan": "glow_up", "return_url": "http://here/"}
        made = await http.post("/api/v1/billing/checkout", json=order)
        assert made.json()["url"].startswith("https://checkout.example/")
        early = await http.post("/api/v1/billing/cancellation", json={})
        assert early.status_code == 409
        shop.stripe.is_down = True
        down = await http.post("/api/v1/billing/checkout", json=order)
        assert down.status_code == 503


async def test_administrators_change_the_price_list(
    shop: Shop, user: CurrentUser, database: Database
) -> None:
    key = await make_key(database, user)
    await shop.person()
    async with browsing(database, user, app_over(database)) as browser:
        assert "Glow Up Plan" in (await browser.get("/system/plans")).text
        form = {
            "display_name": "Glow", "monthly_price": "100", "campaigns_limit": "-1", "creators_limit": "5",
            "sort_order": "1", "features": "seats=2\nplatforms=TikTok", "is_active": "1",
        }  # fmt: skip
        saved = await browser.post("/system/plans/glow_up", data=form, follow_redirects=True)
        assert 'value="Glow"' in saved.text
        wrong = await browser.post("/system/plans/glow_up", data={**form, "creators_limit": "-7"})
        assert wrong.status_code == 422
        http = browser
        http.headers["Authorization"] = f"Bearer {key}"
        plans = (await http.get("/api/v1/admin/plans")).json()["plans"]
        glow = next(one for one in plans if one["plan_key"] == "glow_up")
        assert (glow["features"]["seats"], glow["features"]["platforms"]) == (2, ["TikTok"])
        made = await http.put("/api/v1/admin/plans/team", json={"creators_limit": 10})
        assert made.json()["creators_limit"] == 10
        given = await http.put("/api/v1/admin/users/bob/plan", json={"plan": "team", "reason": "test"})
        assert given.json()["plan"] == "team"
        assert (await http.delete("/api/v1/admin/users/bob/plan")).json()["plan"] == "self_hosted"
        gone = await http.post("/api/v1/admin/plans/team/deactivation", json={})
        assert gone.json()["is_active"] is False
