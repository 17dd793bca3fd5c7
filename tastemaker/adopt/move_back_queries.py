"""The way back from an adoption that is not finished: ours is dropped, and the original moves home."""

from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.move_queries import (
    CALLABLE,
    LEDGER,
    LEDGER_HOME,
    RELATIONS,
    ROUTINES,
    TYPES,
    WORDS,
    alter,
    code_schema,
)
from tastemaker.db.migrations.roles import OWNER

_OURS_OF_ADOPTION: Final = """
SELECT quote_ident(c.relname), c.relkind = 'v' FROM pg_class c
WHERE c.relnamespace = to_regnamespace(%(schema)s) AND c.relkind IN ('r', 'v')
  AND (c.relname LIKE 'source\\_%%' OR c.relname LIKE 'adoption%%')
ORDER BY c.relkind <> 'v'
"""

_SCHEMAS_OF_OURS: Final = """
SELECT quote_ident(nspname) FROM pg_namespace
WHERE nspname IN ('compat', 'reports') AND pg_get_userbyid(nspowner) = %(owner)s
"""


def move_back(connection: Connection[Any], schema: str) -> None:
    """Inside a transaction. Names come quoted from the catalog itself."""
    connection.execute("SET LOCAL search_path = pg_catalog")
    moved = connection.execute(
        sql.SQL("SELECT kind, name, home, owner, forced FROM {}").format(
            sql.Identifier(schema, "adoption_moved")
        )
    ).fetchall()
    _drop_ours(connection)
    code = code_schema(schema)
    routines = _names(connection, ROUTINES, of=code)
    others = connection.execute(_of(CALLABLE, code)).fetchall()
    types = connection.execute(_of(TYPES, schema)).fetchall()
    for what, name in (*(("ROUTINE", name) for name in routines), *others):
        alter(connection, f"{what} {name}", "SET SCHEMA public")
    has_two = sum(name == LEDGER for _, name, *_ in moved) > 1
    for kind, name, home, owner, forced in moved:
        space = code if home == LEDGER_HOME and has_two else schema
        if kind == "TABLE":
            alter(connection, f"TABLE {space}.{name}", f"OWNER TO {_quoted(connection, owner)}")
        alter(connection, f"{kind} {space}.{name}", f"SET SCHEMA {home}")
        if forced:
            alter(connection, f"TABLE {home}.{name}", "FORCE ROW LEVEL SECURITY")
    for name, is_domain in types:
        alter(connection, f"{'DOMAIN' if is_domain else 'TYPE'} {name}", "SET SCHEMA public")
    for name, is_view in connection.execute(_OURS_OF_ADOPTION, {"schema": schema}).fetchall():
        what = "VIEW" if is_view else "TABLE"
        connection.execute(sql.SQL(f"DROP {what} IF EXISTS {schema}.{name} CASCADE"))
    for name in (schema, code):
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {}").format(sql.Identifier(name)))


def _drop_ours(connection: Connection[Any]) -> None:
    """What was built in `public` so far; extensions stay."""
    for (name,) in connection.execute(_SCHEMAS_OF_OURS, {"owner": OWNER}).fetchall():
        connection.execute(sql.SQL(f"DROP SCHEMA {name} CASCADE"))
    only_public = RELATIONS.replace("c.oid = to_regclass('drizzle.__drizzle_migrations')", "false")
    for name, _, kind, *_ in connection.execute(only_public).fetchall():
        if kind != "S":
            connection.execute(sql.SQL(f"DROP {WORDS[kind]} IF EXISTS {name} CASCADE"))
    for name in _names(connection, ROUTINES, of="public"):
        connection.execute(sql.SQL(f"DROP ROUTINE IF EXISTS {name} CASCADE"))


def _of(query: str, schema: str) -> sql.SQL:
    return sql.SQL(query.replace("'public'::regnamespace", f"'{schema}'::regnamespace"))


def _names(connection: Connection[Any], query: str, *, of: str) -> list[str]:
    return [row[0] for row in connection.execute(_of(query, of)).fetchall()]


def _quoted(connection: Connection[Any], role: str) -> str:
    return sql.Identifier(role).as_string(connection)
