"""The adoption's own record, in the schema that holds the original: what was asked, how far each step is.

A step's batch and its record are one transaction, so an adoption that was killed continues where the
record says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from tastemaker.db.access import HALF_ADOPTED

Counts = Mapping[str, Any]

_CREATE: Final = """
CREATE TABLE {schema}.adoption (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    options jsonb NOT NULL,
    report jsonb
);
CREATE TABLE {schema}.adoption_moved (
    kind text NOT NULL,
    name text NOT NULL,
    home text NOT NULL,
    owner text NOT NULL,
    forced boolean NOT NULL
);
CREATE TABLE {schema}.adoption_steps (
    name text PRIMARY KEY,
    total bigint,
    place bigint NOT NULL DEFAULT 0,
    done boolean NOT NULL DEFAULT false,
    counts jsonb NOT NULL DEFAULT '{{}}',
    seconds double precision NOT NULL DEFAULT 0
);
CREATE TABLE {schema}.adoption_rejected (
    table_name text NOT NULL,
    row_id text,
    reason text NOT NULL
);
COMMENT ON TABLE {schema}.adoption IS 'When this database was adopted, with which decisions, and the report.';
COMMENT ON TABLE {schema}.adoption_moved IS 'Owner and schema of each relation before it moved.';
COMMENT ON TABLE {schema}.adoption_steps IS 'How far each step came, and what it counted.';
COMMENT ON TABLE {schema}.adoption_rejected IS 'Rows of the original that stayed here only, and why.';
"""

_READ: Final = "SELECT started_at, finished_at, options, report FROM {schema}.adoption"

_STEP: Final = "SELECT total, place, done, counts FROM adoption_steps WHERE name = %(name)s"

_RECORD: Final = """
INSERT INTO adoption_steps (name, total, place, done, counts, seconds)
VALUES (%(name)s, %(total)s, %(place)s, %(done)s, %(counts)s, %(seconds)s)
ON CONFLICT (name) DO UPDATE
SET total = excluded.total, place = excluded.place, done = excluded.done, counts = excluded.counts,
    seconds = adoption_steps.seconds + excluded.seconds
"""


@dataclass(frozen=True, slots=True)
class Adoption:
    schema: str
    started_at: datetime
    finished_at: datetime | None
    options: Mapping[str, Any]
    report: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class StepProgress:
    total: int | None = None
    place: int = 0
    done: bool = False
    counts: Counts | None = None


def added(one: Counts, other: Counts) -> dict[str, Any]:
    """Number by number; a value that is no number is taken from `other`."""
    result = dict(one)
    for name, value in other.items():
        known = result.get(name)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            result[name] = added(known, value)
        elif isinstance(known, int) and isinstance(value, int):
            result[name] = known + value
        else:
            result[name] = value
    return result


def free_schema(connection: Connection[Any], wanted: str) -> str:
    """`wanted`, or it with the first number that is not taken."""
    rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'legacy%%'", {})
    taken = {row[0] for row in rows}
    names = (wanted if number == 1 else f"{wanted}_{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if not taken & {name, f"{name}_code"})


def create_ledger(
    connection: Connection[Any], schema: str, *, options: Mapping[str, Any], now: datetime
) -> None:
    name = sql.Identifier(schema)
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
    comment_on(connection, schema, f"The original product's database. {HALF_ADOPTED}")
    connection.execute(sql.SQL(_CREATE).format(schema=name))
    connection.execute(
        sql.SQL("INSERT INTO {}.adoption (started_at, options) VALUES (%(now)s, %(options)s)").format(name),
        {"now": now, "options": Jsonb(dict(options))},
    )


def comment_on(connection: Connection[Any], schema: str, comment: str) -> None:
    connection.execute(
        sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(schema), sql.Literal(comment))
    )


def give_to(connection: Connection[Any], schema: str, owner: str) -> None:
    for table in ("adoption", "adoption_moved", "adoption_steps", "adoption_rejected"):
        connection.execute(
            sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(schema, table), sql.Identifier(owner))
        )


def read_adoption(connection: Connection[Any], schema: str) -> Adoption:
    row = connection.execute(sql.SQL(_READ).format(schema=sql.Identifier(schema))).fetchone()
    if row is None:
        raise TypeError("the adoption's record is written with its table")
    return Adoption(schema, *row)


def read_step(connection: Connection[Any], name: str) -> StepProgress:
    row = connection.execute(_STEP, {"name": name}).fetchone()
    return StepProgress(*row) if row else StepProgress()


def read_counts(connection: Connection[Any]) -> dict[str, Mapping[str, Any]]:
    rows = connection.execute(
        "SELECT name, counts || jsonb_build_object('seconds', seconds) FROM adoption_steps"
    )
    return dict(rows.fetchall())


def record_step(
    connection: Connection[Any],
    name: str,
    *,
    before: StepProgress,
    total: int | None,
    place: int,
    done: bool,
    counts: Counts,
    seconds: float,
) -> StepProgress:
    """In the transaction of the work itself. `counts` are added to what was counted before."""
    progress = StepProgress(total, place, done, added(before.counts or {}, counts))
    connection.execute(
        _RECORD,
        {
            "name": name, "total": total, "place": place, "done": done,
            "counts": Jsonb(progress.counts), "seconds": seconds,
        },
    )  # fmt: skip
    return progress


def list_orphans(connection: Connection[Any], most: int = 100) -> list[str]:
    """Owners that had no user and got one."""
    rows = connection.execute(
        "SELECT user_id FROM adoption_people WHERE origin = 'orphans' ORDER BY n LIMIT %(most)s",
        {"most": most},
    )
    return [row[0] for row in rows]


def record_end(connection: Connection[Any], *, report: Mapping[str, Any], now: datetime) -> None:
    connection.execute(
        "UPDATE adoption SET finished_at = %(now)s, report = %(report)s",
        {"now": now, "report": Jsonb(dict(report))},
    )
