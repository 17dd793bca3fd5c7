"""The original's tables as they always look to us: every column there, one type each, times in UTC.

After the tables have stepped aside these are views `source_<table>`; before, the same text stands in a WITH.
"""

from collections.abc import Mapping
from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.original import TABLES, Census, columns_of

_TYPES: Final = {"t": "text", "n": "numeric", "b": "boolean", "d": "timestamp", "j": "jsonb", "u": "uuid"}

_SAYABLE: Final = "CASE WHEN {0} BETWEEN '0001-01-01' AND '9999-12-31' THEN {0} END"
"""Infinite times, and those before Christ or after the year 9999, no client of ours can read: unknown."""


def select_of(table: str, found: Mapping[str, str] | None, *, schema: str) -> sql.Composed:
    """`found` are the columns that are there with their types; None where the table is not."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(
            _value(column.name, column.kind, (found or {}).get(column.name)), sql.Identifier(column.name)
        )
        for column in columns_of(table)
    )
    if found is None:
        return sql.SQL("SELECT {} WHERE false").format(columns)
    return sql.SQL("SELECT {} FROM {} s").format(columns, sql.Identifier(schema, table))


def sources_in_public(census: Census) -> sql.Composed:
    """A WITH clause that names every source, for questions before anything has moved."""
    parts = (
        sql.SQL("{} AS NOT MATERIALIZED ({})").format(
            sql.Identifier(f"source_{table}"), select_of(table, census.tables.get(table), schema="public")
        )
        for table in TABLES
    )
    return sql.SQL("WITH {} ").format(sql.SQL(", ").join(parts))


def create_source_views(connection: Connection[Any], census: Census, *, schema: str) -> None:
    for table in TABLES:
        connection.execute(
            sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(
                sql.Identifier(schema, f"source_{table}"),
                select_of(table, census.tables.get(table), schema=schema),
            )
        )


def _value(name: str, kind: str, type_name: str | None) -> sql.Composable:
    column = sql.SQL("s.{}").format(sql.Identifier(name))
    if type_name is None:
        return sql.SQL("NULL::" + _TYPES[kind])
    if kind == "d":
        at = "timezone('UTC', {})" if type_name == "timestamp with time zone" else "{}::timestamp"
        return sql.SQL(_SAYABLE).format(sql.SQL(at).format(column))
    return sql.SQL("{}::" + _TYPES[kind]).format(column)
