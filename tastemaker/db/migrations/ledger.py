"""What a database says about its own history: Alembic's version and, beside it, when each step was applied."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, MigrationInfo
    from sqlalchemy import Connection

TABLES = ("alembic_version", "schema_migrations_applied")

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations_applied (
    version text CONSTRAINT schema_migrations_applied_pkey PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz DEFAULT clock_timestamp() NOT NULL,
    seconds double precision NOT NULL,
    report jsonb
);
COMMENT ON TABLE schema_migrations_applied IS 'When each step of the schema history was applied, how long it took and what it found.';
COMMENT ON COLUMN schema_migrations_applied.version IS 'The number of the step, as in alembic_version.';
COMMENT ON COLUMN schema_migrations_applied.name IS 'The name of the step''s file.';
COMMENT ON COLUMN schema_migrations_applied.applied_at IS 'When its transaction ended, by the server''s clock.';
COMMENT ON COLUMN schema_migrations_applied.seconds IS 'How long its transaction took until then.';
COMMENT ON COLUMN schema_migrations_applied.report IS 'What a data migration counted and mapped; NULL for the others.';
CREATE TABLE IF NOT EXISTS alembic_version (
    version_num varchar(32) CONSTRAINT alembic_version_pkc PRIMARY KEY
);
COMMENT ON TABLE alembic_version IS 'The step of the schema history at which this database is.';
COMMENT ON COLUMN alembic_version.version_num IS 'Its number.';
"""

_RECORD = """
INSERT INTO schema_migrations_applied (version, name, seconds, report)
SELECT :version, :name, extract(epoch FROM clock_timestamp() - transaction_timestamp()),
       nullif(current_setting('tastemaker.migration_report', true), '')::jsonb
ON CONFLICT (version) DO UPDATE
SET name = excluded.name, applied_at = clock_timestamp(), seconds = excluded.seconds, report = excluded.report
"""


@dataclass(frozen=True, slots=True)
class Applied:
    at: datetime
    report: Mapping[str, Any] | None


def create_ledger(connection: "Connection") -> None:
    connection.exec_driver_sql(_CREATE)


def record_step(*, ctx: "MigrationContext", step: "MigrationInfo", **_: object) -> None:
    """Called by Alembic in the step's own transaction, so that a step and its record are one."""
    from sqlalchemy import text

    revision = step.up_revision
    if ctx.connection is None or revision is None:
        return
    name = revision.path.removesuffix(".py").replace("\\", "/").rsplit("/", 1)[-1]
    ctx.connection.execute(text(_RECORD), {"version": revision.revision, "name": name})


def has_ledger(connection: "Connection") -> bool:
    sql = f"SELECT {' AND '.join(f'to_regclass($q$public.{t}$q$) IS NOT NULL' for t in TABLES)}"
    return bool(connection.exec_driver_sql(sql).scalar_one())


def version_of(connection: "Connection") -> str | None:
    """The number of the last applied step; None before the first."""
    if not has_ledger(connection):
        return None
    found: str | None = connection.exec_driver_sql(
        "SELECT max(version_num) FROM public.alembic_version"
    ).scalar()
    return found


def applied_steps(connection: "Connection") -> dict[str, Applied]:
    if not has_ledger(connection):
        return {}
    rows = connection.exec_driver_sql(
        "SELECT version, applied_at, report FROM public.schema_migrations_applied"
    )
    return {version: Applied(at, report) for version, at, report in rows}
