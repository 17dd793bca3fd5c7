"""The verification functions see any single wrong value, and a migration that finds one leaves no trace."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from tastemaker.db.migrate import current, migrate
from tastemaker.db.migrations.session import MigrationFailed
from tests.migrations.profiles import insert_profiles, legacy_profile

PROFILES = [legacy_profile(number) for number in range(120)]

TEXT, NUMBER, TIME = "'corrupted'", "987", "'1999-12-31 23:59:59.999999'"
CORRUPTIONS: dict[str, dict[str, str]] = {
    "users": {
        "id": "gen_random_uuid()",
        "user_id": TEXT,
        **dict.fromkeys(("email", "full_name", "business_name", "brand_description", "industry"), TEXT),
        "onboarding_step": "CASE onboarding_step WHEN 'completed' THEN 'pending' ELSE 'completed' END",
        "is_admin": "NOT is_admin",
    },
    "user_subscriptions": {
        "current_plan": "'pro'",
        "intended_plan": "'pro'",
        "subscription_status": "CASE subscription_status WHEN 'active' THEN 'none' ELSE 'active' END",
        "trial_status": "CASE trial_status WHEN 'active' THEN 'pending' ELSE 'active' END",
        **dict.fromkeys(("trial_start_date", "trial_end_date", "trial_conversion_date"), TIME),
        **dict.fromkeys(("subscription_cancel_date", "subscription_renewal_date"), TIME),
        "billing_sync_status": "CASE billing_sync_status WHEN 'error' THEN 'synced' ELSE 'error' END",
    },
    "user_billing": {
        **dict.fromkeys(("stripe_customer_id", "stripe_subscription_id", "payment_method_id"), TEXT),
        **dict.fromkeys(("card_last_4", "billing_address_postal_code"), "'9999'"),
        **dict.fromkeys(("card_brand", "billing_address_city"), TEXT),
        **dict.fromkeys(("card_exp_month", "card_exp_year"), NUMBER),
        "billing_address_country": "'XX'",
    },
    "user_usage": {
        **dict.fromkeys(("plan_campaigns_limit", "plan_creators_limit"), NUMBER),
        **dict.fromkeys(("usage_campaigns_current", "usage_creators_current_month"), NUMBER),
        "plan_features": """'{"stolen": true}'""",
        "usage_reset_date": TIME,
    },
    "user_system_data": {
        "signup_timestamp": TIME,
        "email_schedule_status": """'{"welcome": null}'""",
        "last_webhook_event": TEXT,
        "last_webhook_timestamp": TIME,
    },
}
for values in CORRUPTIONS.values():
    values |= {"created_at": TIME, "updated_at": TIME}

EVERY_VALUE = [(table, column, value) for table, v in CORRUPTIONS.items() for column, value in v.items()]


@pytest.fixture(scope="module")
def copied(make_at: Callable[[str], str]) -> Iterator[psycopg.Connection]:
    """A database at 0014 whose copy is complete; what a test changes is rolled back."""
    url = make_at("0012")
    with psycopg.connect(url) as connection:
        insert_profiles(connection, PROFILES)
    migrate(url, app_password=None, to="0014")
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TEMP TABLE moment AS SELECT (report ->> 'moment')::timestamp AS at"
            " FROM schema_migrations_applied WHERE version = '0014'"
        )
        connection.commit()
        yield connection


@pytest.fixture
def tampered(copied: psycopg.Connection) -> Iterator[psycopg.Connection]:
    yield copied
    copied.rollback()


def wrong_rows(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT DISTINCT table_name, column_name"
        " FROM verify_user_migration_rows('user_profiles', NULL, (SELECT at FROM moment)) ORDER BY 1, 2"
    ).fetchall()


def wrong_tables(connection: psycopg.Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT table_name, column_name"
        " FROM verify_user_migration_tables('user_profiles', NULL, (SELECT at FROM moment))"
        " WHERE expected_rows <> found_rows OR expected_checksum IS DISTINCT FROM found_checksum"
        "    OR missing > 0 OR orphans > 0 ORDER BY 1, 2"
    ).fetchall()


def test_a_true_copy_has_nothing_wrong(copied: psycopg.Connection) -> None:
    assert wrong_rows(copied) == []
    assert wrong_tables(copied) == []


def test_every_column_of_the_five_tables_is_verified(copied: psycopg.Connection) -> None:
    unverified = copied.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_name = ANY (%s)"
        " EXCEPT SELECT table_name, column_name FROM user_migration_columns() ORDER BY 1, 2",
        [list(CORRUPTIONS)],
    ).fetchall()
    own_keys = {(table, key) for table in CORRUPTIONS if table != "users" for key in ("id", "user_id")}
    assert set(unverified) == own_keys
    verified = copied.execute("SELECT table_name, column_name FROM user_migration_columns()").fetchall()
    assert set(verified) == {(table, column) for table, column, _ in EVERY_VALUE}


@pytest.mark.parametrize(("table", "column", "value"), EVERY_VALUE)
def test_one_wrong_value_is_seen_by_row_and_by_table(
    table: str, column: str, value: str, tampered: psycopg.Connection
) -> None:
    if (table, column) == ("users", "id"):
        tampered.execute("ALTER TABLE user_billing DROP CONSTRAINT user_billing_user_id_fkey")
        for satellite in ("user_subscriptions", "user_usage", "user_system_data"):
            tampered.execute(f"ALTER TABLE {satellite} DROP CONSTRAINT {satellite}_user_id_fkey".encode())
    change = sql.SQL("UPDATE {0} SET {1} = {2} WHERE id = (SELECT id FROM {0} ORDER BY id LIMIT 1)")
    tampered.execute(change.format(sql.Identifier(table), sql.Identifier(column), sql.SQL(value)))
    assert (table, column) in wrong_rows(tampered)
    assert (table, column) in wrong_tables(tampered)


@pytest.mark.parametrize("table", list(CORRUPTIONS))
@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM {0} WHERE id = (SELECT id FROM {0} ORDER BY id LIMIT 1)",
        "UPDATE {0} SET {1} = NULL",
    ],
)
def test_lost_rows_and_values_are_seen(table: str, damage: str, tampered: psycopg.Connection) -> None:
    nullable = {"users": "industry", "user_usage": "plan_creators_limit", "user_billing": "card_brand"}
    column = nullable.get(table, "intended_plan" if table == "user_subscriptions" else "last_webhook_event")
    tampered.execute(sql.SQL(damage).format(sql.Identifier(table), sql.Identifier(column)))
    assert table in {found for found, _ in wrong_rows(tampered)}
    assert table in {found for found, _ in wrong_tables(tampered)}


def test_a_user_without_a_profile_is_an_orphan(tampered: psycopg.Connection) -> None:
    tampered.execute("INSERT INTO users (user_id) VALUES ('nobody')")
    assert {table for table, _ in wrong_tables(tampered)} == {"users"}


def test_a_second_row_of_a_user_is_seen(tampered: psycopg.Connection) -> None:
    tampered.execute("INSERT INTO user_usage (user_id) SELECT user_id FROM user_usage ORDER BY id LIMIT 1")
    assert {table for table, _ in wrong_tables(tampered)} == {"user_usage"}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("users", "full_name", "'corrupted'"),
        ("users", "id", "gen_random_uuid()"),
        ("user_subscriptions", "trial_end_date", "NEW.trial_end_date + interval '1 microsecond'"),
        ("user_billing", "card_last_4", "lpad((NEW.card_last_4::int + 1)::text, 4, '0')"),
        ("user_usage", "usage_creators_current_month", "NEW.usage_creators_current_month + 1"),
        ("user_system_data", "email_schedule_status", """NEW.email_schedule_status || '{"a": 1}'"""),
    ],
)
def test_a_value_corrupted_on_the_way_rolls_the_migration_back(
    table: str, column: str, value: str, make_at: Callable[[str], str]
) -> None:
    url = make_at("0013")
    with psycopg.connect(url) as connection:
        insert_profiles(connection, PROFILES)
        _corrupt_one_row(connection, table, column, value)
    with pytest.raises(MigrationFailed) as failure:
        migrate(url, app_password=None)
    sentence = str(failure.value)
    assert sentence.startswith("Migration 0014_migrate_user_data failed and was rolled back: ")
    assert table in sentence
    assert "\n" not in sentence
    assert "corrupted" not in sentence
    assert current(url) == "0013"
    with psycopg.connect(url) as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM user_profiles), (SELECT count(*) FROM users),"
            " (SELECT count(*) FROM user_usage), to_regproc('verify_user_migration_rows')::text"
        ).fetchone()
    assert counts == (len(PROFILES), 0, 0, None)


def test_after_the_cause_is_removed_the_same_command_succeeds(make_at: Callable[[str], str]) -> None:
    url = make_at("0013")
    with psycopg.connect(url) as connection:
        insert_profiles(connection, PROFILES)
        _corrupt_one_row(connection, "users", "industry", "'corrupted'")
    with pytest.raises(MigrationFailed):
        migrate(url, app_password=None)
    with psycopg.connect(url) as connection:
        connection.execute("DROP TRIGGER corrupt ON users")
    assert migrate(url, app_password=None, to="0016").applied[0] == "0014_migrate_user_data"


def _corrupt_one_row(connection: psycopg.Connection, table: str, column: str, value: str) -> None:
    """The first row with something in the column is written wrongly."""
    body = sql.SQL(
        "CREATE FUNCTION corrupt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.{0} IS NOT NULL AND coalesce(current_setting('test.corrupted', true), '') = '' THEN"
        " NEW.{0} := {1}; PERFORM set_config('test.corrupted', 'yes', true); END IF;"
        " RETURN NEW; END $$"
    )
    connection.execute(body.format(sql.Identifier(column), sql.SQL(value)))
    connection.execute(
        sql.SQL("CREATE TRIGGER corrupt BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION corrupt()").format(
            sql.Identifier(table)
        )
    )
