"""What a session has been through leaves no claim behind, and no role can be taken on."""

import threading
from typing import Final

import psycopg
import pytest
from psycopg import sql

from tastemaker.db.access import APP_ROLE
from tests.db.isolation.conftest import Attacked
from tests.db.isolation.planting import ALICE, Connection

HERS: Final = '{"sub": "alice-secret"}'
BOBS: Final = '{"sub": "bob-secret"}'
CLAIM: Final = "SELECT set_config('request.jwt.claims', %s, true)"


@pytest.fixture
def tables(attacked: Attacked) -> list[tuple[str, str]]:
    columns = attacked.planted.tenant_columns
    return [(t, c) for t, c in columns.items() if t != "user_profiles_backup"]


Tables = list[tuple[str, str]]


def hers_seen(connection: Connection, tables: Tables) -> set[str]:
    """The tables in which the session sees a row of Alice's, as it is now."""
    seen = set()
    for table, column in tables:
        counted = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s")
        row = connection.execute(
            counted.format(sql.Identifier(table), sql.Identifier(column)), (ALICE,)
        ).fetchone()
        if row and row[0]:
            seen.add(table)
    return seen


def test_she_herself_sees_a_row_in_each(app: Connection, tables: Tables) -> None:
    with app.transaction():
        app.execute(CLAIM, (HERS,))
        assert hers_seen(app, tables) == {table for table, _ in tables}


def test_nothing_is_left_after_commit_and_after_rollback(app: Connection, tables: Tables) -> None:
    for end in (b"COMMIT", b"ROLLBACK", b"COMMIT AND CHAIN", b"ROLLBACK AND CHAIN"):
        app.execute("BEGIN")
        app.execute(CLAIM, (HERS,))
        app.execute(end)
        assert hers_seen(app, tables) == set(), end
        app.execute("ROLLBACK")


def test_nothing_is_left_after_an_error(app: Connection, tables: Tables) -> None:
    for failing in ("SELECT 1 / 0", "SELEC", "SELECT * FROM no_such_table", "SELECT 'x'::jsonb"):
        app.execute("BEGIN")
        app.execute(CLAIM, (HERS,))
        with pytest.raises(psycopg.Error):
            app.execute(failing.encode())
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            app.execute("SELECT count(*) FROM users")
        app.execute("ROLLBACK")
        assert hers_seen(app, tables) == set(), failing


def test_a_savepoint_gives_the_claim_back(app: Connection, tables: Tables) -> None:
    with app.transaction():
        app.execute(CLAIM, (BOBS,))
        app.execute("SAVEPOINT inner_work")
        app.execute(CLAIM, (HERS,))
        app.execute("SAVEPOINT deeper")
        with pytest.raises(psycopg.errors.DivisionByZero):
            app.execute("SELECT 1 / 0")
        app.execute("ROLLBACK TO inner_work")
        assert hers_seen(app, tables) == set()
        assert app.execute("SELECT app_tenant()").fetchone() == ("bob-secret",)


def test_the_empty_string_left_by_set_local_is_no_claim(app: Connection, tables: Tables) -> None:
    with app.transaction():
        app.execute(CLAIM, (HERS,))
    assert app.execute("SELECT current_setting('request.jwt.claims', true)").fetchone() == ("",)
    assert app.execute("SELECT app_tenant(), app_is_system()").fetchone() == (None, False)
    assert hers_seen(app, tables) == set()


def test_a_prepared_plan_follows_the_claim_not_its_maker(app: Connection) -> None:
    counted = "SELECT count(*) FROM users WHERE user_id = 'alice-secret'"
    for _ in range(8):  # past the point where plans become generic
        for claim, rows in ((HERS, 1), (BOBS, 0)):
            with app.transaction():
                app.execute(CLAIM, (claim,))
                assert app.execute(counted, prepare=True).fetchone() == (rows,)
        assert app.execute(counted, prepare=True).fetchone() == (0,)


def test_a_cursor_outlives_its_claim_only_with_its_own_rows(app: Connection) -> None:
    with app.transaction():
        app.execute(CLAIM, (BOBS,))
        app.execute("DECLARE held CURSOR WITH HOLD FOR SELECT user_id FROM users")
    assert app.execute("FETCH ALL FROM held").fetchall() == [("bob-secret",)]


def test_row_security_cannot_be_switched_off(app: Connection) -> None:
    app.execute("SET row_security = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        app.execute("SELECT count(*) FROM users")


def test_no_role_can_be_taken_on(app: Connection, owner: Connection) -> None:
    roles = {name for (name,) in owner.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")}
    for role in roles - {app.info.user}:
        for statement in ("SET ROLE {}", "SET SESSION AUTHORIZATION {}", "SET LOCAL ROLE {}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(sql.SQL(statement).format(sql.Identifier(role)))


def test_resetting_the_role_changes_nothing(app: Connection, tables: Tables) -> None:
    for statement in (
        b"RESET ROLE",
        b"RESET SESSION AUTHORIZATION",
        b"SET ROLE NONE",
        b"DISCARD ALL",
        b"RESET ALL",
    ):
        app.execute(statement)
        assert app.execute("SELECT current_user, session_user").fetchone() == (APP_ROLE, APP_ROLE)
        assert hers_seen(app, tables) == set()


def test_two_sessions_do_not_share_a_claim(attacked: Attacked, app: Connection, tables: Tables) -> None:
    claimed, looked = threading.Event(), threading.Event()

    def hold() -> None:
        with psycopg.connect(attacked.app_url) as other:
            other.execute(CLAIM, (HERS,))
            claimed.set()
            looked.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert claimed.wait(30)
        assert hers_seen(app, tables) == set()
    finally:
        looked.set()
        holder.join()
