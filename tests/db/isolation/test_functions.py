"""Views and functions that the application can reach, and functions that run with the rights of others."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql

from tastemaker.db.access import APP_ROLE
from tests.db.isolation.conftest import Attacked
from tests.db.isolation.planting import ALICE, Connection
from tests.db.isolation.reach import functions_of, named, tables_of, views_of
from tests.db.isolation.test_crossing import CLAIMS, claiming

ARGUMENTS: Final[dict[str, Sequence[object]]] = {
    "text": ["%", "", "alice", ALICE, "' OR 1=1 --", "\\"],
    "character varying": ["%", ALICE],
    "bytea": [b"", ALICE.encode()],
    "text[]": [[ALICE], ["%"]],
    "integer": [1000, 0, -1],
    "bigint": [1000, 0, -1],
    "boolean": [True, False],
    "jsonb": ["{}", '[{"platform": "TikTok"}]'],
    "uuid[]": [["00000000-0000-0000-0000-000000000000"]],
    "uuid": ["00000000-0000-0000-0000-000000000000"],
    "timestamp without time zone": ["infinity", "-infinity"],
    "timestamp with time zone": ["infinity", "-infinity"],
    "regclass": ["users", "user_profiles_backup"],
}
"""The values that each argument is attacked with. Add some for a new type."""

ARGUMENT_TYPES: Final = """
    SELECT coalesce(array_agg(format_type(t.type, NULL) ORDER BY t.place), '{}')
    FROM pg_proc p, unnest(p.proargtypes) WITH ORDINALITY AS t (type, place) WHERE p.oid = %s
"""


def test_no_view_shows_a_foreign_row(owner: Connection, app: Connection) -> None:
    views = views_of(owner, APP_ROLE)
    assert "public.user_profiles" in views
    for view in views:
        for claim in CLAIMS:
            rows: list[Any] = []
            try:
                with claiming(app, claim):
                    rows = app.execute(sql.SQL("SELECT v::text FROM {} v").format(named(view))).fetchall()
            except psycopg.errors.InvalidTextRepresentation:
                continue
            assert not [row for row in rows if ALICE in str(row)], (view, claim)


@pytest.mark.parametrize("view", ["public.user_profiles", "compat.user_profiles"])
def test_no_view_writes_a_foreign_row(view: str, app: Connection, owner: Connection) -> None:
    shown = sql.SQL("SELECT v::text FROM {} v WHERE user_id = %s").format(named(view))
    before = owner.execute(shown, (ALICE,)).fetchall()
    assert before
    for claim in CLAIMS:
        for statement in (
            "UPDATE {} SET current_plan = 'free', is_admin = true WHERE user_id = 'alice-secret'",
            "UPDATE {} SET user_id = 'bob-secret' WHERE user_id = 'alice-secret'",
            "DELETE FROM {} WHERE user_id = 'alice-secret'",
        ):
            try:
                with claiming(app, claim):
                    changed = app.execute(sql.SQL(statement).format(named(view)))
                    assert changed.rowcount == 0, (claim, statement)
            except psycopg.errors.InvalidTextRepresentation:
                continue
    with pytest.raises(psycopg.errors.InsufficientPrivilege), claiming(app, '{"sub": "bob-secret"}'):
        app.execute(sql.SQL("INSERT INTO {} (user_id) VALUES ('third')").format(named(view)))
    assert owner.execute(shown, (ALICE,)).fetchall() == before


def test_no_function_tells_a_foreign_row(owner: Connection, app: Connection) -> None:
    functions = functions_of(owner, APP_ROLE)
    assert functions
    for signature, oid, _ in functions:
        if signature in ("app_tenant()", "app_actor()"):
            continue  # repeats the claim itself
        for arguments in _attacks(owner, oid):
            for claim in CLAIMS:
                for answer in _answers(app, signature, arguments, claim):
                    assert ALICE not in str(answer) or ALICE in str(arguments), (signature, arguments, claim)


def test_the_role_of_former_sql_logins_reaches_nothing(owner: Connection) -> None:
    for reached in (tables_of, views_of, functions_of):
        assert reached(owner, "tastemaker_tenant") == []


def test_what_runs_with_others_rights_has_a_fixed_path_and_is_not_everybodys(owner: Connection) -> None:
    rows = owner.execute(
        """
        SELECT p.oid::regprocedure::text, p.proconfig,
               EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))
                       WHERE grantee = 0)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.prosecdef AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        """
    ).fetchall()
    assert {name for name, _, _ in rows} >= {"app_now()", "redact_events(uuid[],text[],text,text)"}
    for name, settings, everybodys in rows:
        paths = [s.split("=", 1)[1] for s in settings or [] if s.startswith("search_path=")]
        assert len(paths) == 1, name
        schemas = [schema.strip().strip('"') for schema in paths[0].split(",")]
        assert schemas[0] == "pg_catalog", name
        assert schemas[-1] == "pg_temp", f"{name}: otherwise pg_temp comes first"
        assert not everybodys, f"{name} is executable by PUBLIC"


def test_no_function_of_ours_is_everybodys(owner: Connection) -> None:
    rows = owner.execute(
        """
        SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('public', 'compat', 'reports')
          AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))
                      WHERE grantee = 0)
          AND NOT EXISTS (SELECT FROM pg_depend d
                          WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
        """
    )
    assert rows.fetchall() == []


def test_every_view_reads_with_the_rights_of_whoever_asks(owner: Connection) -> None:
    rows = owner.execute(
        """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('public', 'compat', 'reports') AND c.relkind IN ('v', 'm')
          AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)
        """
    )
    assert rows.fetchall() == []


def test_a_leaky_function_is_asked_only_about_visible_rows(app: Connection) -> None:
    told: list[str] = []
    app.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
    app.execute(
        """
        CREATE FUNCTION pg_temp.leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
        BEGIN RAISE NOTICE 'saw %', value; RETURN true; END $$
        """
    )
    app.execute("CREATE OPERATOR pg_temp.<<< (FUNCTION = pg_temp.leak, RIGHTARG = text)")
    with claiming(app, '{"sub": "bob-secret"}'):
        app.execute("SELECT count(*) FROM users WHERE pg_temp.leak(user_id)")
        app.execute("SELECT count(*) FROM users WHERE OPERATOR(pg_temp.<<<) user_id")
        app.execute("SELECT count(*) FROM users u JOIN campaigns c ON pg_temp.leak(u.user_id || c.user_id)")
        app.execute("UPDATE users SET industry = industry WHERE pg_temp.leak(user_id) RETURNING user_id")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("ALTER FUNCTION pg_temp.leak(text) LEAKPROOF")
    assert told
    assert not [message for message in told if ALICE in message]


def test_statistics_do_not_tell_values(app: Connection, owner: Connection) -> None:
    owner.execute("ANALYZE users, campaigns, events")
    shown = app.execute(
        "SELECT * FROM pg_stats WHERE schemaname = 'public' AND tablename IN ('users', 'campaigns', 'events')"
    ).fetchall()
    assert shown == []


def test_a_planted_function_or_table_does_not_stand_in(attacked: Attacked, app: Connection) -> None:
    """Everything that runs by itself or with others' rights names its schemas, temporary ones last."""
    app.execute("CREATE TEMP TABLE clock_offset (singleton bool, shift interval)")
    app.execute("INSERT INTO pg_temp.clock_offset VALUES (true, '100 years')")
    app.execute("CREATE TEMP TABLE users (id uuid, user_id text)")
    app.execute("CREATE TEMP TABLE scraping_jobs (id uuid, user_id text)")
    job = attacked.planted.rows["scraping_jobs"][ALICE]["id"]
    app.execute("INSERT INTO pg_temp.scraping_jobs VALUES (%s, 'bob-secret')", (job,))
    app.execute(
        "CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''infinity''::timestamptz'"
    )
    app.execute("CREATE FUNCTION pg_temp.app_tenant() RETURNS text LANGUAGE sql AS 'SELECT ''alice-secret'''")
    app.execute("SET search_path = pg_temp, public")
    assert app.execute("SELECT public.app_now() < now() + interval '1 hour'").fetchone() == (True,)
    with claiming(app, '{"sub": "bob-secret"}'):
        assert app.execute("SELECT count(*) FROM public.users").fetchone() == (1,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), claiming(app, '{"sub": "bob-secret"}'):
        app.execute("INSERT INTO public.scraping_results (job_id, creators) VALUES (%s, '[]')", (job,))


def _attacks(owner: Connection, oid: int) -> Iterator[tuple[object, ...]]:
    row = owner.execute(ARGUMENT_TYPES, (oid,)).fetchone()
    assert row is not None
    types: list[str] = row[0]
    unknown = [name for name in types if name not in ARGUMENTS and not name.startswith("compat.")]
    assert not unknown, f"say in ARGUMENTS with what to attack a {unknown}"
    tried = [ARGUMENTS.get(name, [None]) for name in types]
    for number in range(max((len(values) for values in tried), default=1)):
        yield tuple(values[number % len(values)] for values in tried)


def _answers(
    connection: Connection, signature: str, arguments: tuple[object, ...], claim: str | None
) -> list[Any]:
    placeholders = sql.SQL(", ").join(sql.Literal(argument) for argument in arguments)
    call = sql.SQL("SELECT * FROM {}({})").format(named(signature.split("(", maxsplit=1)[0]), placeholders)
    try:
        with claiming(connection, claim):
            return connection.execute(call).fetchall()
    except psycopg.Error:
        return []
