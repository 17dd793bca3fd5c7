"""An installation that sells plans: the application, a worker's jobs, and a Stripe on loopback."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from stripe import WebhookSignature

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.queries import insert_user
from tastemaker.accounts.service import get_current_user
from tastemaker.billing.stripe_client import Payments
from tastemaker.billing.tasks import ExpireTrial, expire_trial, find_ended_trials
from tastemaker.billing.webhooks import (
    PROCESS_STRIPE_WEBHOOK,
    ProcessWebhook,
    process_webhook,
    put_payments,
)
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.clock import utc_now
from tastemaker.core.ids import ExternalUserId, JobId, new_id
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.types import Again, ClaimedJob, JobContext, JobResult
from tests.billing.stripe_server import FakeStripe, serving_stripe
from tests.billing.test_periods import context, owner_says
from tests.web.conftest import app_over, served

SECRET, OTHER_SECRET = "whsec_one", "whsec_two"
WAITING = statement(
    "SELECT (payload ->> 'message')::bigint AS message FROM background_jobs"
    " WHERE job_type = %(kind)s AND status = 'pending' ORDER BY created_at",
    int,
)
TAKEN = statement(
    "UPDATE background_jobs SET status = 'cancelled' WHERE job_type = %(kind)s AND status = 'pending'"
    " AND (payload ->> 'message')::bigint = ANY(%(messages)s)"
)
PRICES = (
    "UPDATE subscription_plans SET stripe_monthly_price_id = 'price_' || plan_key,"
    " stripe_yearly_price_id = 'year_' || plan_key WHERE plan_key IN ('glow_up', 'viral_surge')"
)


@dataclass(frozen=True)
class Shop:
    database: Database
    admin_url: str
    stripe: FakeStripe
    payments: Payments
    http: httpx.AsyncClient

    @property
    def context(self) -> JobContext:
        job = ClaimedJob(
            id=JobId(new_id()), job_type="x", payload={}, attempt=1, retry_count=0, max_retries=3,
            tenant_id=None, correlation_id=None,
        )  # fmt: skip
        resources = {Payments: self.payments}
        base = context(self.database)
        return JobContext(self.database, job, base.stopping, Configuration.of_defaults(), resources)

    async def person(self, name: str = "bob", email: str | None = "bob@example.org") -> CurrentUser:
        async with transaction(self.database, SYSTEM) as tx:
            user_id = ExternalUserId(name)
            await insert_user(tx, user_id, full_name=name, plan="free", is_admin=False)
            user = await get_current_user(tx, user_id)
        owner_says(self.admin_url, "UPDATE users SET email = %s WHERE user_id = %s", email, name)
        return user

    async def send(
        self,
        event: Mapping[str, Any],
        *,
        secret: str = SECRET,
        at: int | None = None,
        body: bytes | None = None,
    ) -> httpx.Response:
        """As Stripe does: the bytes, and their signature."""
        raw = json.dumps(event).encode() if body is None else body
        moment = at if at is not None else int(utc_now().timestamp())
        header = WebhookSignature.generate_signature_header(json.dumps(event), secret, moment)
        return await self.http.post("/webhooks/stripe", content=raw, headers={"Stripe-Signature": header})

    async def deliver(self, *events: Mapping[str, Any]) -> None:
        """Sent, and processed by a worker."""
        for event in events:
            answered = await self.send(event)
            assert answered.status_code == 200, answered.text
        await self.work()

    async def work(self) -> list[JobResult]:
        """Each waiting message once more, until all are done or wait for something else."""
        results: list[JobResult] = []
        kind = PROCESS_STRIPE_WEBHOOK.name
        async with transaction(self.database, SYSTEM) as tx:
            waiting = await tx.many(WAITING, kind=kind)
        done = []
        for message in waiting:
            result: JobResult = Again(0.1)
            while isinstance(result, Again) and result.seconds < 1:
                result = await process_webhook(self.context, ProcessWebhook(message=message))
            results.append(result)
            if not isinstance(result, Again):
                done.append(message)
        async with transaction(self.database, SYSTEM) as tx:
            await tx.run(TAKEN, kind=kind, messages=done)
        return results

    async def deliver_all(self) -> None:
        events, self.stripe.events[:] = list(self.stripe.events), []
        await self.deliver(*events)

    def at(self, seconds: int) -> None:
        """The database's clock says this time, as Stripe's does."""
        owner_says(self.admin_url, "UPDATE clock_offset SET shift = to_timestamp(%s) - now()", seconds)

    async def advance(self, seconds: int) -> None:
        self.stripe.advance(seconds)
        self.at(self.stripe.now)

    async def tick(self) -> None:
        """The schedule that ends trials and grace."""
        await find_ended_trials(self.context, Nothing())
        for (name,) in owner_says(
            self.admin_url,
            "DELETE FROM background_jobs WHERE job_type = 'expire_trial' RETURNING payload ->> 'user_id'",
        ):
            await expire_trial(self.context, ExpireTrial(user_id=str(name)))

    def standing(self, name: str = "bob") -> tuple[Any, ...]:
        (row,) = owner_says(
            self.admin_url,
            "SELECT current_plan, subscription_status, trial_status FROM user_subscriptions"
            " WHERE tenant_id = %s",
            name,
        )
        return row

    def events(self, *, of: str = "bob") -> list[Any]:
        return [
            row[0]
            for row in owner_says(
                self.admin_url,
                "SELECT event_type FROM events WHERE tenant_id = %s"
                " AND aggregate_type IN ('subscription', 'trial', 'payment') ORDER BY seq",
                of,
            )
        ]


@asynccontextmanager
async def shop_over(database: Database, admin_url: str) -> AsyncIterator[Shop]:
    owner_says(admin_url, PRICES)
    fake = FakeStripe(now=int(utc_now().timestamp()))
    async with serving_stripe(fake) as stripe_url:
        payments = Payments("sk_test_canary", [SECRET, OTHER_SECRET], stripe_url)
        app = app_over(database)
        put_payments(app, payments)
        async with served(app) as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
            yield Shop(database, admin_url, fake, payments, http)
        await payments.close()
