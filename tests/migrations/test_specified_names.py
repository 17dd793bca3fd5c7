"""What the specification names is contract: its indexes, and its tables with types and defaults."""

import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tastemaker.db.embedded import Server

AT_HEAD = {
    "idx_users_user_id": "UNIQUE INDEX .* btree (user_id)",
    "idx_users_email": "btree (email)",
    "idx_users_onboarding": "btree (onboarding_step)",
    "idx_users_admin": "btree (is_admin) WHERE (is_admin = true)",
    "idx_user_subscriptions_user_id": "UNIQUE INDEX .* btree (user_id)",
    "idx_user_subscriptions_current_plan": "btree (current_plan)",
    "idx_user_subscriptions_trial_status": "btree (trial_status)",
    "idx_user_subscriptions_subscription_status": "btree (subscription_status)",
    "idx_user_billing_user_id": "UNIQUE INDEX .* btree (user_id)",
    "idx_user_billing_stripe_customer": "UNIQUE INDEX .* btree (stripe_customer_id)",
    "idx_user_billing_stripe_subscription": "btree (stripe_subscription_id)",
    "idx_user_usage_user_id": "UNIQUE INDEX .* btree (user_id)",
    "idx_user_usage_reset_date": "btree (usage_reset_date)",
    "idx_user_system_data_user_id": "UNIQUE INDEX .* btree (user_id)",
    "idx_user_system_data_signup": "btree (signup_timestamp)",
    "idx_scraping_jobs_status_created": "btree (status, created_at DESC)",
    "idx_events_aggregate_type_timestamp": 'btree (aggregate_id, aggregate_type, "timestamp" DESC)',
    "idx_events_processing_pending": """btree (processing_status, "timestamp") WHERE .*'pending'.*""",
    "idx_background_jobs_pending": "btree (status, priority, scheduled_for) WHERE .*'pending'.*",
    "idx_user_subscriptions_active_trials": (
        "btree (trial_status, trial_start_date, trial_end_date) WHERE .*<> 'pending'.*"
    ),
    "idx_user_billing_active_customers": (
        "btree (stripe_customer_id, created_at) WHERE (stripe_customer_id IS NOT NULL)"
    ),
    "idx_scraping_results_platform": "gin (creator_platforms(creators))",
    "idx_scraping_results_usernames": "gin (creator_usernames(creators))",
    "system_configurations_category_key_unique": "UNIQUE INDEX .* btree (category, key)",
}

BEFORE_NORMALIZATION = {
    "idx_user_profiles_full_name_search": "gin (full_name .*gin_trgm_ops)",
    "idx_user_profiles_admin_search": "btree (created_at DESC, onboarding_step, trial_status)",
    "idx_user_profiles_trial_info": "btree (trial_status, trial_end_date)",
}


@pytest.fixture(scope="module")
def head(server: Server, template: str, make_database: Callable[[str | None], str]) -> str:
    return server.url(database=make_database(template))


@pytest.fixture(scope="module")
def head_indexes(head: str) -> dict[str, str]:
    return _indexes(head)


@pytest.fixture(scope="module")
def early_indexes(make_at: Callable[[str], str]) -> dict[str, str]:
    return _indexes(make_at("0012"))


@pytest.mark.parametrize(("name", "shape"), AT_HEAD.items())
def test_a_specified_index_is_at_head(name: str, shape: str, head_indexes: dict[str, str]) -> None:
    assert re.fullmatch(_pattern(shape), head_indexes[name])


@pytest.mark.parametrize(("name", "shape"), BEFORE_NORMALIZATION.items())
def test_a_specified_index_of_profiles_was_there(
    name: str, shape: str, early_indexes: dict[str, str]
) -> None:
    assert re.fullmatch(_pattern(shape), early_indexes[name])


def test_profiles_had_every_column(make_at: Callable[[str], str]) -> None:
    with psycopg.connect(make_at("0012")) as connection:
        found = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'user_profiles'"
        ).fetchall()
    specified = """
        id user_id name company_name industry email created_at updated_at signup_timestamp onboarding_step
        full_name business_name brand_description email_schedule_status trial_start_date trial_end_date
        trial_status stripe_customer_id stripe_subscription_id subscription_status current_plan is_admin
        payment_method_id card_last_4 card_brand card_exp_month card_exp_year billing_address_city
        billing_address_country billing_address_postal_code plan_campaigns_limit plan_creators_limit
        plan_features usage_campaigns_current usage_creators_current_month usage_reset_date last_webhook_event
        last_webhook_timestamp billing_sync_status trial_conversion_date subscription_cancel_date
        subscription_renewal_date intended_plan
    """
    assert {name for (name,) in found} == set(specified.split())


def test_every_specified_column_is_at_head_as_specified(head: str) -> None:
    """The tables as specified are made in a schema of their own: what they have, head has."""
    specification = (Path(__file__).parent / "specified_tables.sql").read_text()
    with psycopg.connect(head) as connection:
        connection.execute("CREATE SCHEMA specified")
        connection.execute("SET search_path = specified")
        connection.execute(specification.encode())
        specified, migrated = (_columns(connection, schema) for schema in ("specified", "public"))
    assert len({table for table, *_ in specified}) == 14
    assert sorted(specified - migrated) == []


def _pattern(shape: str) -> str:
    """Parentheses mean themselves; the beginning is free."""
    return ".*" + shape.replace("(", r"\(").replace(")", r"\)")


def _indexes(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
        return dict(rows.fetchall())


def _columns(connection: psycopg.Connection, schema: str) -> set[tuple[str, str, str, bool, str | None]]:
    return set(
        connection.execute(
            """
            SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                   pg_get_expr(d.adbin, d.adrelid)
            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
            WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' AND a.attnum > 0
            """,
            [schema],
        ).fetchall()
    )
