"""SQL written for the wide table is answered by a view over the five."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import DictRow, dict_row

ORIGINAL_COLUMNS = [
    "id", "user_id", "name", "company_name", "industry", "email", "created_at", "updated_at",
    "signup_timestamp", "onboarding_step", "full_name", "business_name", "brand_description",
    "email_schedule_status", "trial_start_date", "trial_end_date", "trial_status", "stripe_customer_id",
    "stripe_subscription_id", "subscription_status", "current_plan", "is_admin", "payment_method_id",
    "card_last_4", "card_brand", "card_exp_month", "card_exp_year", "billing_address_city",
    "billing_address_country", "billing_address_postal_code", "plan_campaigns_limit", "plan_creators_limit",
    "plan_features", "usage_campaigns_current", "usage_creators_current_month", "usage_reset_date",
    "last_webhook_event", "last_webhook_timestamp", "billing_sync_status", "trial_conversion_date",
    "subscription_cancel_date", "subscription_renewal_date", "intended_plan",
]  # fmt: skip

VIEWS = ["user_profiles", "compat.user_profiles"]

Original = psycopg.Connection[DictRow]


@pytest.fixture
def original(admin_url: str) -> Iterator[Original]:
    """A connection with the rights of the original product's server."""
    with psycopg.connect(admin_url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SET ROLE tastemaker_compat")
        connection.execute("SET search_path = compat, public")
        yield connection


@contextmanager
def as_app(admin_url: str, claims: str) -> Iterator[Original]:
    with psycopg.connect(admin_url, row_factory=dict_row) as connection:
        connection.execute("SET ROLE tastemaker_app")
        connection.execute("SELECT set_config('request.jwt.claims', %s, true)", (claims,))
        yield connection


def on(name: str, statement: LiteralString) -> sql.Composed:
    """The statement with a view, table or column in its place."""
    return sql.SQL(statement).format(sql.SQL(".").join(map(sql.Identifier, name.split("."))))


def profile_of(original: Original, user_id: str) -> DictRow:
    row = original.execute("SELECT * FROM user_profiles WHERE user_id = %s", (user_id,)).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("view", VIEWS)
def test_it_has_the_original_columns_in_their_order(original: Original, view: str) -> None:
    cursor = original.execute(on(view, "SELECT * FROM {}"))
    assert [column.name for column in cursor.description or ()] == ORIGINAL_COLUMNS


@pytest.mark.parametrize("view", VIEWS)
def test_a_profile_is_inserted_with_the_original_defaults(original: Original, view: str) -> None:
    made = original.execute(on(view, "INSERT INTO {} (user_id) VALUES ('user_1') RETURNING *")).fetchone()
    assert made == profile_of(original, "user_1")
    assert made["id"] is not None
    assert made["signup_timestamp"] == made["usage_reset_date"] == made["created_at"]
    shown = {
        key: made[key] for key in ("onboarding_step", "trial_status", "subscription_status", "current_plan")
    }
    assert shown == {
        "onboarding_step": "pending", "trial_status": "pending", "subscription_status": "none",
        "current_plan": "free",
    }  # fmt: skip
    assert (made["plan_features"], made["email_schedule_status"], made["is_admin"]) == ({}, {}, False)
    assert (made["usage_campaigns_current"], made["billing_sync_status"]) == (0, "pending")


def test_every_column_that_is_inserted_comes_back(original: Original) -> None:
    original.execute(
        """
        INSERT INTO user_profiles (
            id, user_id, name, company_name, industry, email, created_at, updated_at, signup_timestamp,
            onboarding_step, brand_description, email_schedule_status, trial_start_date, trial_end_date,
            trial_status, stripe_customer_id, stripe_subscription_id, subscription_status, current_plan,
            is_admin, payment_method_id,
            card_last_4, card_brand, card_exp_month, card_exp_year, billing_address_city,
            billing_address_country, billing_address_postal_code, plan_campaigns_limit, plan_creators_limit,
            plan_features, usage_campaigns_current, usage_creators_current_month, usage_reset_date,
            last_webhook_event, last_webhook_timestamp, billing_sync_status, trial_conversion_date,
            subscription_cancel_date, subscription_renewal_date, intended_plan)
        VALUES ('11111111-1111-4111-8111-111111111111', 'user_1', 'Zoë 王', 'Šiška & Co', 'toys',
            'zoe@example.com',
            '2025-01-01', '2099-01-02', '2025-01-03', 'completed', 'plush', '{"welcome": {"status": "sent"}}',
            '2025-02-01', '2025-02-08', 'converted', 'cus_1', 'sub_1', 'active', 'glow_up', true, 'pm_1',
            '4242', 'visa', 12,
            2031, 'Ljubljana', 'SI', '1000', 3, 1000, '{"apiAccess": true}', 2, 17, '2025-03-01',
            'invoice.payment_succeeded', '2025-03-02', 'synced', '2025-02-08', '2025-06-01', '2025-07-01',
            'scale')
        """
    )
    found = profile_of(original, "user_1")
    assert {name for name, value in found.items() if value is None} == set()
    assert (found["full_name"], found["business_name"]) == ("Zoë 王", "Šiška & Co") == (
        found["name"], found["company_name"]
    )  # fmt: skip
    assert str(found["updated_at"]) == "2099-01-02 00:00:00"
    assert str(found["subscription_renewal_date"]) == "2025-07-01 00:00:00"
    assert (found["card_exp_year"], found["usage_creators_current_month"]) == (2031, 17)
    assert found["plan_features"] == {"apiAccess": True}


@pytest.mark.parametrize(
    ("column", "word", "mapped"),
    [
        ("onboarding_step", "wandering", "pending"),
        ("trial_status", "canceled", "cancelled"),
        ("trial_status", None, "pending"),
        ("subscription_status", "incomplete_expired", "none"),
        ("subscription_status", "paused", "past_due"),
        ("billing_sync_status", "webhook_subscription_created_and_more", "synced"),
        ("billing_sync_status", "sub_pending_webhook", "pending"),
        ("billing_sync_status", "gremlins", "error"),
        ("current_plan", "Glow Up", "glow_up"),
        ("current_plan", None, "free"),
    ],
)
def test_words_of_the_original_are_mapped(
    original: Original, column: str, word: str | None, mapped: str
) -> None:
    original.execute(on(column, "INSERT INTO user_profiles (user_id, {}) VALUES ('made', %s)"), (word,))
    original.execute("INSERT INTO user_profiles (user_id) VALUES ('changed')")
    original.execute(on(column, "UPDATE user_profiles SET {} = %s WHERE user_id = 'changed'"), (word,))
    assert profile_of(original, "made")[column] == mapped
    assert profile_of(original, "changed")[column] == (
        mapped if word is not None else profile_of(original, "made")[column]
    )


@pytest.mark.parametrize("view", VIEWS)
def test_an_update_changes_what_it_names_and_nothing_else(original: Original, view: str) -> None:
    original.execute(
        "INSERT INTO user_profiles (user_id, full_name, card_brand) VALUES ('user_1', 'A', 'visa')"
    )
    before = profile_of(original, "user_1")
    changed = original.execute(
        on(
            view,
            "UPDATE {} SET name = 'B', trial_end_date = '2026-01-01', usage_campaigns_current = 4"
            " WHERE user_id = 'user_1' RETURNING full_name, company_name",
        )
    ).fetchall()
    assert changed == [{"full_name": "B", "company_name": None}]
    after = profile_of(original, "user_1")
    differing = {name for name in after if after[name] != before[name]} - {"updated_at"}
    assert differing == {"name", "full_name", "trial_end_date", "usage_campaigns_current"}
    assert after["updated_at"] > before["updated_at"]


def test_billing_data_makes_the_row_it_needs(original: Original) -> None:
    original.execute("INSERT INTO user_profiles (user_id) VALUES ('user_1')")
    assert original.execute("SELECT count(*) AS n FROM user_billing").fetchone() == {"n": 0}
    original.execute("UPDATE user_profiles SET stripe_customer_id = 'cus_1' WHERE user_id = 'user_1'")
    assert profile_of(original, "user_1")["stripe_customer_id"] == "cus_1"


@pytest.mark.parametrize("view", VIEWS)
def test_a_deleted_profile_is_gone_with_its_satellites(original: Original, view: str) -> None:
    original.execute(
        "INSERT INTO user_profiles (user_id, card_brand) VALUES ('user_1', 'visa'), ('user_2', NULL)"
    )
    assert original.execute(on(view, "DELETE FROM {} WHERE user_id = 'user_1'")).rowcount == 1
    for table in ("users", "user_subscriptions", "user_usage", "user_system_data"):
        assert original.execute(on(table, "SELECT count(*) AS n FROM {}")).fetchone() == {"n": 1}
    assert original.execute("SELECT count(*) AS n FROM user_billing").fetchone() == {"n": 0}


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        ("UPDATE user_profiles SET id = gen_random_uuid()", psycopg.errors.FeatureNotSupported),
        ("UPDATE user_profiles SET current_plan = 'no_such_plan'", psycopg.errors.ForeignKeyViolation),
        ("INSERT INTO user_profiles (full_name) VALUES ('nobody')", psycopg.errors.NotNullViolation),
        ("INSERT INTO user_profiles (user_id) VALUES ('user_1')", psycopg.errors.UniqueViolation),
    ],
)
def test_what_cannot_be_written_is_refused_whole(
    original: Original, refused: str, error: type[psycopg.Error]
) -> None:
    original.execute("INSERT INTO user_profiles (user_id) VALUES ('user_1')")
    before = original.execute("SELECT * FROM user_profiles").fetchall()
    with pytest.raises(error):
        original.execute(refused.encode())
    assert original.execute("SELECT * FROM user_profiles").fetchall() == before


def test_on_conflict_is_not_possible(original: Original) -> None:
    with pytest.raises(psycopg.errors.InvalidColumnReference):
        original.execute(
            "INSERT INTO user_profiles (user_id) VALUES ('u') ON CONFLICT (user_id) DO UPDATE SET email = 'x'"
        )


@pytest.mark.parametrize(
    "query",
    [
        "SELECT user_id FROM user_profiles WHERE full_name ILIKE '%john%' ORDER BY created_at DESC LIMIT 50",
        """
        SELECT user_id FROM user_profiles
        WHERE trial_status = 'active' AND trial_end_date <= timezone('UTC', now()) + interval '24 hours'
        """,
        "SELECT user_id FROM user_profiles WHERE trial_status = 'active' AND trial_end_date < now()",
    ],
)
def test_the_specified_queries_answer(original: Original, query: str) -> None:
    original.execute(
        "INSERT INTO user_profiles (user_id, full_name, trial_status, trial_end_date) VALUES"
        " ('hit', 'Johnny', 'active', '2025-01-01'), ('miss', 'Ann', 'expired', '2025-01-01')"
    )
    assert [row["user_id"] for row in original.execute(query.encode())] == ["hit"]
    assert original.execute(f"EXPLAIN {query}".encode()).fetchall()


@pytest.mark.parametrize(
    "table", ["campaigns", "scraping_jobs", "events", "background_jobs", "subscription_plans"]
)
@pytest.mark.parametrize("statement", ["SELECT FROM {}", "DELETE FROM {}"])
def test_the_originals_role_reaches_only_the_profiles(original: Original, table: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        original.execute(statement.format(table).encode())


@pytest.mark.parametrize("view", VIEWS)
def test_a_tenant_sees_only_the_own_profile(original: Original, admin_url: str, view: str) -> None:
    original.execute("INSERT INTO user_profiles (user_id) VALUES ('user_1'), ('user_2')")
    for claims, seen in (('{"sub": "user_1"}', ["user_1"]), ('{"sub": ""}', []), ("{}", []), ("", [])):
        with as_app(admin_url, claims) as app:
            rows = app.execute(on(view, "SELECT user_id FROM {}")).fetchall()
        assert [row["user_id"] for row in rows] == seen


@pytest.mark.parametrize("view", VIEWS)
def test_a_tenant_writes_no_others_profile(original: Original, admin_url: str, view: str) -> None:
    original.execute("INSERT INTO user_profiles (user_id) VALUES ('user_1'), ('user_2')")
    with as_app(admin_url, '{"sub": "user_1"}') as app:
        assert app.execute(on(view, "UPDATE {} SET full_name = 'x' WHERE user_id = 'user_2'")).rowcount == 0
        assert app.execute(on(view, "DELETE FROM {} WHERE user_id = 'user_2'")).rowcount == 0
    with as_app(admin_url, '{"sub": "user_1"}') as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(on(view, "INSERT INTO {} (user_id) VALUES ('user_3')"))
    assert profile_of(original, "user_2")["full_name"] is None
