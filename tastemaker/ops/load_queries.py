"""Sizes of tables and times of statements of this database, the largest and the slowest first."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from tastemaker.core.errors import Conflict, DatabaseUnavailable
from tastemaker.db.reasons import reason_of
from tastemaker.db.statements import statement

By = Literal["mean", "total"]
_ORDERS: Final = {"mean": "s.mean_exec_time", "total": "s.total_exec_time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """In bytes. `total` is the table, what was moved out of its rows (`toast`) and its indexes together.

    `rows` is the planner's estimate.
    """

    schema: str
    name: str
    rows: int
    total: int
    table: int
    toast: int
    indexes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementStatistics:
    """Since the counters were reset last; values stand as `$1`."""

    query: str
    calls: int
    mean_ms: float
    total_ms: float
    rows: int


SIZES: Final = statement(
    """
    SELECT n.nspname::text AS schema, c.relname::text AS name, greatest(c.reltuples, 0)::bigint AS rows,
           pg_total_relation_size(c.oid) AS total,
           pg_table_size(c.oid) - coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) AS table,
           coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) AS toast,
           pg_indexes_size(c.oid) AS indexes
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ORDER BY total DESC, schema, name LIMIT %(limit)s
    """,
    TableSize,
    not_null="schema name rows total table toast indexes",
)

_WHERE_COUNTED: Final = statement(
    """
    SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_stat_statements'
    """,
    str,
    not_null="nspname",
)

STATEMENTS: Final = """
    SELECT s.query, s.calls, s.mean_exec_time AS mean_ms, s.total_exec_time AS total_ms, s.rows
    FROM {schema}.pg_stat_statements s
    WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY {by} DESC, s.queryid LIMIT %(limit)s
"""


def list_sizes(admin_url: str, *, limit: int) -> list[TableSize]:
    """The largest first. Raises DatabaseUnavailable."""
    with _connected(admin_url) as connection, connection.cursor(row_factory=SIZES.make_rows) as cursor:
        return cursor.execute(SIZES.query, SIZES.check({"limit": limit})).fetchall()


def list_statements(admin_url: str, *, by: By, limit: int) -> list[StatementStatistics]:
    """The slowest first. Raises DatabaseUnavailable, and Conflict where the server does not count."""
    with (
        _connected(admin_url) as connection,
        connection.cursor(row_factory=class_row(StatementStatistics)) as cursor,
    ):
        where = connection.execute(_WHERE_COUNTED.query).fetchone()
        if where is None:
            raise Conflict("Nothing counts statements here: pg_stat_statements is not installed.")
        question = sql.SQL(STATEMENTS).format(schema=sql.Identifier(where[0]), by=sql.SQL(_ORDERS[by]))
        try:
            return cursor.execute(question, {"limit": limit}).fetchall()
        except psycopg.errors.ObjectNotInPrerequisiteState:
            raise Conflict(
                "Nothing counts statements here: add pg_stat_statements to the server's "
                "shared_preload_libraries and restart it."
            ) from None


def _connected(admin_url: str) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(admin_url, autocommit=True, connect_timeout=10, prepare_threshold=None)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"PostgreSQL does not let us in: {reason_of(error)}") from None
