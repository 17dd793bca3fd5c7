"""Copying a table in batches: one statement reads, maps, writes and counts a range of the queue.

The queue numbers the original's rows in the order in which they are copied; a step's place is a number in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.counts import Counts

_QUEUE: Final = """
CREATE TABLE adoption_queue_{name} AS
SELECT row_number() OVER (ORDER BY {order}) AS n, s.id FROM source_{name} s;
ALTER TABLE adoption_queue_{name} ADD PRIMARY KEY (n);
ANALYZE adoption_queue_{name};
"""

_BATCH: Final = """
WITH batch AS MATERIALIZED (
    SELECT q.n, s.id::text AS row_id, {reason} AS reason, {notes}, {columns}
    FROM adoption_queue_{name} q JOIN source_{name} s ON s.id = q.id {joins}
    WHERE q.n > %(after)s AND q.n <= %(upto)s
), written AS (
    INSERT INTO public.{name} ({targets}) SELECT {targets} FROM batch WHERE reason IS NULL ORDER BY n
    ON CONFLICT DO NOTHING RETURNING id
), rejected AS (
    INSERT INTO adoption_rejected (table_name, row_id, reason)
    SELECT '{name}', left(row_id, 200), reason FROM batch WHERE reason IS NOT NULL
    UNION ALL
    SELECT '{name}', left(b.row_id, 200), {twice} FROM batch b
    WHERE b.reason IS NULL AND NOT EXISTS (SELECT FROM written w WHERE w.id = b.id)
    RETURNING reason
) {also}
SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM written),
       (SELECT jsonb_object_agg(reason, rows) FROM (SELECT reason, count(*) AS rows
           FROM rejected GROUP BY 1) r),
       (SELECT jsonb_strip_nulls(jsonb_build_object({counted})) FROM batch WHERE reason IS NULL)
"""

_WORD: Final = """
    LEFT JOIN adoption_words w_{name} ON w_{name}.field = '{field}'
        AND w_{name}.digest = md5(coalesce(s.{name}, ''))
"""

ADOPTED_TWICE: Final = "an id or a key that another row had"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One table. In expressions `s` is the source row; `w_<column>` is the word it holds, mapped.

    `reason` says why a row stays behind, NULL for most; `notes` are conditions that are worth counting.
    `also` is one more part of the statement, which may read `batch`.
    """

    name: str
    columns: Mapping[str, str]
    order: str = "s.created_at, s.id"
    words: Mapping[str, str] = field(default_factory=dict)
    joins: str = ""
    reason: str = "NULL::text"
    notes: Mapping[str, str] = field(default_factory=dict)
    also: str = ""


def bounded(column: str, default: str = "0") -> str:
    """A whole number that the column can hold and that is not negative."""
    return f"least(greatest(coalesce({column}, {default}), 0), 2147483647)::integer"


def queue_rows(connection: Connection[Any], name: str, order: str) -> None:
    connection.execute(sql.SQL(_QUEUE).format(name=sql.SQL(name), order=sql.SQL(order)))


def count_queue(connection: Connection[Any], name: str) -> int:
    row = connection.execute(
        sql.SQL("SELECT coalesce(max(n), 0) FROM adoption_queue_{}").format(sql.SQL(name))
    ).fetchone()
    return int(row[0]) if row else 0


def copy_batch(connection: Connection[Any], copy: Copy, *, after: int, upto: int, moment: datetime) -> Counts:
    row = connection.execute(_statement(copy), {"after": after, "upto": upto, "moment": moment}).fetchone()
    if row is None:
        raise TypeError("a SELECT of counts has one row")
    read, written, rejected, notes = row
    left = dict(rejected or {})
    if repeated := read - written - sum(left.values()):  # rows that share their id within the batch
        left[ADOPTED_TWICE] = left.get(ADOPTED_TWICE, 0) + repeated
    return {"read": read, "written": written, "rejected": left, "notes": notes}


def _statement(copy: Copy) -> sql.Composed:
    words = "".join(
        _WORD.replace("{name}", column).replace("{field}", name) for column, name in copy.words.items()
    )
    noted = [f"({condition}) AS note_{number}" for number, condition in enumerate(copy.notes.values())]
    counted = (
        f"'{note}', nullif(count(*) FILTER (WHERE note_{number}), 0)"
        for number, note in enumerate(copy.notes)
    )
    return sql.SQL(_BATCH).format(
        name=sql.SQL(copy.name),
        twice=sql.Literal(ADOPTED_TWICE),
        reason=sql.SQL(copy.reason),
        notes=sql.SQL(", ".join(noted) or "NULL AS note"),
        columns=sql.SQL(", ".join(f'{value} AS "{name}"' for name, value in copy.columns.items())),
        targets=sql.SQL(", ".join(f'"{name}"' for name in copy.columns)),
        joins=sql.SQL(copy.joins + words),
        also=sql.SQL(copy.also),
        counted=sql.SQL(", ".join(counted)),
    )
