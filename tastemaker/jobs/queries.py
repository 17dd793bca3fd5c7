"""The queue's statements. Each is one round trip; times are the database's (`app_now()`).

A job that goes back to the queue while its successor waits there (the same `dedupe_key`) gives way to it and
is cancelled: one of a key waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, text

from tastemaker.core.ids import ExternalUserId, JobId
from tastemaker.db.enums import JobStatus
from tastemaker.db.transaction import Transaction
from tastemaker.events.queries import append_together
from tastemaker.jobs.types import ClaimedJob

ENQUEUE = text("""
    INSERT INTO background_jobs (job_type, payload, priority, max_retries, scheduled_for, waits_for,
                                 tenant_id, lock_key, dedupe_key, correlation_id)
    SELECT :job_type, CAST(:payload AS jsonb), :priority, :max_retries, due.at,
           CASE WHEN due.at > app_now() THEN 'time' END, :tenant_id, :lock_key, :dedupe_key, :correlation_id
    FROM (SELECT coalesce(CAST(:run_at AS timestamptz), app_now()) + make_interval(secs => :delay)) due (at)
    ON CONFLICT (dedupe_key) WHERE status = 'pending' DO NOTHING
    RETURNING id
""")


RENEW = text("""
    UPDATE background_jobs job SET lease_until = app_now() + make_interval(secs => :lease)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS integer[])) AS held (id, attempt)
    WHERE job.id = held.id AND job.attempt = held.attempt AND job.status = 'processing'
    RETURNING job.id
""")

COMPLETE = text("""
    UPDATE background_jobs job
    SET status = 'completed', completed_at = (SELECT app_now()), updated_at = (SELECT app_now()),
        error = NULL, lease_until = NULL, result = CAST(ended.result AS jsonb)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS integer[]), CAST(:results AS text[]))
         AS ended (id, attempt, result)
    WHERE job.id = ended.id AND job.attempt = ended.attempt AND job.status = 'processing'
    RETURNING job.id
""")

RECORD_COMPLETED = append_together("""EXISTS (
        SELECT FROM background_jobs job
        WHERE job.id = CAST(new.aggregate_id AS uuid) AND job.status = 'completed'
          AND job.attempt = CAST(CAST(new.event_data AS jsonb) ->> 'attempt' AS integer))""")
"""After COMPLETE in its transaction: the events of those that were still ours."""

SUCCESSOR_WAITS = """EXISTS (
        SELECT FROM background_jobs successor
        WHERE successor.status = 'pending' AND successor.dedupe_key = job.dedupe_key)"""

AGAIN = text(f"""
    UPDATE background_jobs job
    SET status = CASE WHEN {SUCCESSOR_WAITS} THEN 'cancelled' ELSE 'pending' END,
        scheduled_for = app_now() + make_interval(secs => :delay), lease_until = NULL, worker = NULL,
        waits_for = CASE WHEN :delay > 0 THEN 'time' END
    WHERE id = :id AND attempt = :attempt AND status = 'processing'
    RETURNING id
""")  # noqa: S608 - of this module's own words

FAIL = text(f"""
    UPDATE background_jobs job
    SET retry_count = retry_count + 1, error = :error, lease_until = NULL, worker = NULL,
        status = CASE WHEN retry_count >= max_retries OR :final THEN 'failed'
                      WHEN {SUCCESSOR_WAITS} THEN 'cancelled' ELSE 'pending' END,
        failed_at = CASE WHEN retry_count < max_retries AND NOT :final THEN NULL ELSE app_now() END,
        scheduled_for = app_now() + make_interval(secs => :delay),
        waits_for = CASE WHEN :delay > 0 THEN 'time' END
    WHERE id = :id AND attempt = :attempt AND status = 'processing'
    RETURNING status
""")  # noqa: S608 - of this module's own words

PROGRESSED = text("""
    UPDATE background_jobs SET retry_count = 0
    WHERE id = :id AND attempt = :attempt AND status = 'processing'
    RETURNING id
""")


HOLDS = text("""
    SELECT 1 FROM background_jobs WHERE id = :id AND attempt = :attempt AND status = 'processing'
""")


PROGRESS = text("""
    UPDATE background_jobs SET progress = least(100, greatest(0, :percent))
    WHERE id = :id AND attempt = :attempt AND status = 'processing'
""")

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
          SELECT other.id FROM background_jobs other
          WHERE other.status = 'failed' AND other.dedupe_key = job.dedupe_key ORDER BY other.id LIMIT 1))
    RETURNING id
""")

CANCEL = text("""
    UPDATE background_jobs
    SET status = 'cancelled', lease_until = NULL, worker = NULL, completed_at = app_now()
    WHERE id = :id AND status IN ('pending', 'processing')
    RETURNING id
""")


PRUNE = text("""
    WITH old AS (
        SELECT id FROM background_jobs
        WHERE status IN ('completed', 'failed', 'cancelled')
          AND updated_at < timezone('UTC', app_now()) - interval '1 day' * CASE status
              WHEN 'completed' THEN CAST(:completed AS float8) WHEN 'failed' THEN CAST(:failed AS float8)
              ELSE CAST(:cancelled AS float8) END
        ORDER BY updated_at LIMIT :batch
    ), gone AS (DELETE FROM background_jobs job USING old WHERE job.id = old.id RETURNING 1)
    SELECT count(*) FROM gone
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


async def enqueue(  # noqa: PLR0913 - everything beyond the payload is optional
    session: Transaction,
    job_type: str,
    payload: Mapping[str, Any],
    *,
    priority: int,
    max_retries: int,
    tenant_id: ExternalUserId | None = None,
    run_at: datetime | None = None,
    delay: float = 0.0,
    lock_key: str | None = None,
    dedupe_key: str | None = None,
    correlation_id: str | None = None,
) -> JobId | None:
    """Insert a job into the caller's transaction; None when one with that `dedupe_key` waits already."""
    row = await session.execute(
        ENQUEUE,
        {
            "job_type": job_type,
            "payload": orjson.dumps(payload).decode(),
            "priority": priority,
            "max_retries": max_retries,
            "run_at": run_at,
            "delay": delay,
            "tenant_id": tenant_id,
            "lock_key": lock_key,
            "dedupe_key": dedupe_key,
            "correlation_id": correlation_id,
        },
    )
    found = row.scalar_one_or_none()
    return JobId(found) if found else None


async def renew(session: Transaction, held: Sequence[ClaimedJob], *, lease: float) -> set[JobId]:
    """Prolong the leases of `held`; those missing from the answer are somebody else's by now."""
    rows = await session.execute(
        RENEW, {"ids": [job.id for job in held], "attempts": [job.attempt for job in held], "lease": lease}
    )
    return {JobId(row) for row in rows.scalars()}


async def complete(
    session: Transaction, ended: Sequence[tuple[ClaimedJob, Mapping[str, Any] | None]]
) -> set[JobId]:
    """Those that were still ours; nothing changed of the others."""
    rows = await session.execute(COMPLETE, complete_parameters(ended))
    return {JobId(row) for row in rows.scalars()}


def complete_parameters(ended: Sequence[tuple[ClaimedJob, Mapping[str, Any] | None]]) -> dict[str, list[Any]]:
    """The parameters of COMPLETE. Raises TypeError for a result that is not JSON."""
    return {
        "ids": [job.id for job, _ in ended],
        "attempts": [job.attempt for job, _ in ended],
        "results": [None if result is None else orjson.dumps(result).decode() for _, result in ended],
    }


async def again(session: Transaction, job: ClaimedJob, *, delay: float) -> bool:
    """Back to the queue, due after `delay`. False: it was not ours any more."""
    rows = await session.execute(AGAIN, {"id": job.id, "attempt": job.attempt, "delay": delay})
    return rows.first() is not None


async def fail(session: Transaction, job: ClaimedJob, *, error: str, delay: float, final: bool) -> str | None:
    """Count a failure: `pending` again after `delay` (or `cancelled`), or `failed` for good.

    None: not ours any more.
    """
    rows = await session.execute(
        FAIL, {"id": job.id, "attempt": job.attempt, "error": error, "delay": delay, "final": final}
    )
    return rows.scalar_one_or_none()


async def progressed(session: Transaction, job: ClaimedJob) -> bool:
    """A job that got ahead has not failed: forget its failures. False: it is not ours any more."""
    rows = await session.execute(PROGRESSED, {"id": job.id, "attempt": job.attempt})
    return rows.first() is not None


async def holds(session: Transaction, job: ClaimedJob) -> bool:
    """Whether the job is still in the hands of who claimed it so."""
    return await session.scalar(HOLDS, {"id": job.id, "attempt": job.attempt}) is not None


async def set_progress(session: Transaction, job: ClaimedJob, percent: float) -> None:
    """How far a long job is, from 0 to 100."""
    await session.execute(PROGRESS, {"id": job.id, "attempt": job.attempt, "percent": percent})


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


async def prune(
    session: Transaction, *, completed: float, failed: float, cancelled: float, batch: int
) -> int:
    """Delete jobs that ended longer ago than so many days; how many."""
    kept = {"completed": completed, "failed": failed, "cancelled": cancelled}
    return int(await session.scalar(PRUNE, {**kept, "batch": batch}) or 0)


def _job(row: RowMapping) -> StoredJob:
    return StoredJob(**{**row, "status": JobStatus(row["status"])})
