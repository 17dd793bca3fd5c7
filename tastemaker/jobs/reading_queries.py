"""Looking at the queue, and the operator's hand on it: over all tenants, by the system's claim."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text

from tastemaker.db.enums import JobStatus
from tastemaker.db.transaction import Transaction

_COLUMNS = """id, job_type, status, priority, attempt, retry_count, max_retries, progress, scheduled_for,
           waits_for, started_at, completed_at, failed_at, created_at, error, tenant_id, correlation_id,
           worker, payload, result"""

LIST = text(f"""
    SELECT {_COLUMNS} FROM background_jobs
    WHERE (CAST(:status AS text) IS NULL OR status = :status)
      AND (CAST(:job_type AS text) IS NULL OR job_type = :job_type)
    ORDER BY created_at DESC, id LIMIT :limit
""")  # noqa: S608 - of this module's own words

LIST_WAITING = text(f"""
    SELECT {_COLUMNS} FROM background_jobs
    WHERE status = 'pending' AND (CAST(:job_type AS text) IS NULL OR job_type = :job_type)
    ORDER BY priority, scheduled_for LIMIT :limit
""")  # noqa: S608 - of this module's own words

FIND = text(f"SELECT {_COLUMNS} FROM background_jobs WHERE id::text LIKE :prefix || '%' LIMIT 2")  # noqa: S608 - the same

RETRY = text("""
    UPDATE background_jobs job
    SET status = 'pending', retry_count = 0, failed_at = NULL, error = NULL, scheduled_for = app_now(),
        waits_for = NULL
    WHERE status = 'failed' AND (CAST(:id AS uuid) IS NULL OR id = :id)
      AND (CAST(:job_type AS text) IS NULL OR job_type = :job_type)
      AND NOT EXISTS (SELECT FROM background_jobs waiting
                      WHERE waiting.status = 'pending' AND waiting.dedupe_key = job.dedupe_key)
      AND (dedupe_key IS NULL OR id = (
          SELECT twin.id FROM background_jobs twin
          WHERE twin.status = 'failed' AND twin.dedupe_key = job.dedupe_key ORDER BY twin.id LIMIT 1))
    RETURNING id
""")

CANCEL = text("""
    UPDATE background_jobs
    SET status = 'cancelled', lease_until = NULL, worker = NULL, completed_at = app_now()
    WHERE id = :id AND status IN ('pending', 'processing')
    RETURNING id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredJob:
    """A job as its row says. `progress` is 0 to 100, None where the job does not say."""

    id: UUID
    job_type: str
    status: JobStatus
    priority: int
    attempt: int
    retry_count: int
    max_retries: int
    progress: float | None
    scheduled_for: datetime
    waits_for: str | None
    started_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    created_at: datetime
    error: str | None
    tenant_id: str | None
    correlation_id: str | None
    worker: str | None
    payload: Mapping[str, Any]
    result: Mapping[str, Any] | None


async def list_jobs(
    session: Transaction, *, status: JobStatus | None, job_type: str | None, limit: int
) -> list[StoredJob]:
    """The newest first, but what waits in the order in which it goes. `failed` is the dead-letter view."""
    if status is JobStatus.PENDING:
        rows = await session.execute(LIST_WAITING, {"job_type": job_type, "limit": limit})
    else:
        rows = await session.execute(LIST, {"status": status, "job_type": job_type, "limit": limit})
    return [_job(row) for row in rows.mappings()]


async def list_jobs_by_prefix(session: Transaction, prefix: str) -> list[StoredJob]:
    """At most two: enough to know whether the start of an id says which one is meant."""
    return [_job(row) for row in (await session.execute(FIND, {"prefix": prefix})).mappings()]


async def retry_failed(session: Transaction, *, job_id: UUID | None, job_type: str | None) -> int:
    """Put jobs that were given up back into the queue, with all their attempts; how many.

    One whose key is waiting already stays where it is: its work will be done.
    """
    return len((await session.execute(RETRY, {"id": job_id, "job_type": job_type})).all())


async def cancel_job(session: Transaction, job_id: UUID) -> bool:
    """False: it had ended. One that runs is stopped by its worker's next heartbeat, and settles nothing."""
    return (await session.execute(CANCEL, {"id": job_id})).first() is not None


def _job(row: RowMapping) -> StoredJob:
    return StoredJob(**{**row, "status": JobStatus(row["status"])})
