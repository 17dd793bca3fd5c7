"""A tenant who speaks SQL: its login says who it is, and what it may do is short."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import psycopg
import pytest
from psycopg import sql

from tastemaker.core.errors import DatabaseUnavailable, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.tenant_access import (
    CONNECTION_LIMIT,
    Credentials,
    end_overlong,
    grant_sql_access,
    revoke_sql_access,
)
from tests.db.isolation.conftest import Attacked
from tests.db.isolation.planting import ALICE, BOB, Connection, columns_of, insertion, values_for
from tests.db.isolation.reach import named, tables_of

TENANT: Final = "tastemaker_tenant"
FORGERIES: Final = (
    'SET request.jwt.claims = \'{"sub": "alice-secret"}\'',
    'SET request.jwt.claims = \'{"role": "tastemaker_system"}\'',
    "SET request.jwt.claims = 'garbage'",
    "SET request.jwt.claim.sub = 'alice-secret'",
    "SET app.tenant = 'alice-secret'",
    "RESET ALL",
)
WRITABLE: Final = {
    "users": {"full_name", "business_name", "brand_description", "industry"},
    "campaigns": {"name", "description"},
}
CATALOG: Final = {"creators", "creator_handles", "posts", "follower_snapshots", "subscription_plans"}
INVISIBLE: Final = {
    ("users", "is_admin"), ("user_billing", "stripe_customer_id"), ("user_billing", "stripe_subscription_id"),
    ("user_billing", "payment_method_id"), ("scraping_runs", "cursor"), ("scraping_runs", "error"),
}  # fmt: skip


def test_it_sees_its_rows_whatever_it_claims(
    attacked: Attacked, owner: Connection, bobs_sql: Connection
) -> None:
    tables = [name.removeprefix("public.") for name in tables_of(owner, TENANT)]
    assert {"users", "campaigns", "scraping_results", "user_usage"} < set(tables)
    for forgery in FORGERIES:
        bobs_sql.execute(forgery.encode())
        for table in set(tables) - CATALOG:
            column = attacked.planted.tenant_columns[table]
            seen = sql.SQL("SELECT {} FROM {}").format(sql.Identifier(column), named(table))
            assert bobs_sql.execute(seen).fetchall() == [(BOB,)], (table, forgery)


def test_of_the_catalog_it_sees_what_its_searches_hold(attacked: Attacked, bobs_sql: Connection) -> None:
    his = attacked.planted.rows["search_creators"][BOB]["creator_id"]
    assert bobs_sql.execute("SELECT id FROM creators").fetchall() == [(his,)]
    for table in ("creator_handles", "posts", "follower_snapshots"):
        seen = sql.SQL("SELECT creator_id FROM {}").format(named(table))
        assert bobs_sql.execute(seen).fetchall() == [(his,)], table


def test_it_adds_and_removes_nothing(attacked: Attacked, owner: Connection, bobs_sql: Connection) -> None:
    for table in attacked.planted.rows:
        for tenant in (ALICE, BOB):
            parents = {name: rows[tenant] for name, rows in attacked.planted.rows.items()}
            row = values_for(columns_of(owner, table), tenant, parents, table=table, salt=" sql")
            for statement in (
                insertion(table, row),
                insertion(table, row) + sql.SQL(" ON CONFLICT DO NOTHING"),
                sql.SQL("DELETE FROM {}").format(named(table)),
                sql.SQL("TRUNCATE {}").format(named(table)),
                sql.SQL("SELECT * FROM {} FOR UPDATE").format(named(table)),
                sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(named(table)),
            ):
                if "FOR UPDATE" in statement.as_string() and table == "campaigns":
                    continue  # its own rows, which it may change
                with pytest.raises(psycopg.errors.InsufficientPrivilege), bobs_sql.transaction():
                    bobs_sql.execute(statement)


def test_it_changes_its_profile_and_nothing_else(
    attacked: Attacked, owner: Connection, bobs_sql: Connection
) -> None:
    for table in attacked.planted.rows:
        for column in columns_of(owner, table):
            name = column["name"]
            change = sql.SQL("UPDATE {} SET {} = DEFAULT").format(named(table), sql.Identifier(name))
            if name in WRITABLE.get(table, ()):
                change = sql.SQL("UPDATE {} SET {} = 'changed'").format(named(table), sql.Identifier(name))
                assert bobs_sql.execute(change).rowcount == 1
            else:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    bobs_sql.execute(change)
    hers = owner.execute("SELECT count(*) FROM users WHERE full_name = 'changed' AND user_id <> %s", (BOB,))
    assert hers.fetchone() == (0,)


def test_some_columns_stay_ours(bobs_sql: Connection) -> None:
    for table, column in INVISIBLE:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            bobs_sql.execute(sql.SQL("SELECT {} FROM {}").format(sql.Identifier(column), named(table)))


def test_it_makes_no_objects_and_reads_no_others(bobs_sql: Connection) -> None:
    for statement in (
        "CREATE TABLE mine (id int)",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "COPY users TO '/tmp/users'",
        "COPY users TO PROGRAM 'cat'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT * FROM pg_authid",
        "SELECT * FROM sql_access",
        "SELECT lo_create(0)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_xact_lock(1)",
        "SELECT pg_notify('background_jobs', '')",
        "SELECT pg_sleep(1)",
        "SET temp_file_limit = -1",
        "ALTER ROLE tastemaker_app PASSWORD 'x'",
        "GRANT tastemaker_app TO CURRENT_USER",
        "INSERT INTO sql_access VALUES (current_user, 'alice-secret')",
        "SELECT * FROM compat.user_profiles",
        "SELECT * FROM reports.users",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            bobs_sql.execute(statement.encode())
            pytest.fail(f"{statement} was allowed")
    with pytest.raises(psycopg.Error):
        bobs_sql.execute("ALTER ROLE CURRENT_USER CONNECTION LIMIT -1")


def test_connections_are_limited(attacked: Attacked, bobs_login: Credentials, owner: Connection) -> None:
    _until_all_have_left(owner)
    with ExitStack() as opened:
        for _ in range(CONNECTION_LIMIT):
            opened.enter_context(psycopg.connect(attacked.url_of(bobs_login)))
        with pytest.raises(psycopg.OperationalError, match="too many connections"):
            psycopg.connect(attacked.url_of(bobs_login))


def _until_all_have_left(owner: Connection) -> None:
    """A session that was closed may be counted for a moment, while its server process ends."""
    for _ in range(500):
        (left,) = owner.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'tastemaker_sql_%'"
        ).fetchone() or (0,)
        if left == 0:
            return
        time.sleep(0.02)


def test_the_watchdog_ends_what_takes_too_long(attacked: Attacked, bobs_sql: Connection) -> None:
    bobs_sql.execute("SET statement_timeout = 0")
    bobs_sql.execute("SET idle_in_transaction_session_timeout = 0")
    bobs_sql.execute("BEGIN")
    bobs_sql.execute("SELECT 1")
    assert end_overlong(attacked.admin_url, 60) == 0
    time.sleep(0.3)
    assert end_overlong(attacked.admin_url, 0.2) == 1
    with pytest.raises(psycopg.OperationalError):
        bobs_sql.execute("SELECT 1")


def test_the_watchdog_spares_the_application_and_the_idle(
    attacked: Attacked, app: Connection, bobs_sql: Connection
) -> None:
    bobs_sql.execute("SELECT 1")
    with app.transaction():
        app.execute("SELECT 1")
        time.sleep(0.3)
        assert end_overlong(attacked.admin_url, 0.2) == 0
    assert bobs_sql.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("role", ["tastemaker_app", TENANT])
def test_only_the_forbidden_functions_are_taken_away(
    owner: Connection, bobs_sql: Connection, role: str
) -> None:
    """`lo_` begins the names of large objects' functions; `lower` and `log` are everybody's."""
    taken = owner.execute(
        """
        SELECT array_agg(DISTINCT p.proname ORDER BY p.proname) FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace
          AND p.proname IN ('lower', 'log', 'lo_get', 'lo_put')
          AND NOT has_function_privilege(%s, p.oid, 'EXECUTE')
        """,
        (role,),
    ).fetchone()
    assert taken == (["lo_get", "lo_put"] if role == TENANT else None,)
    assert bobs_sql.execute("SELECT lower('A')").fetchone() == ("a",)


def test_a_second_grant_renews_the_password(attacked: Attacked, fresh_carol: ExternalUserId) -> None:
    first = grant_sql_access(attacked.admin_url, fresh_carol)
    second = grant_sql_access(attacked.admin_url, fresh_carol)
    assert first.weaker == second.weaker == ()
    assert first.role == second.role
    assert first.password != second.password
    with psycopg.connect(attacked.url_of(second)) as connection:
        assert connection.execute("SELECT user_id FROM users").fetchall() == [(fresh_carol,)]


def test_revoking_ends_its_sessions_and_its_login(
    attacked: Attacked, owner: Connection, fresh_carol: ExternalUserId
) -> None:
    credentials = grant_sql_access(attacked.admin_url, fresh_carol)
    with psycopg.connect(attacked.url_of(credentials), autocommit=True) as session:
        session.execute("SELECT 1")
        assert revoke_sql_access(attacked.admin_url, fresh_carol) is True
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT count(*) FROM users")
    found = owner.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", (credentials.role,))
    assert found.fetchone() == (0,)
    assert revoke_sql_access(attacked.admin_url, fresh_carol) is False


def test_a_deleted_user_s_login_sees_nothing(
    attacked: Attacked, owner: Connection, fresh_carol: ExternalUserId
) -> None:
    credentials = grant_sql_access(attacked.admin_url, fresh_carol)
    with psycopg.connect(attacked.url_of(credentials), autocommit=True) as session:
        owner.execute("DELETE FROM users WHERE user_id = %s", (fresh_carol,))
        assert session.execute("SELECT count(*) FROM users").fetchone() == (0,)
        assert session.execute("SELECT count(*) FROM subscription_plans").fetchone() == (0,)
    owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(credentials.role)))


def test_who_is_not_there_gets_none(attacked: Attacked) -> None:
    with pytest.raises(NotFound):
        grant_sql_access(attacked.admin_url, ExternalUserId("mallory"))


def test_the_application_grants_none(attacked: Attacked) -> None:
    with pytest.raises(DatabaseUnavailable, match="may not do this"):
        grant_sql_access(attacked.app_url, ExternalUserId(BOB))


def test_a_manager_who_is_no_superuser_is_told_what_stays_weaker(
    attacked: Attacked, owner: Connection, fresh_carol: ExternalUserId
) -> None:
    database = sql.Identifier(attacked.name)
    owner.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO PUBLIC").format(database))
    owner.execute("GRANT EXECUTE ON FUNCTION pg_sleep(double precision) TO PUBLIC")
    owner.execute("CREATE ROLE manager LOGIN CREATEROLE PASSWORD 'made up'")
    owner.execute("GRANT tastemaker_owner, pg_signal_backend TO manager")
    owner.execute("GRANT tastemaker_tenant TO manager WITH ADMIN OPTION")
    manager = psycopg.conninfo.make_conninfo(attacked.admin_url, user="manager", password="made up")
    try:
        credentials = grant_sql_access(manager, fresh_carol)
        assert [weakness.split()[0] for weakness in credentials.weaker] == [
            "temp_file_limit",
            "temporary",
            "advisory",
        ]
        with psycopg.connect(attacked.url_of(credentials), autocommit=True) as session:
            assert session.execute("SELECT user_id FROM users").fetchall() == [(fresh_carol,)]
            assert end_overlong(manager, 60) == 0
            assert revoke_sql_access(manager, fresh_carol) is True
    finally:
        owner.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))
        owner.execute("REVOKE EXECUTE ON FUNCTION pg_sleep(double precision) FROM PUBLIC")
        owner.execute("DROP OWNED BY manager")
        owner.execute("DROP ROLE manager")


@pytest.fixture
def fresh_carol(attacked: Attacked, owner: Connection) -> Iterator[ExternalUserId]:
    carol = ExternalUserId("carol")
    owner.execute("INSERT INTO users (user_id) VALUES (%s)", (carol,))
    yield carol
    revoke_sql_access(attacked.admin_url, carol)
    owner.execute("DELETE FROM users WHERE user_id = %s", (carol,))
