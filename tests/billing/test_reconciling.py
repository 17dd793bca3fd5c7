"""Counters are what they count, whatever happened to them, and for everybody."""

import asyncio

import psycopg

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing import tasks
from tastemaker.billing.plan_limits import take_campaign
from tastemaker.billing.queries import FIRST, reconcile_counters
from tastemaker.campaigns.service import ensure_campaign
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.ids import JobId, new_id
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.types import ClaimedJob, Done, JobContext
from tests.jobs.notes import column

PLANT = """
    WITH person AS (
        INSERT INTO users (user_id) SELECT 'user_' || number FROM generate_series(1, 7) AS number
        RETURNING id
    ) INSERT INTO user_usage (user_id, usage_campaigns_current) SELECT id, 3 FROM person
"""


def context(database: Database) -> JobContext:
    job = ClaimedJob(
        id=JobId(new_id()), job_type="x", payload={}, attempt=1, retry_count=0, max_retries=3,
        tenant_id=None, correlation_id=None,
    )  # fmt: skip
    return JobContext(database, job, asyncio.Event(), Configuration.of_defaults())


async def test_drift_is_corrected_and_what_is_right_is_left_alone(
    database: Database, user: CurrentUser, admin_url: str
) -> None:
    async with transaction(database, Tenant(user.user_id)) as tx:
        await ensure_campaign(tx, user, name="one")
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute(PLANT)
        owner.execute(
            "INSERT INTO usage_charges (tenant_id, period_start, platform, stable_id, charged_at)"
            " SELECT tenant_id, usage_reset_date, 'TikTok', 'c' || number, now()"
            " FROM user_usage, generate_series(1, 4) AS number WHERE tenant_id = 'local'"
        )
        assert await tasks.reconcile_billing(context(database), Nothing()) == Done(
            {"users": 8, "corrected": 8}
        )
        counters = owner.execute(
            "SELECT tenant_id, usage_campaigns_current, usage_creators_current_month FROM user_usage"
        ).fetchall()
    assert {row[1:] for row in counters if row[0] != "local"} == {(0, 0)}
    assert ("local", 1, 4) in counters
    again = await tasks.reconcile_billing(context(database), Nothing())
    assert again == Done({"users": 8, "corrected": 0})


async def test_it_walks_over_everybody_and_goes_on_where_it_was_stopped(
    database: Database, admin_url: str
) -> None:
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute(PLANT)
    stopped = context(database)
    stopped.stopping.set()
    await tasks.reconcile_billing(stopped, Nothing())
    assert await column(database, "payload ->> 'after'") == [str(FIRST)]
    seen, after = 0, FIRST
    for _ in range(3):
        async with transaction(database, SYSTEM) as tx:
            found = await reconcile_counters(tx, after=after, batch=3)
        seen += found.corrected
        after = found.last or after
    assert (seen, found.last) == (7, None)


async def test_what_is_charged_meanwhile_is_not_forgotten(database: Database, user: CurrentUser) -> None:
    async with transaction(database, SYSTEM) as looking:
        await reconcile_counters(looking, after=FIRST, batch=10)

        async def start() -> None:
            async with transaction(database, Tenant(user.user_id)) as tx:
                await take_campaign(tx, user.user_id)

        waiting = asyncio.create_task(start())
        await asyncio.sleep(0.2)
        assert not waiting.done(), "one after the other"
    await waiting
    async with transaction(database, SYSTEM) as tx:
        assert (await reconcile_counters(tx, after=FIRST, batch=10)).corrected == 1
