"""The complete profile: everything of five tables, whatever of them is missing."""

from dataclasses import fields
from datetime import UTC, datetime

import psycopg
import pytest

from tastemaker.accounts.queries import PARTS, UserProfileComplete, get_user_profile
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, UnknownUser
from tastemaker.db.enums import BillingSyncStatus, OnboardingStep, SubscriptionStatus, TrialStatus
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction

ALICE = ExternalUserId("alice")
TABLES = {
    "u": "users",
    "s": "user_subscriptions",
    "b": "user_billing",
    "g": "user_usage",
    "d": "user_system_data",
}
OF_THE_SEARCH = {"search_text"}
"""What administrators search in, made of three others."""

KEYS = {"id", "user_id", "tenant_id", "created_at", "updated_at"}
"""Of a satellite: its own, which the profile does not repeat."""

EVERYTHING = (
    """
    INSERT INTO users (user_id, email, full_name, business_name, brand_description, industry, onboarding_step)
    VALUES ('alice', 'alice@example.com', 'Alice', 'Acme', 'We sell', 'beauty', 'completed')
    """,
    """
    INSERT INTO user_subscriptions (user_id, current_plan, intended_plan, subscription_status, trial_status,
        trial_start_date, trial_end_date, billing_sync_status)
    SELECT id, 'glow_up', 'fame_flex', 'trialing', 'active', '2026-01-01', '2026-01-08', 'synced' FROM users
    """,
    """
    INSERT INTO user_billing (user_id, stripe_customer_id, card_last_4)
    SELECT id, 'cus_1', '4242' FROM users
    """,
    """
    INSERT INTO user_usage (user_id, plan_creators_limit, plan_features, usage_campaigns_current)
    SELECT id, 50, '{"apiAccess": true}', 2 FROM users
    """,
    """
    INSERT INTO user_system_data (user_id, signup_timestamp, email_schedule_status, last_webhook_event)
    SELECT id, '2026-01-01 10:00', '{"welcome": {"status": "sent"}}', 'user.created' FROM users
    """,
)


async def make_alice(database: Database, *statements: str) -> None:
    async with transaction(database, SYSTEM) as tx:
        for statement in statements:
            await tx.connection.execute(statement.encode())


async def test_everything_is_there_in_its_own_type(database: Database) -> None:
    await make_alice(database, *EVERYTHING)
    profile = await get_user_profile(database, ALICE)
    assert profile is not None
    assert (profile.user_id, profile.full_name, profile.is_admin) == ("alice", "Alice", False)
    assert profile.onboarding_step is OnboardingStep.COMPLETED
    assert profile.subscription_status is SubscriptionStatus.TRIALING
    assert profile.trial_status is TrialStatus.ACTIVE
    assert profile.billing_sync_status is BillingSyncStatus.SYNCED
    assert profile.trial_end_date == datetime(2026, 1, 8, tzinfo=UTC)
    assert (profile.stripe_customer_id, profile.card_last_4, profile.card_brand) == ("cus_1", "4242", None)
    assert (profile.plan_creators_limit, profile.usage_campaigns_current) == (50, 2)
    assert profile.plan_features == {"apiAccess": True}
    assert profile.email_schedule_status == {"welcome": {"status": "sent"}}
    assert profile.signup_timestamp == datetime(2026, 1, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("missing", range(1, 5))
async def test_a_satellite_may_be_missing(missing: int, database: Database) -> None:
    statements = [statement for place, statement in enumerate(EVERYTHING) if place != missing]
    await make_alice(database, *statements)
    profile = await get_user_profile(database, ALICE)
    assert profile is not None
    part = list(PARTS.values())[missing]
    assert {getattr(profile, column.name) for column in fields(part)} == {None}
    assert profile.email == "alice@example.com"


async def test_nobody_has_no_profile(database: Database) -> None:
    with pytest.raises(UnknownUser):
        await get_user_profile(database, ExternalUserId("nobody"))


def test_the_fields_come_in_the_order_of_the_statement() -> None:
    told = [column.name for part in PARTS.values() for column in fields(part)]
    assert [column.name for column in fields(UserProfileComplete)] == told


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_the_five_tables_is_in_the_profile(table: str, admin_url: str) -> None:
    with psycopg.connect(admin_url) as admin:
        rows = admin.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = %s",
            [TABLES[table]],
        ).fetchall()
    columns = {name for (name,) in rows}
    told = {column.name for column in fields(PARTS[table])}
    assert told <= columns
    assert columns - told == (OF_THE_SEARCH if table == "u" else KEYS)
