"""The proof of a dry run: the original's tables are copied into a scratch database and adopted there.

They are read from one read-only snapshot, so the original stays in use. What would stop the adoption stops
it here, before anything has moved. A type of the original's own is copied as its text.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo

from tastemaker.adopt.original_queries import AdoptionRefused
from tastemaker.adopt.plan_queries import Options
from tastemaker.adopt.service import OnProgress, adopt
from tastemaker.adopt.session_queries import connected
from tastemaker.core.clock import monotonic
from tastemaker.core.errors import AppError
from tastemaker.core.ids import new_token
from tastemaker.db.reasons import reason_of

_TABLES: Final = """
SELECT c.relname, array_agg(a.attname ORDER BY a.attnum),
       array_agg(CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace
                      THEN format_type(a.atttypid, a.atttypmod) ELSE 'text' END ORDER BY a.attnum),
       (SELECT array_agg(k.attname ORDER BY k.attnum) FROM pg_index x
        JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = ANY(x.indkey)
        WHERE x.indrelid = c.oid AND x.indisprimary)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
GROUP BY c.oid, c.relname ORDER BY c.relname
"""

_UNIQUE_USERS: Final = """
SELECT c.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[0]
WHERE c.relnamespace = 'public'::regnamespace AND x.indisunique AND x.indnkeyatts = 1 AND x.indpred IS NULL
  AND a.attname = 'user_id'
"""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """`stopped`: the sentence with which the adoption would stop; None where it goes through."""

    stopped: str | None
    step: str | None
    report: dict[str, Any]
    copied: dict[str, int]
    seconds: float


def rehearse(
    url: str, options: Options, *, scratch_url: str, on_progress: OnProgress | None = None
) -> Rehearsal:
    """Adopt a copy in a new database of the scratch server, which is dropped afterwards.

    Raises DatabaseUnavailable where a server cannot be used, AdoptionRefused for what is no original.
    """
    began, last = monotonic(), "copy"
    tell = on_progress or (lambda _name, _place, _total: None)

    def follow(name: str, place: int, total: int) -> None:
        nonlocal last
        last = name
        tell(name, place, total)

    copied: dict[str, int] = {}
    with _scratch_database(scratch_url) as scratch:
        try:
            copied = _copy(url, scratch, follow)
            done = adopt(scratch, app_password=None, options=options, on_progress=follow)
        except AdoptionRefused:
            raise
        except (AppError, psycopg.Error) as error:
            said = reason_of(error) if isinstance(error, psycopg.Error) else str(error)
            return Rehearsal(said, last, {}, copied, monotonic() - began)
    return Rehearsal(None, None, done.report, copied, monotonic() - began)


@contextmanager
def _scratch_database(url: str) -> Iterator[str]:
    name = f"tastemaker_rehearsal_{new_token(6).lower().replace('-', '_')}"
    with connected(url, read_only=False) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        )
        try:
            yield make_conninfo(url, dbname=name)
        finally:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _copy(url: str, scratch: str, tell: Callable[[str, int, int], None]) -> dict[str, int]:
    """Rows by table. Every table is read as of one moment."""
    copied = {}
    with (
        connected(url, read_only=True) as source,
        connected(scratch, read_only=False) as target,
        source.transaction(),
    ):
        source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        source.execute("SET LOCAL row_security = off")
        tables = source.execute(_TABLES).fetchall()
        unique = {row[0] for row in source.execute(_UNIQUE_USERS)}
        for table, columns, types, key in tables:
            copied[table] = _copy_table(source, target, table, columns, types)
            _index(target, table, key, of_users=table in unique)
            tell(f"copy {table}", 1, 1)
    return copied


def _copy_table(
    source: Connection[Any], target: Connection[Any], table: str, columns: list[str], types: list[str]
) -> int:
    """As text, so that servers of two versions agree."""
    name = sql.Identifier("public", table)
    made = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(kind))
        for column, kind in zip(columns, types, strict=True)
    )
    target.execute(sql.SQL("CREATE TABLE {} ({})").format(name, made))
    read = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
        sql.SQL(", ").join(
            sql.SQL("{}::{}").format(sql.Identifier(column), sql.SQL(kind))
            for column, kind in zip(columns, types, strict=True)
        ),
        name,
    )
    with (
        target.cursor() as into,
        source.cursor() as reading,
        into.copy(sql.SQL("COPY {} FROM STDIN").format(name)) as writing,
        reading.copy(read) as pieces,
    ):
        for piece in pieces:
            writing.write(piece)
    row = target.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
    return int(row[0]) if row else 0


def _index(target: Connection[Any], table: str, key: list[str] | None, *, of_users: bool) -> None:
    """What the steps look rows up by."""
    for columns in (key, ["user_id"] if of_users else None):
        if columns:
            named = sql.SQL(", ").join(map(sql.Identifier, columns))
            target.execute(
                sql.SQL("CREATE UNIQUE INDEX ON {} ({})").format(sql.Identifier("public", table), named)
            )
    target.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("public", table)))
