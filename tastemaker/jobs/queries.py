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

from tastemaker.core.ids import ExternalUserId, JobId
from tastemaker.db.enums import JobStatus
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.events.queries import append_together
from tastemaker.jobs.types import ClaimedJob


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


ENQUEUE = statement(
    """
    INSERT INTO background_jobs (job_type, payload, priority, max_retries, scheduled_for, waits_for,
                                 tenant_id, lock_key, dedupe_key, correlation_id)
    SELECT %(job_type)s, CAST(%(payload)s AS jsonb), %(priority)s, %(max_retries)s, due.at,
           CASE WHEN due.at > app_now() THEN 'time' END, %(tenant_id)s, %(lock_key)s, %(dedupe_key)s,
           %(correlation_id)s
    FROM (SELECT coalesce(CAST(%(run_at)s AS timestamptz), app_now())
                 + make_interval(secs => %(delay)s)) due (at)
    ON CONFLICT (dedupe_key) WHERE status = 'pending' DO NOTHING
    RETURNING id
""",
    JobId,
)


RENEW = statement(
    """
    UPDATE background_jobs job SET lease_until = app_now() + make_interval(secs => %(lease)s)
    FROM unnest(CAST(%(ids)s AS uuid[]), CAST(%(attempts)s AS integer[])) AS held (id, attempt)
    WHERE job.id = held.id AND job.attempt = held.attempt AND job.status = 'processing'
    RETURNING job.id
""",
    JobId,
)

COMPLETE = statement(
    """
    UPDATE background_jobs job
    SET status = 'completed', completed_at = (SELECT app_now()), updated_at = (SELECT app_now()),
        error = NULL, lease_until = NULL, result = CAST(ended.result AS jsonb)
    FROM unnest(CAST(%(ids)s AS uuid[]), CAST(%(attempts)s AS integer[]), CAST(%(results)s AS text[]))
         AS ended (id, attempt, result)
    WHERE job.id = ended.id AND job.attempt = ended.attempt AND job.status = 'processing'
    RETURNING job.id
""",
    JobId,
)

RECORD_COMPLETED = statement(
    append_together("""EXISTS (
        SELECT FROM background_jobs job
        WHERE job.id = CAST(new.aggregate_id AS uuid) AND job.status = 'completed'
          AND job.attempt = CAST(CAST(new.event_data AS jsonb) ->> 'attempt' AS integer))"""),
    UUID,
)
"""After COMPLETE in its transaction: the events of those that were still ours."""

SUCCESSOR_WAITS = """EXISTS (
        SELECT FROM background_jobs successor
        WHERE successor.status = 'pending' AND successor.dedupe_key = job.dedupe_key)"""

AGAIN = statement(
    f"""
    UPDATE background_jobs job
    SET status = CASE WHEN {SUCCESSOR_WAITS} THEN 'cancelled' ELSE 'pending' END,
        scheduled_for = app_now() + make_interval(secs => %(delay)s), lease_until = NULL, worker = NULL,
        waits_for = CASE WHEN %(delay)s > 0 THEN 'time' END
    WHERE id = %(id)s AND attempt = %(attempt)s AND status = 'processing'
    RETURNING id
""",  # noqa: S608 - of this module's own words
    JobId,
)

FAIL = statement(
    f"""
    UPDATE background_jobs job
    SET retry_count = retry_count + 1, error = %(error)s, lease_until = NULL, worker = NULL,
        status = CASE WHEN retry_count >= max_retries OR %(final)s THEN 'failed'
                      WHEN {SUCCESSOR_WAITS} THEN 'cancelled' ELSE 'pending' END,
        failed_at = CASE WHEN retry_count < max_retries AND NOT %(final)s THEN NULL ELSE app_now() END,
        scheduled_for = app_now() + make_interval(secs => %(delay)s),
        waits_for = CASE WHEN %(delay)s > 0 THEN 'time' END
    WHERE id = %(id)s AND attempt = %(attempt)s AND status = 'processing'
    RETURNING status
""",  # noqa: S608 - of this module's own words
    str,
)

PROGRESSED = statement(
    """
    UPDATE background_jobs SET retry_count = 0
    WHERE id = %(id)s AND attempt = %(attempt)s AND status = 'processing'
    RETURNING id
""",
    JobId,
)


HOLDS = statement(
    """
    SELECT 1 FROM background_jobs WHERE id = %(id)s AND attempt = %(attempt)s AND status = 'processing'
""",
    int,
    not_null="?column?",
)


PROGRESS = statement("""
    UPDATE background_jobs SET progress = least(100, greatest(0, CAST(%(percent)s AS float8)))
    WHERE id = %(id)s AND attempt = %(attempt)s AND status = 'processing'
""")

_COLUMNS = """id, job_type, status, priority, attempt, retry_count, max_retries, progress, scheduled_for,
           waits_for, started_at, completed_at, failed_at, created_at, left(error, 2000) AS error,
           tenant_id, correlation_id, worker, payload, result"""

LIST = statement(
    f"""
    SELECT {_COLUMNS} FROM background_jobs
    WHERE (CAST(%(status)s AS text) IS NULL OR status = %(status)s)
      AND (CAST(%(job_type)s AS text) IS NULL OR job_type = %(job_type)s)
    ORDER BY created_at DESC, id LIMIT %(limit)s
""",  # noqa: S608 - of this module's own words
    StoredJob,
)

LIST_WAITING = statement(
    f"""
    SELECT {_COLUMNS} FROM background_jobs
    WHERE status = 'pending' AND (CAST(%(job_type)s AS text) IS NULL OR job_type = %(job_type)s)
    ORDER BY priority, scheduled_for LIMIT %(limit)s
""",  # noqa: S608 - of this module's own words
    StoredJob,
)

FIND = statement(
    f"SELECT {_COLUMNS} FROM background_jobs WHERE id::text LIKE %(prefix)s || '%%' LIMIT 2",  # noqa: S608 - the same
    StoredJob,
)

RETRY = statement(
    """
    UPDATE background_jobs job
    SET status = 'pending', retry_count = 0, failed_at = NULL, error = NULL, scheduled_for = app_now(),
        waits_for = NULL
    WHERE status = 'failed' AND (CAST(%(id)s AS uuid) IS NULL OR id = %(id)s)
      AND (CAST(%(job_type)s AS text) IS NULL OR job_type = %(job_type)s)
      AND NOT EXISTS (SELECT FROM background_jobs waiting
                      WHERE waiting.status = 'pending' AND waiting.dedupe_key = job.dedupe_key)
      AND (dedupe_key IS NULL OR id = (
          SELECT other.id FROM background_jobs other
          WHERE other.status = 'failed' AND other.dedupe_key = job.dedupe_key ORDER BY other.id LIMIT 1))
    RETURNING id
""",
    JobId,
)

CANCEL = statement(
    """
    UPDATE background_jobs
    SET status = 'cancelled', lease_until = NULL, worker = NULL, completed_at = app_now()
    WHERE id = %(id)s AND status IN ('pending', 'processing')
    RETURNING id
""",
    JobId,
)


PRUNE = statement(
    """
    WITH old AS (
        SELECT id FROM background_jobs
        WHERE status IN ('completed', 'failed', 'cancelled')
          AND updated_at < timezone('UTC', app_now()) - interval '1 day' * CASE status
              WHEN 'completed' THEN CAST(%(completed)s AS float8)
              WHEN 'failed' THEN CAST(%(failed)s AS float8)
              ELSE CAST(%(cancelled)s AS float8) END
        ORDER BY updated_at LIMIT %(batch)s
    ), gone AS (DELETE FROM background_jobs job USING old WHERE job.id = old.id RETURNING 1)
    SELECT count(*) FROM gone
""",
    int,
    not_null="count",
)


async def enqueue(  # noqa: PLR0913 - everything beyond the payload is optional
    tx: Transaction,
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
    return await tx.one(
        ENQUEUE,
        job_type=job_type,
        payload=orjson.dumps(payload).decode(),
        priority=priority,
        max_retries=max_retries,
        run_at=run_at,
        delay=delay,
        tenant_id=tenant_id,
        lock_key=lock_key,
        dedupe_key=dedupe_key,
        correlation_id=correlation_id,
    )


async def renew(tx: Transaction, held: Sequence[ClaimedJob], *, lease: float) -> set[JobId]:
    """Prolong the leases of `held`; those missing from the answer are somebody else's by now."""
    ids, attempts = [job.id for job in held], [job.attempt for job in held]
    return set(await tx.many(RENEW, ids=ids, attempts=attempts, lease=lease))


async def complete(
    tx: Transaction, ended: Sequence[tuple[ClaimedJob, Mapping[str, Any] | None]]
) -> set[JobId]:
    """Those that were still ours; nothing changed of the others."""
    return set(await tx.many(COMPLETE, **complete_parameters(ended)))


def complete_parameters(ended: Sequence[tuple[ClaimedJob, Mapping[str, Any] | None]]) -> dict[str, list[Any]]:
    """The parameters of COMPLETE. Raises TypeError for a result that is not JSON."""
    return {
        "ids": [job.id for job, _ in ended],
        "attempts": [job.attempt for job, _ in ended],
        "results": [None if result is None else orjson.dumps(result).decode() for _, result in ended],
    }


async def again(tx: Transaction, job: ClaimedJob, *, delay: float) -> bool:
    """Back to the queue, due after `delay`. False: it was not ours any more."""
    return await tx.one(AGAIN, id=job.id, attempt=job.attempt, delay=delay) is not None


async def fail(tx: Transaction, job: ClaimedJob, *, error: str, delay: float, final: bool) -> str | None:
    """Count a failure: `pending` again after `delay` (or `cancelled`), or `failed` for good.

    None: not ours any more.
    """
    return await tx.one(FAIL, id=job.id, attempt=job.attempt, error=error, delay=delay, final=final)


async def progressed(tx: Transaction, job: ClaimedJob) -> bool:
    """A job that got ahead has not failed: forget its failures. False: it is not ours any more."""
    return await tx.one(PROGRESSED, id=job.id, attempt=job.attempt) is not None


async def holds(tx: Transaction, job: ClaimedJob) -> bool:
    """Whether the job is still in the hands of who claimed it so."""
    return await tx.one(HOLDS, id=job.id, attempt=job.attempt) is not None


async def set_progress(tx: Transaction, job: ClaimedJob, percent: float) -> None:
    """How far a long job is, from 0 to 100."""
    await tx.run(PROGRESS, id=job.id, attempt=job.attempt, percent=percent)


async def list_jobs(
    tx: Transaction, *, status: JobStatus | None, job_type: str | None, limit: int
) -> list[StoredJob]:
    """The newest first, but what waits in the order in which it goes. `failed` is the dead-letter view."""
    if status is JobStatus.PENDING:
        return await tx.many(LIST_WAITING, job_type=job_type, limit=limit)
    return await tx.many(LIST, status=status, job_type=job_type, limit=limit)


async def list_jobs_by_prefix(tx: Transaction, prefix: str) -> list[StoredJob]:
    """At most two: enough to know whether the start of an id says which one is meant."""
    return await tx.many(FIND, prefix=prefix)


async def retry_failed(tx: Transaction, *, job_id: UUID | None, job_type: str | None) -> int:
    """Put jobs that were given up back into the queue, with all their attempts; how many.

    One whose key is waiting already stays where it is: its work will be done.
    """
    return len(await tx.many(RETRY, id=job_id, job_type=job_type))


async def cancel_job(tx: Transaction, job_id: UUID) -> bool:
    """False: it had ended. One that runs is stopped by its worker's next heartbeat, and settles nothing."""
    return await tx.one(CANCEL, id=job_id) is not None


async def prune(tx: Transaction, *, completed: float, failed: float, cancelled: float, batch: int) -> int:
    """Delete jobs that ended longer ago than so many days; how many."""
    return await tx.only(PRUNE, completed=completed, failed=failed, cancelled=cancelled, batch=batch)
