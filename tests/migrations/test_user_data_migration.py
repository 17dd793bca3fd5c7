"""0012 with legacy profiles, to head: every value arrives, and the report says what was changed."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from tastemaker.db.migrate import history, migrate
from tests.migrations.profiles import Profile, insert_profiles, legacy_profile

PROFILES = [legacy_profile(number) for number in range(400)]
UNCHANGED = {
    "users": ("id", "user_id", "email", "brand_description", "industry"),
    "user_subscriptions": (
        "trial_start_date",
        "trial_conversion_date",
        "subscription_cancel_date",
        "subscription_renewal_date",
    ),
    "user_billing": (
        "stripe_subscription_id",
        "payment_method_id",
        "card_last_4",
        "card_brand",
        "card_exp_month",
        "card_exp_year",
        "billing_address_city",
        "billing_address_country",
        "billing_address_postal_code",
    ),
    "user_usage": ("plan_campaigns_limit", "plan_creators_limit"),
    "user_system_data": ("last_webhook_event", "last_webhook_timestamp"),
}
BILLING = ("stripe_customer_id", *UNCHANGED["user_billing"])

Rows = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def url(make_at: Callable[[str], str]) -> str:
    url = make_at("0012")
    with psycopg.connect(url) as connection:
        insert_profiles(connection, PROFILES)
    migrate(url, app_password=None)
    return url


@pytest.fixture(scope="module")
def connection(url: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SET timezone = 'Pacific/Auckland'")
        yield connection


@pytest.fixture(scope="module")
def rows(connection: psycopg.Connection[dict[str, Any]]) -> Rows:
    """Table by table, the row of each user by external id."""
    found: Rows = {"users": {row["user_id"]: row for row in connection.execute("SELECT * FROM users")}}
    for table in UNCHANGED:
        if table != "users":
            satellites = sql.SQL("SELECT t.*, u.user_id AS whose FROM {} t JOIN users u ON u.id = t.user_id")
            query = satellites.format(sql.Identifier(table))
            found[table] = {row["whose"]: row for row in connection.execute(query)}
    return found


@pytest.fixture(scope="module")
def reports(url: str) -> dict[str, Any]:
    return {step.number: step.report for step in history(url)}


def test_every_profile_has_its_rows(rows: Rows) -> None:
    everybody = {profile["user_id"] for profile in PROFILES}
    payers = {p["user_id"] for p in PROFILES if any(p[column] is not None for column in BILLING)}
    for table in ("users", "user_subscriptions", "user_usage", "user_system_data"):
        assert rows[table].keys() == everybody, table
    assert rows["user_billing"].keys() == payers
    assert 0 < len(payers) < len(everybody)


@pytest.mark.parametrize(("table", "column"), [(t, c) for t, columns in UNCHANGED.items() for c in columns])
def test_a_value_without_a_rule_arrives_as_it_was(table: str, column: str, rows: Rows) -> None:
    wrong = [
        profile["user_id"]
        for profile in PROFILES
        if profile["user_id"] in rows[table] and rows[table][profile["user_id"]][column] != profile[column]
    ]
    assert wrong == []


def test_a_trial_ends_no_earlier_than_it_began(rows: Rows) -> None:
    ends = {name: row["trial_end_date"] for name, row in rows["user_subscriptions"].items()}
    for profile in PROFILES:
        began, ended = profile["trial_start_date"], profile["trial_end_date"]
        is_turned = began is not None and ended is not None and ended < began
        assert ends[profile["user_id"]] == (began if is_turned else ended)


def test_names_fall_back_to_the_older_columns(rows: Rows) -> None:
    for profile in PROFILES:
        user = rows["users"][profile["user_id"]]
        assert user["full_name"] == (
            profile["full_name"] or _first_known(profile["name"], profile["full_name"])
        )
        assert user["business_name"] == (
            profile["business_name"] or _first_known(profile["company_name"], profile["business_name"])
        )


def test_times_fall_back_to_the_nearest_known(rows: Rows, reports: dict[str, Any]) -> None:
    moment = datetime.fromisoformat(reports["0014"]["moment"])
    for profile in PROFILES:
        made = _first_known(profile["created_at"], profile["signup_timestamp"], profile["updated_at"])
        whose = profile["user_id"]
        for table in UNCHANGED:
            row = rows[table].get(whose)
            if row is not None:
                assert row["created_at"] == (made or moment)
                assert row["updated_at"] == (profile["updated_at"] or row["created_at"])
        created = rows["users"][whose]["created_at"]
        assert rows["user_usage"][whose]["usage_reset_date"] == (profile["usage_reset_date"] or created)
        assert rows["user_system_data"][whose]["signup_timestamp"] == (profile["signup_timestamp"] or created)


def test_missing_json_and_counters_become_empty_and_zero(rows: Rows) -> None:
    for profile in PROFILES:
        usage, system = (rows[table][profile["user_id"]] for table in ("user_usage", "user_system_data"))
        assert usage["plan_features"] == (profile["plan_features"] or {})
        assert system["email_schedule_status"] == (profile["email_schedule_status"] or {})
        assert rows["users"][profile["user_id"]]["is_admin"] is bool(profile["is_admin"])
        for column in ("usage_campaigns_current", "usage_creators_current_month"):
            assert usage[column] == max(profile[column] or 0, 0)


@pytest.mark.parametrize(
    ("table", "column", "word", "arrives"),
    [
        ("users", "onboarding_step", "intent_captured", "intent_captured"),
        ("users", "onboarding_step", "Completed ", "completed"),
        ("users", "onboarding_step", "step_3", "pending"),
        ("users", "onboarding_step", None, "pending"),
        ("user_subscriptions", "trial_status", "converted", "converted"),
        ("user_subscriptions", "trial_status", "canceled", "cancelled"),
        ("user_subscriptions", "trial_status", "??", "pending"),
        ("user_subscriptions", "subscription_status", "unpaid", "unpaid"),
        ("user_subscriptions", "subscription_status", "incomplete", "none"),
        ("user_subscriptions", "subscription_status", "incomplete_expired", "none"),
        ("user_subscriptions", "subscription_status", "paused", "past_due"),
        ("user_subscriptions", "subscription_status", "cancelled", "canceled"),
        ("user_subscriptions", "subscription_status", None, "none"),
        ("user_subscriptions", "billing_sync_status", "webhook_subscription_created", "synced"),
        ("user_subscriptions", "billing_sync_status", "reconciled_from_stripe", "synced"),
        ("user_subscriptions", "billing_sync_status", "checkout_completed", "synced"),
        ("user_subscriptions", "billing_sync_status", "nightly_reconcile", "synced"),
        ("user_subscriptions", "billing_sync_status", "payment_saved", "synced"),
        ("user_subscriptions", "billing_sync_status", "plan_selected", "synced"),
        ("user_subscriptions", "billing_sync_status", "sub_pending_webhook", "pending"),
        ("user_subscriptions", "billing_sync_status", "upgrade_requested", "pending"),
        ("user_subscriptions", "billing_sync_status", "sync_failed_stripe_customer_not_found", "error"),
        ("user_subscriptions", "billing_sync_status", None, "pending"),
        ("user_subscriptions", "current_plan", "viral_surge", "viral_surge"),
        ("user_subscriptions", "current_plan", "Glow Up", "glow_up"),
        ("user_subscriptions", "current_plan", "beta-tester 2024", "beta_tester_2024"),
        ("user_subscriptions", "current_plan", "", "free"),
        ("user_subscriptions", "intended_plan", "enterprise", "enterprise"),
        ("user_subscriptions", "intended_plan", "", None),
    ],
)
def test_words_are_mapped_and_counted(
    table: str, column: str, word: str | None, arrives: str | None, rows: Rows, reports: dict[str, Any]
) -> None:
    whose = [profile["user_id"] for profile in PROFILES if profile[column] == word]
    assert whose
    assert {rows[table][user][column] for user in whose} == {arrives}
    counted = {(w["field"], w["word"]): (w["mapped"], w["rows"]) for w in reports["0014"]["words"]}
    assert counted.get((column, word)) == (None if word == arrives else (arrives, len(whose)))


def test_an_unknown_plan_is_kept_but_cannot_be_chosen(connection: psycopg.Connection[dict[str, Any]]) -> None:
    plans = connection.execute(
        "SELECT plan_key, is_active FROM subscription_plans WHERE description LIKE 'Found in existing%'"
    ).fetchall()
    kept = {plan["plan_key"]: plan["is_active"] for plan in plans}
    assert kept == {
        "beta_tester_2024": False,
        "enterprise": False,
    }


def test_a_customer_of_two_profiles_stays_with_one(rows: Rows, reports: dict[str, Any]) -> None:
    sharing = [profile for profile in PROFILES if profile["stripe_customer_id"] == "cus_shared"]
    keeper = min(sharing, key=_claim)
    assert len(sharing) > 2
    for profile in sharing:
        kept = rows["user_billing"][profile["user_id"]]["stripe_customer_id"]
        assert kept == ("cus_shared" if profile is keeper else None)
    for profile in PROFILES:
        if profile["stripe_customer_id"] not in {"cus_shared", None}:
            row = rows["user_billing"][profile["user_id"]]
            assert row["stripe_customer_id"] == profile["stripe_customer_id"]
    assert reports["0014"]["stripe_customers_in_two_profiles"] == len(sharing) - 1


def test_the_report_counts_what_there_was(reports: dict[str, Any]) -> None:
    report = reports["0014"]
    assert report["profiles"] == report["rows"]["users"] == len(PROFILES)
    negative = [
        p
        for p in PROFILES
        if (p["usage_campaigns_current"] or 0) < 0 or (p["usage_creators_current_month"] or 0) < 0
    ]
    assert report["negative_counters"] == len(negative)
    assert report["missing_times"] == Counter(p["created_at"] for p in PROFILES)[None]
    assert reports["0015"] == {"backed_up": len(PROFILES)}


def test_the_backup_holds_the_profiles_as_they_were(connection: psycopg.Connection[dict[str, Any]]) -> None:
    backup = {row["user_id"]: row for row in connection.execute("SELECT * FROM user_profiles_backup")}
    assert len(backup) == len(PROFILES)
    for profile in PROFILES:
        row = backup[profile["user_id"]]
        assert {column: row[column] for column in profile} == profile


def test_the_old_table_is_gone_and_the_record_is_made(connection: psycopg.Connection[dict[str, Any]]) -> None:
    relation = connection.execute(
        "SELECT relkind FROM pg_class"
        " WHERE relname = 'user_profiles' AND relnamespace = 'public'::regnamespace"
    ).fetchone()
    assert relation is None or relation["relkind"] == "v"
    record = connection.execute(
        "SELECT value, value_type, is_hot_reloadable FROM system_configurations"
        " WHERE category = 'database' AND key = 'user_tables_normalized'"
    ).fetchone()
    assert record == {"value": "true", "value_type": "boolean", "is_hot_reloadable": "false"}


def _first_known(*values: Any) -> Any:  # noqa: ANN401 - of any column
    return next((value for value in values if value is not None), None)


def _claim(profile: Profile) -> tuple[bool, bool, float, bytes]:
    """Who keeps a shared customer: one with a subscription, then the one changed last."""
    changed = profile["updated_at"]
    return (
        profile["stripe_subscription_id"] is None,
        changed is None,
        -changed.timestamp() if changed else 0.0,
        profile["user_id"].encode(),
    )
