"""The queue's statements. Each is one round trip; times are the database's (`app_now()`).

A job that goes back to the queue while its successor waits there (the same `dedupe_key`) gives way to it and
is cancelled: one of a key waits.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from tastemaker.core.ids import ExternalUserId, JobId
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

TELL_COMPLETED = append_together("""EXISTS (
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
    rows = await session.execute(COMPLETE, ends(ended))
    return {JobId(row) for row in rows.scalars()}


def ends(ended: Sequence[tuple[ClaimedJob, Mapping[str, Any] | None]]) -> dict[str, list[Any]]:
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
