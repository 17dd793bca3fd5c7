"""Usage begins anew at each user's own anchor; trials end once, in one way."""

import asyncio
from datetime import datetime, timedelta

import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.service import complete_onboarding
from tastemaker.billing.queries import BEGIN_PERIODS, LIST_ENDED_TRIALS
from tastemaker.billing.tasks import ExpireTrial, expire_trial, find_ended_trials, reset_usage
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.ids import ExternalUserId, JobId, new_id
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.types import ClaimedJob, Done, JobContext


def context(database: Database) -> JobContext:
    job = ClaimedJob(
        id=JobId(new_id()), job_type="x", payload={}, attempt=1, retry_count=0, max_retries=3,
        tenant_id=None, correlation_id=None,
    )  # fmt: skip
    return JobContext(database, job, asyncio.Event(), Configuration.of_defaults())


def owner_says(admin_url: str, statement: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(admin_url, autocommit=True) as owner:
        cursor = owner.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def at(admin_url: str, moment: str) -> None:
    """The database's clock says this time now."""
    owner_says(admin_url, "UPDATE clock_offset SET shift = %s::timestamptz - now()", f"{moment}+00")


def signed_up(admin_url: str, moment: str, *, used: int) -> None:
    owner_says(admin_url, "UPDATE user_system_data SET signup_timestamp = %s", moment)
    owner_says(
        admin_url,
        "UPDATE user_usage SET usage_reset_date = %s, usage_creators_current_month = %s",
        moment,
        used,
    )


def usage(admin_url: str) -> tuple[object, ...]:
    (row,) = owner_says(
        admin_url, "SELECT usage_reset_date::text, usage_creators_current_month FROM user_usage"
    )
    return row


@pytest.mark.parametrize(
    ("now", "begins", "used"),
    [
        ("2026-01-31 09:59:59", "2026-01-31 10:00:00", 7),
        ("2026-02-28 09:59:59", "2026-01-31 10:00:00", 7),
        ("2026-02-28 10:00:01", "2026-02-28 10:00:00", 0),
        ("2026-03-31 09:59:59", "2026-02-28 10:00:00", 0),
        ("2026-03-31 10:00:01", "2026-03-31 10:00:00", 0),
        ("2027-01-31 10:00:01", "2027-01-31 10:00:00", 0),
        ("2028-02-29 10:00:01", "2028-02-29 10:00:00", 0),
    ],
)
async def test_a_period_begins_at_the_anchor_without_drift(
    database: Database, user: CurrentUser, admin_url: str, now: str, begins: str, used: int
) -> None:
    signed_up(admin_url, "2026-01-31 10:00:00", used=7)
    at(admin_url, now)
    for _ in range(2):
        await reset_usage(context(database), Nothing())
        assert usage(admin_url) == (begins, used)


async def test_two_at_once_reset_once_and_charges_of_the_new_period_stay(
    database: Database, user: CurrentUser, admin_url: str
) -> None:
    signed_up(admin_url, "2026-01-31 10:00:00", used=7)
    at(admin_url, "2026-02-28 11:00:00")
    owner_says(
        admin_url,
        "INSERT INTO usage_charges (tenant_id, period_start, platform, stable_id, charged_at)"
        " VALUES ('local', '2026-02-28 10:00:00', 'TikTok', '1', now())",
    )

    async def begin() -> int:
        async with transaction(database, SYSTEM) as tx:
            return await tx.run(BEGIN_PERIODS, batch=10)

    assert sum(await asyncio.gather(*(begin() for _ in range(4)))) == 1
    assert usage(admin_url) == ("2026-02-28 10:00:00", 1)


async def trial(database: Database, admin_url: str, *, subscription: str, ends: datetime) -> None:
    owner_says(
        admin_url,
        "UPDATE user_subscriptions SET trial_status = 'active', current_plan = 'glow_up',"
        " trial_start_date = %s, trial_end_date = %s, subscription_status = %s",
        ends - timedelta(days=7),
        ends,
        subscription,
    )


@pytest.mark.parametrize(
    ("subscription", "status", "plan", "event"),
    [
        ("none", "expired", "free", "trial_expired"),
        ("trialing", "expired", "free", "trial_expired"),
        ("active", "converted", "glow_up", "trial_converted"),
    ],
)
async def test_a_trial_ends_once_in_one_way(
    database: Database,
    user: CurrentUser,
    admin_url: str,
    subscription: str,
    status: str,
    plan: str,
    event: str,
) -> None:
    ends = datetime(2026, 3, 8, 12)  # noqa: DTZ001 - a column of the specification: UTC, unsaid
    await trial(database, admin_url, subscription=subscription, ends=ends)
    message = ExpireTrial(user_id="local")
    at(admin_url, "2026-03-08 11:59:00")
    await expire_trial(context(database), message)
    assert owner_says(admin_url, "SELECT trial_status FROM user_subscriptions") == [("active",)]

    at(admin_url, "2026-03-08 12:01:00")
    async with transaction(database, SYSTEM) as tx:
        assert await tx.many(LIST_ENDED_TRIALS, limit=10) == ["local"]
    assert await find_ended_trials(context(database), Nothing()) == Done({"ended": 1})
    for _ in range(2):
        await expire_trial(context(database), message)
    assert owner_says(admin_url, "SELECT trial_status, current_plan FROM user_subscriptions") == [
        (status, plan)
    ]
    written = owner_says(admin_url, "SELECT event_type FROM events WHERE aggregate_type = 'trial'")
    assert written == [(event,)]
    jobs = owner_says(
        admin_url, "SELECT payload ->> 'user_id' FROM background_jobs WHERE job_type = 'expire_trial'"
    )
    assert jobs == [("local",)]


async def test_onboarding_ends_once(database: Database, user: CurrentUser, admin_url: str) -> None:
    owner_says(admin_url, "UPDATE users SET onboarding_step = 'pending'")
    async with transaction(database, Tenant(ExternalUserId("local"))) as tx:
        assert [await complete_onboarding(tx, user.user_id) for _ in range(2)] == [True, False]
        count = await tx.only(
            statement(
                "SELECT count(*) FROM events WHERE event_type LIKE 'onboarding_c%%' AND tenant_id = 'local'",
                int,
            )
        )
    assert count == 1
