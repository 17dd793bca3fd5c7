"""A row of each tenant in every table, made from the catalog alone: types, CHECKs, foreign keys.

A table that this cannot fill fails the tests, so that no table escapes them by being new.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

ALICE: Final = "alice-secret"
BOB: Final = "bob-secret"
NOBODY: Final = "nobody-in-particular"

Connection = psycopg.Connection[Any]
Row = Mapping[str, Any]

TABLES: Final = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY c.relname
"""

COLUMNS: Final = """
    SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.atttypmod - 4 AS length,
           coalesce(parent.relname, '') AS parent, coalesce(other.attname, '') AS referenced,
           coalesce((SELECT string_agg(pg_get_constraintdef(k.oid), ' ') FROM pg_constraint k
                     WHERE k.conrelid = a.attrelid AND k.contype = 'c'
                       AND a.attnum = ANY (k.conkey)), '') AS rules
    FROM pg_attribute a
    LEFT JOIN pg_constraint f ON f.conrelid = a.attrelid AND f.contype = 'f' AND f.conkey = ARRAY[a.attnum]
    LEFT JOIN pg_class parent ON parent.oid = f.confrelid
    LEFT JOIN pg_attribute other ON other.attrelid = f.confrelid AND other.attnum = f.confkey[1]
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attidentity = '' AND a.attgenerated = ''
"""

CHOSEN: Final = {
    ("system_configurations", "value_type"): "string",
    ("user_billing", "card_exp_year"): 2030,
}
"""Where a trigger or a CHECK asks for more than a value of the type."""

VALUES: Final = {
    "integer": 1,
    "bigint": 1,
    "smallint": 1,
    "numeric": 1,
    "double precision": 1.0,
    "real": 1.0,
    "tsvector": "word",
    "jsonb": "{}",
    "interval": "1 hour",
    "text[]": [],
    "integer[]": [],
    "bigint[]": [],
    "date": "2026-01-01",
    "timestamp without time zone": "2026-01-01 00:00:00",
    "timestamp with time zone": "2026-01-01 00:00:00+00",
}
WORD: Final = re.compile(r"'([^']*)'::")


@dataclass(frozen=True)
class Planted:
    """By table: what was planted for each of the two."""

    rows: Mapping[str, Mapping[str, Row]]
    tenant_columns: Mapping[str, str]


def plant(owner: Connection) -> Planted:
    """As a superuser: triggers and constraints hold, policies do not."""
    tables = [name for (name,) in owner.execute(TABLES)]
    tables = [name for name in tables if name not in ("alembic_version", "schema_migrations_applied")]
    columns = {table: columns_of(owner, table) for table in tables}
    rows: dict[str, dict[str, Row]] = {}
    for table in _parents_first(columns):
        rows[table] = {}
        for tenant in (ALICE, BOB):
            parents = {name: rows[name][tenant] for name in rows if name != table}
            values = values_for(columns[table], tenant, parents, table=table)
            rows[table][tenant] = insert(owner, table, values)
    tenant_columns = {table: column for table in tables if (column := _tenant_column(columns[table]))}
    return Planted(rows, tenant_columns)


def columns_of(connection: Connection, table: str) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return [*cursor.execute(COLUMNS, (f"public.{table}",))]


def values_for(
    columns: list[Row], tenant: str, parents: Mapping[str, Row], *, table: str, salt: str = ""
) -> dict[str, Any]:
    """A value for every column. `salt` makes the keys new."""
    values: dict[str, Any] = {}
    mark = tenant if _tenant_column(columns) else f"reference {tenant[::-1]}"
    for column in columns:
        if column["parent"]:
            values[column["name"]] = parents[column["parent"]][column["referenced"]]
        elif column["name"] == "tenant_id" or (column["name"] == "user_id" and column["type"] == "text"):
            values[column["name"]] = tenant
        elif column["type"] == "uuid":
            values[column["name"]] = psycopg.sql.SQL("gen_random_uuid()")
        elif (table, column["name"]) in CHOSEN:
            values[column["name"]] = CHOSEN[table, column["name"]]
        else:
            values[column["name"]] = _value(column, f"{mark}{salt} {table}.{column['name']}")
    return values


def insert(connection: Connection, table: str, values: Mapping[str, Any]) -> Row:
    statement = insertion(table, values) + sql.SQL(" ON CONFLICT DO NOTHING RETURNING *")
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement).fetchone()
        if row is None:
            row = cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchone()
    assert row is not None, f"nothing could be planted in {table}"
    return row


def insertion(table: str, values: Mapping[str, Any]) -> sql.Composed:
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(sql.Identifier(name) for name in values),
        sql.SQL(", ").join(
            value if isinstance(value, sql.Composable) else sql.Literal(value) for value in values.values()
        ),
    )


def _value(column: Row, marked: str) -> object:
    words = WORD.findall(column["rules"])
    if column["type"] in ("text", "character varying"):
        if words:
            return words[0]
        return marked if column["length"] <= 0 else marked[: column["length"]]
    if column["type"] == "bytea":
        return marked.encode()
    if column["type"] == "boolean":
        return column["rules"] == f"CHECK ({column['name']})"  # nobody is an administrator
    if column["type"] == "jsonb" and "array" in words:
        return "[]"
    assert column["type"] in VALUES, f"say in VALUES what a {column['type']} looks like"
    return VALUES[column["type"]]


def _parents_first(columns: Mapping[str, list[Row]]) -> list[str]:
    ordered: list[str] = []
    while len(ordered) < len(columns):
        ready = [
            table
            for table, described in columns.items()
            if table not in ordered
            and all(c["parent"] in ("", table) or c["parent"] in ordered for c in described)
        ]
        assert ready, f"these tables refer to each other in a circle: {set(columns) - set(ordered)}"
        ordered += ready
    return ordered


def _tenant_column(columns: list[Row]) -> str | None:
    types = {column["name"]: column["type"] for column in columns}
    if "tenant_id" in types:
        return "tenant_id"
    return "user_id" if types.get("user_id") == "text" else None
