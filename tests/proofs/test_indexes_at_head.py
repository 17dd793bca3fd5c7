"""Every index that the specification names serves the question it exists for, as the application asks it.

With the index and without it: how many pages of 8 kB the server touched. Where the product's own query
exists it is called; the other questions are those that later parts of the product ask, in one statement.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, LiteralString

import pytest

from tastemaker.accounts.queries import get_user_profile
from tastemaker.admin.queries import search_users
from tastemaker.billing.queries import list_expiring_trials
from tastemaker.config_store.queries import list_reloadable
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import AggregateType, JobStatus
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.events.reading_queries import list_event_history
from tastemaker.jobs.queries import list_jobs
from tastemaker.searches.history_queries import list_results_with_creator
from tests.proofs.watching import Heard, watched, without_index

ALICE = ExternalUserId("user_9")
Question = Callable[[Database], Awaitable[Any]]


@dataclass(frozen=True)
class Proof:
    """`at_least`: how many times more pages are touched without the index."""

    index: str
    question: Question
    at_least: float = 2.0


def asking(question: LiteralString) -> Question:
    """Asked under the system's claim."""

    async def ask(database: Database) -> None:
        async with transaction(database, SYSTEM) as tx:
            await tx.connection.execute(question)

    return ask


async def _profile(database: Database) -> None:
    assert await get_user_profile(database, ALICE)


async def _waiting_jobs(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        assert len(await list_jobs(tx, status=JobStatus.PENDING, job_type=None, limit=5)) == 5


async def _trials(database: Database) -> None:
    assert (await list_expiring_trials(database, within=timedelta(days=1))).rows


async def _history(database: Database) -> None:
    assert (await list_event_history(database, ALICE, AggregateType.USER, ALICE, limit=10)).rows


async def _configuration(database: Database) -> None:
    assert await list_reloadable(database, "category_8")


def _users(needle: str) -> Question:
    async def found(database: Database) -> None:
        assert (await search_users(database, SYSTEM, needle)).rows

    return found


def _results(platform: Platform, name: str) -> Question:
    async def found(database: Database) -> None:
        assert (await list_results_with_creator(database, ALICE, platform, name)).rows

    return found


PROOFS = (
    Proof("idx_users_user_id", _profile, 20),
    Proof("idx_user_subscriptions_user_id", _profile, 10),
    Proof("idx_user_billing_user_id", _profile, 10),
    Proof("idx_user_usage_user_id", _profile, 10),
    Proof("idx_user_system_data_user_id", _profile, 10),
    Proof("idx_users_email", asking("SELECT user_id FROM users WHERE email = 'anna.smith5@example.com'"), 10),
    Proof(
        "idx_users_onboarding",
        asking("SELECT user_id, email FROM users WHERE onboarding_step = 'info_captured'"),
    ),
    Proof("idx_users_admin", asking("SELECT user_id FROM users WHERE is_admin"), 50),
    Proof(
        "idx_user_subscriptions_current_plan",
        asking("SELECT tenant_id FROM user_subscriptions WHERE current_plan = 'fame_flex'"),
    ),
    Proof(
        "idx_user_subscriptions_trial_status",
        asking("SELECT tenant_id FROM user_subscriptions WHERE trial_status = 'pending'"),
    ),
    Proof(
        "idx_user_subscriptions_subscription_status",
        asking("SELECT tenant_id FROM user_subscriptions WHERE subscription_status = 'past_due'"),
    ),
    Proof("idx_user_subscriptions_active_trials", _trials, 1.01),
    Proof(
        "idx_user_billing_stripe_subscription",
        asking("SELECT tenant_id FROM user_billing WHERE stripe_subscription_id = 'sub_4001'"),
        50,
    ),
    Proof(
        "idx_user_billing_active_customers",
        asking("""
            SELECT stripe_customer_id, created_at FROM user_billing
            WHERE stripe_customer_id IS NOT NULL AND created_at >= timestamp '2023-01-21'
        """),
    ),
    Proof(
        "idx_user_usage_reset_date",
        asking("SELECT tenant_id FROM user_usage WHERE usage_reset_date <= timestamp '2023-01-01 02:00'"),
        20,
    ),
    Proof(
        "idx_user_system_data_signup",
        asking(
            "SELECT tenant_id FROM user_system_data WHERE signup_timestamp <= timestamp '2023-01-01 02:00'"
        ),
        20,
    ),
    Proof(
        "idx_scraping_jobs_status_created",
        asking("""
            SELECT id, user_id FROM scraping_jobs WHERE status = 'processing'
            ORDER BY created_at DESC LIMIT 20
        """),
    ),
    Proof("idx_events_aggregate_type_timestamp", _history),
    Proof(
        "idx_events_processing_pending",
        asking("""
            SELECT id FROM events WHERE processing_status = 'pending' ORDER BY "timestamp" LIMIT 20
        """),
        5,
    ),
    Proof("idx_background_jobs_pending", _waiting_jobs, 5),
    Proof("system_configurations_category_key_unique", _configuration, 4),
    Proof("idx_users_search", _users("quixzote"), 3),
    Proof("idx_users_admin_search", _users("ann"), 2),
    Proof("idx_scraping_results_usernames", _results(Platform.TIKTOK, "@creator_464"), 2),
    Proof("idx_scraping_results_platform", _results(Platform.YOUTUBE, "brandhouse"), 2),
)


SAME_CUSTOMER = statement("""
    INSERT INTO user_billing (user_id, stripe_customer_id)
    SELECT id, 'cus_4001' FROM users WHERE user_id = 'user_9' AND false
    ON CONFLICT (stripe_customer_id) DO NOTHING
""")


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.index)
async def test_the_index_serves_its_question(proof: Proof, proven_urls: tuple[str, str]) -> None:
    admin_url, app_url = proven_urls
    async with watched(admin_url, app_url) as (database, heard):
        with_it = await _asked_warm(proof, database, heard)
        assert proof.index in heard.indexes
    with without_index(admin_url, proof.index):
        async with watched(admin_url, app_url) as (database, heard):
            without_it = await _asked_warm(proof, database, heard)
            assert proof.index not in heard.indexes
    assert without_it >= with_it * proof.at_least


async def test_one_customer_is_one_user(proven_urls: tuple[str, str]) -> None:
    """What the UNIQUE index is for; reading by customer is the smaller partial index's work."""
    async with watched(*proven_urls) as (database, heard), transaction(database, SYSTEM) as tx:
        await tx.run(SAME_CUSTOMER)
        arbiters = [plan["Plan"].get("Conflict Arbiter Indexes") for plan in heard.plans]
        assert ["idx_user_billing_stripe_customer"] in arbiters


async def _asked_warm(proof: Proof, database: Database, heard: Heard) -> int:
    """The pages of the second time: the first also reads the catalog."""
    await proof.question(database)
    heard.forget()
    await proof.question(database)
    return heard.blocks
