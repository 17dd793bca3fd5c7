"""The queue's statements. Each is one round trip; times are the database's (`app_now()`).

A job that goes back to the queue while its successor waits there (the same `dedupe_key`) gives way to it and
is cancelled: one of a key waits.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId, JobId
from tastemaker.jobs.types import ClaimedJob

PRESENCE_CLASS = 1413829453
"""First key of the advisory locks by which workers show that they are alive."""

ENQUEUE = text("""
    INSERT INTO background_jobs (job_type, payload, priority, max_retries, scheduled_for, tenant_id,
                                 lock_key, dedupe_key, correlation_id)
    VALUES (:job_type, CAST(:payload AS jsonb), :priority, :max_retries,
            coalesce(CAST(:run_at AS timestamptz), app_now()) + make_interval(secs => :delay), :tenant_id,
            :lock_key, :dedupe_key, :correlation_id)
    ON CONFLICT (dedupe_key) WHERE status = 'pending' DO NOTHING
    RETURNING id
""")

CLAIM = text("""
    WITH due AS (
        SELECT id, lock_key FROM background_jobs due
        WHERE status = 'pending' AND scheduled_for <= app_now() AND job_type = ANY(:job_types)
          AND (CAST(:only AS text[]) IS NULL OR correlation_id = ANY(CAST(:only AS text[])))
          AND (lock_key IS NULL OR NOT EXISTS (
              SELECT FROM background_jobs held
              WHERE held.status = 'processing' AND held.lock_key = due.lock_key))
        ORDER BY priority, scheduled_for
        LIMIT :batch
        FOR UPDATE OF due SKIP LOCKED
    ), free AS (
        SELECT DISTINCT ON (coalesce(lock_key, id::text)) id FROM due
    )
    UPDATE background_jobs job
    SET status = 'processing', attempt = job.attempt + 1, worker = :worker, started_at = app_now(),
        lease_until = app_now() + make_interval(secs => :lease)
    FROM free WHERE job.id = free.id
    RETURNING job.id, job.job_type, job.payload, job.attempt, job.retry_count, job.max_retries,
              job.tenant_id, job.correlation_id
""")

RENEW = text("""
    UPDATE background_jobs job SET lease_until = app_now() + make_interval(secs => :lease)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS integer[])) AS held (id, attempt)
    WHERE job.id = held.id AND job.attempt = held.attempt AND job.status = 'processing'
    RETURNING job.id
""")

COMPLETE = text("""
    UPDATE background_jobs
    SET status = 'completed', completed_at = app_now(), result = CAST(:result AS jsonb), error = NULL,
        lease_until = NULL
    WHERE id = :id AND attempt = :attempt AND status = 'processing'
    RETURNING id
""")

_SUCCESSOR_WAITS = """EXISTS (
        SELECT FROM background_jobs successor
        WHERE successor.status = 'pending' AND successor.dedupe_key = job.dedupe_key)"""

AGAIN = text(f"""
    UPDATE background_jobs job
    SET status = CASE WHEN {_SUCCESSOR_WAITS} THEN 'cancelled' ELSE 'pending' END,
        scheduled_for = app_now() + make_interval(secs => :delay), lease_until = NULL, worker = NULL
    WHERE id = :id AND attempt = :attempt AND status = 'processing'
    RETURNING id
""")  # noqa: S608 - of this module's own words

FAIL = text(f"""
    UPDATE background_jobs job
    SET retry_count = retry_count + 1, error = :error, lease_until = NULL, worker = NULL,
        status = CASE WHEN retry_count >= max_retries OR :final THEN 'failed'
                      WHEN {_SUCCESSOR_WAITS} THEN 'cancelled' ELSE 'pending' END,
        failed_at = CASE WHEN retry_count < max_retries AND NOT :final THEN NULL ELSE app_now() END,
        scheduled_for = app_now() + make_interval(secs => :delay)
    WHERE id = :id AND attempt = :attempt AND status = 'processing'
    RETURNING status
""")  # noqa: S608 - of this module's own words

RESCUE = text(f"""
    WITH lost AS (
        SELECT job.id, job.dedupe_key, job.retry_count >= job.max_retries AS is_spent
        FROM background_jobs job
        WHERE job.status = 'processing' AND job.job_type = ANY(:job_types)
          AND (CAST(:of AS text) IS NULL OR job.correlation_id = :of) AND (
            job.lease_until < app_now()
            OR (job.lease_until < app_now() + make_interval(secs => :lease - :grace)
                AND job.worker IS NOT NULL AND NOT EXISTS (
                    SELECT FROM pg_locks held
                    WHERE held.locktype = 'advisory' AND held.classid = :presence_class AND held.objsubid = 2
                      AND held.objid::bigint = hashtext(job.worker)::bigint & 4294967295
                      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database()))))
        FOR UPDATE SKIP LOCKED
    ), placed AS (
        SELECT id, is_spent,
               row_number() OVER (PARTITION BY coalesce(dedupe_key, id::text) ORDER BY is_spent, id) AS place
        FROM lost
    )
    UPDATE background_jobs job
    SET retry_count = retry_count + 1, lease_until = NULL, worker = NULL,
        error = 'The worker died while it held the job.', scheduled_for = app_now(),
        status = CASE WHEN is_spent THEN 'failed'
                      WHEN place > 1 OR {_SUCCESSOR_WAITS} THEN 'cancelled' ELSE 'pending' END,
        failed_at = CASE WHEN is_spent THEN app_now() END
    FROM placed WHERE job.id = placed.id
    RETURNING job.id, job.job_type, job.status, job.payload
""")  # noqa: S608 - of this module's own words

PROGRESSED = text("""
    UPDATE background_jobs SET retry_count = 0
    WHERE id = :id AND attempt = :attempt AND status = 'processing'
    RETURNING id
""")


HOLDS = text("""
    SELECT 1 FROM background_jobs WHERE id = :id AND attempt = :attempt AND status = 'processing'
""")


async def enqueue(  # noqa: PLR0913 - everything beyond the payload is optional
    session: AsyncSession,
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


async def claim(
    session: AsyncSession,
    *,
    worker: str | None,
    job_types: Sequence[str],
    batch: int,
    lease: float,
    only: Collection[str] | None = None,
) -> list[ClaimedJob]:
    """Take up to `batch` due jobs, most urgent first. Counted as an attempt before anything runs.

    `worker` is the name under which it shows its presence; without one only the lease tells of its death.
    `only`: the correlation ids whose jobs may be taken; None is every one.
    """
    rows = await session.execute(
        CLAIM,
        {
            "worker": worker,
            "job_types": list(job_types),
            "batch": batch,
            "lease": lease,
            "only": None if only is None else list(only),
        },
    )
    return [_claimed(row) for row in rows.mappings()]


async def renew(session: AsyncSession, held: Sequence[ClaimedJob], *, lease: float) -> set[JobId]:
    """Prolong the leases of `held`; those missing from the answer are somebody else's by now."""
    rows = await session.execute(
        RENEW, {"ids": [job.id for job in held], "attempts": [job.attempt for job in held], "lease": lease}
    )
    return {JobId(row) for row in rows.scalars()}


async def complete(session: AsyncSession, job: ClaimedJob, result: Mapping[str, Any] | None) -> bool:
    """False: the job was not ours any more, and nothing changed."""
    body = None if result is None else orjson.dumps(result).decode()
    rows = await session.execute(COMPLETE, {"id": job.id, "attempt": job.attempt, "result": body})
    return rows.first() is not None


async def again(session: AsyncSession, job: ClaimedJob, *, delay: float) -> bool:
    """Back to the queue, due after `delay`. False: it was not ours any more."""
    rows = await session.execute(AGAIN, {"id": job.id, "attempt": job.attempt, "delay": delay})
    return rows.first() is not None


async def fail(
    session: AsyncSession, job: ClaimedJob, *, error: str, delay: float, final: bool
) -> str | None:
    """Count a failure: `pending` again after `delay` (or `cancelled`), or `failed` for good.

    None: not ours any more.
    """
    rows = await session.execute(
        FAIL, {"id": job.id, "attempt": job.attempt, "error": error, "delay": delay, "final": final}
    )
    return rows.scalar_one_or_none()


async def rescue(
    session: AsyncSession,
    *,
    job_types: Sequence[str],
    lease: float,
    grace: float,
    correlation_id: str | None = None,
) -> Sequence[RowMapping]:
    """Hand back what dead workers hold: their lease ran out, or they have shown no presence for `grace`.

    Only of types that the caller knows: whoever gives a job up has to tell its owner.
    """
    rows = await session.execute(
        RESCUE,
        {
            "job_types": list(job_types),
            "lease": lease,
            "grace": grace,
            "presence_class": PRESENCE_CLASS,
            "of": correlation_id,
        },
    )
    return rows.mappings().all()


async def progressed(session: AsyncSession, job: ClaimedJob) -> bool:
    """A job that got ahead has not failed: forget its failures. False: it is not ours any more."""
    rows = await session.execute(PROGRESSED, {"id": job.id, "attempt": job.attempt})
    return rows.first() is not None


async def holds(session: AsyncSession, job: ClaimedJob) -> bool:
    """Whether the job is still in the hands of who claimed it so."""
    return await session.scalar(HOLDS, {"id": job.id, "attempt": job.attempt}) is not None


def _claimed(row: RowMapping) -> ClaimedJob:
    return ClaimedJob(
        id=JobId(row["id"]),
        job_type=row["job_type"],
        payload=row["payload"],
        attempt=row["attempt"],
        retry_count=row["retry_count"],
        max_retries=row["max_retries"],
        tenant_id=row["tenant_id"],
        correlation_id=row["correlation_id"],
    )
