"""The record of migrations in the database: Alembic's version, and when each step was taken."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection, text

TABLES: Final = ("alembic_version", "schema_migrations_applied")

_CREATE: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations_applied (
    version text CONSTRAINT schema_migrations_applied_pkey PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    seconds double precision NOT NULL,
    report jsonb
);
COMMENT ON TABLE schema_migrations_applied IS 'The steps of the schema history that this database took.';
COMMENT ON COLUMN schema_migrations_applied.version IS 'The number of the step.';
COMMENT ON COLUMN schema_migrations_applied.name IS 'The name of its file.';
COMMENT ON COLUMN schema_migrations_applied.applied_at IS 'When it was done, by the server''s clock.';
COMMENT ON COLUMN schema_migrations_applied.seconds IS 'How long its transaction took until then.';
COMMENT ON COLUMN schema_migrations_applied.report IS 'What a data migration counted and mapped.';
CREATE TABLE IF NOT EXISTS alembic_version (
    version_num varchar(32) CONSTRAINT alembic_version_pkc PRIMARY KEY
);
COMMENT ON TABLE alembic_version IS 'The step of the schema history at which this database is.';
COMMENT ON COLUMN alembic_version.version_num IS 'Its number.';
"""

_RECORD: Final = """
INSERT INTO schema_migrations_applied (version, name, seconds, report)
SELECT :version, :name, extract(epoch FROM clock_timestamp() - transaction_timestamp()),
       nullif(current_setting('tastemaker.migration_report', true), '')::jsonb
ON CONFLICT (version) DO UPDATE
SET name = excluded.name, applied_at = excluded.applied_at, seconds = excluded.seconds,
    report = excluded.report
"""


@dataclass(frozen=True, slots=True)
class Record:
    at: datetime | None
    report: Mapping[str, Any] | None


NOT_APPLIED: Final = Record(None, None)


def create_ledger(connection: Connection) -> None:
    connection.exec_driver_sql(_CREATE)


def record_step(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
) -> None:
    """Called by Alembic in the step's own transaction, so that a step and its record are one."""
    del heads, run_args
    connection, script = ctx.connection, ctx.script
    number = step.up_revision_id
    if connection is None or script is None or number is None:
        raise TypeError("a step is recorded on a connection, by its number")
    name = Path(script.get_revision(number).path).stem
    connection.execute(text(_RECORD), {"version": number, "name": name})


def has_ledger(connection: Connection) -> bool:
    both = " AND ".join(f"to_regclass('public.{table}') IS NOT NULL" for table in TABLES)
    return bool(connection.exec_driver_sql(f"SELECT {both}").scalar_one())


def version_of(connection: Connection) -> str | None:
    """The number of the last step taken; None before the first."""
    if not has_ledger(connection):
        return None
    number = connection.exec_driver_sql("SELECT max(version_num) FROM public.alembic_version").scalar()
    return str(number) if number is not None else None


def applied_steps(connection: Connection) -> dict[str, Record]:
    if not has_ledger(connection):
        return {}
    rows = connection.exec_driver_sql(
        "SELECT version, applied_at, report FROM public.schema_migrations_applied"
    )
    return {version: Record(at, report) for version, at, report in rows}
