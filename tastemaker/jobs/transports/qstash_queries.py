"""The ledger's statements for deliveries from outside. Times are the database's (`app_now()`).

A delivery is for one job at one attempt: who comes for an attempt that has begun finds nothing to do. Its
key, by which the outbox and QStash tell it from others, is the job's id, attempt and time.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import orjson

from tastemaker.core.ids import JobId
from tastemaker.db.enums import JobStatus
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.jobs.types import ClaimedJob

HORIZON_SECONDS = 3600.0
"""What is due later than that stays here for the time being: it may still be cancelled or hurried."""

LONGEST_LINE = 10_000
"""How far back in the line users are looked for who have no message out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclaimedJob:
    """A job that could not be claimed, and why."""

    job_type: str
    status: JobStatus
    attempt: int
    is_early: bool
    is_held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeliveredJob(ClaimedJob):
    """A job that QStash could not deliver. Its status is failed where that was its last retry."""

    status: JobStatus


_KEY = "job.id || '.' || job.attempt || '.' || CAST(extract(epoch FROM job.scheduled_for) * 1000 AS bigint)"
_IS_HELD = """EXISTS (SELECT FROM background_jobs held
            WHERE held.status = 'processing' AND held.lock_key = job.lock_key)"""

_WINDOW = """(SELECT id FROM background_jobs
         WHERE status = 'pending' AND waits_for IS NULL AND job_type = ANY(%(job_types)s)
         ORDER BY priority, scheduled_for, id LIMIT %(window)s)"""

ANNOUNCE = statement(f"""
    WITH chosen AS (
        {_WINDOW}
        UNION
        (SELECT id FROM background_jobs
         WHERE status = 'pending' AND waits_for = 'time' AND job_type = ANY(%(job_types)s)
           AND scheduled_for < app_now() + make_interval(secs => {HORIZON_SECONDS})
         ORDER BY scheduled_for LIMIT %(window)s)
        UNION
        (SELECT DISTINCT ON (line.tenant_id) line.id FROM (
             SELECT id, tenant_id, row_number() OVER (ORDER BY priority, scheduled_for, id) AS place
             FROM background_jobs
             WHERE status = 'pending' AND waits_for IS NULL AND job_type = ANY(%(job_types)s)
             ORDER BY priority, scheduled_for, id LIMIT {LONGEST_LINE}) line
         ORDER BY line.tenant_id, line.place)
    )
    INSERT INTO outbox_messages (channel, body, dedupe_key, tenant_id, available_at, created_at)
    SELECT 'qstash',
           jsonb_build_object('job_id', job.id, 'attempt', job.attempt,
                              'callback', CAST(%(callbacks)s AS jsonb) ->> job.job_type,
                              'not_before', CASE WHEN job.scheduled_for > app_now() THEN
                                  CAST(ceil(extract(epoch FROM job.scheduled_for)) AS bigint) END),
           {_KEY}, job.tenant_id, app_now() + make_interval(secs => coalesce(
               CASE WHEN job.attempt > 0 AND job.job_type = 'continue_run' THEN CAST(
                   CAST(%(pauses)s AS jsonb) ->> (job.payload ->> 'platform') AS double precision) END, 0)),
           app_now()
    FROM background_jobs job
    WHERE job.id = ANY (ARRAY(SELECT id FROM chosen)) AND job.status = 'pending' AND NOT EXISTS (
        SELECT FROM outbox_messages known WHERE known.channel = 'qstash' AND known.dedupe_key = {_KEY})
    ORDER BY job.priority, job.scheduled_for, job.id
    ON CONFLICT (channel, dedupe_key) DO NOTHING
""")  # noqa: S608 - of this module's own words
"""The first in line, what is due soon, and the first of each user whom others' thousands would hold up."""

CLAIM = statement(
    f"""
    UPDATE background_jobs job
    SET status = 'processing', attempt = job.attempt + 1, worker = %(worker)s, started_at = app_now(),
        waits_for = NULL, lease_until = app_now() + make_interval(secs => %(lease)s)
    WHERE job.id = %(id)s AND job.attempt = %(attempt)s AND job.status = 'pending'
      AND job.scheduled_for <= app_now() AND job.job_type = ANY(%(job_types)s)
      AND (job.lock_key IS NULL OR NOT {_IS_HELD})
    RETURNING job.id, job.job_type, job.payload, job.attempt, job.retry_count, job.max_retries, job.tenant_id,
              job.correlation_id
""",  # noqa: S608 - of this module's own words
    ClaimedJob,
)

FIND_UNCLAIMED = statement(
    f"""
    SELECT job.job_type, job.status, job.attempt, job.scheduled_for > app_now() AS is_early,
           {_IS_HELD} AS is_held
    FROM background_jobs job WHERE job.id = %(id)s
""",  # noqa: S608 - of this module's own words
    UnclaimedJob,
    not_null="is_held is_early",
)

POSTPONE = statement("""
    UPDATE background_jobs SET scheduled_for = app_now() + make_interval(secs => %(delay)s),
        waits_for = 'time'
    WHERE id = %(id)s AND attempt = %(attempt)s AND status = 'pending'
""")

FAIL_DELIVERY = statement(
    """
    UPDATE background_jobs
    SET retry_count = retry_count + 1, error = %(error)s,
        status = CASE WHEN retry_count >= max_retries THEN 'failed' ELSE 'pending' END,
        failed_at = CASE WHEN retry_count >= max_retries THEN app_now() END,
        waits_for = CASE WHEN retry_count >= max_retries THEN NULL ELSE 'time' END,
        scheduled_for = app_now() + make_interval(secs => %(delay)s)
    WHERE id = %(id)s AND attempt = %(attempt)s AND status = 'pending'
    RETURNING id, job_type, status, payload, attempt, retry_count, max_retries, tenant_id, correlation_id
""",
    UndeliveredJob,
)

REDRIVE = statement(f"""
    UPDATE background_jobs job SET scheduled_for = app_now()
    FROM (SELECT job.id FROM background_jobs job
          WHERE job.id = ANY (ARRAY{_WINDOW}) AND job.status = 'pending'
            AND job.scheduled_for < app_now() - greatest(
                make_interval(secs => %(after)s),
                least(job.scheduled_for - coalesce(job.started_at, job.created_at), interval '45 minutes'))
            AND EXISTS (SELECT FROM outbox_messages known
                        WHERE known.channel = 'qstash' AND known.dedupe_key = {_KEY}
                          AND known.status NOT IN ('pending', 'sending'))
          FOR UPDATE OF job SKIP LOCKED) lost
    WHERE job.id = lost.id
""")  # noqa: S608 - of this module's own words

PRUNE_TOKENS = statement("""
    DELETE FROM inbox_messages
    WHERE id IN (
        SELECT id FROM inbox_messages
        WHERE source = 'qstash' AND received_at < app_now() - interval '2 days'
        ORDER BY received_at LIMIT %(batch)s)
""")


async def announce(
    tx: Transaction,
    callbacks: Mapping[str, str],
    *,
    window: int,
    pauses: Mapping[str, float] | None = None,
) -> int:
    """Put a message out for each job in the window that has none for this attempt and time; how many.

    So not more are out than about `window`, however many wait: the next ones' turn comes as those begin.
    `pauses`: seconds, by platform, before a run that was begun before continues.
    """
    return await tx.run(
        ANNOUNCE,
        callbacks=orjson.dumps(dict(callbacks)).decode(),
        pauses=orjson.dumps(dict(pauses or {})).decode(),
        job_types=list(callbacks),
        window=window,
    )


async def claim_one(
    tx: Transaction,
    job_id: JobId,
    attempt: int,
    *,
    worker: str | None,
    job_types: Collection[str],
    lease: float,
) -> ClaimedJob | None:
    """Take that job if it waits at that attempt, its time has come and its key is free."""
    return await tx.one(
        CLAIM, id=job_id, attempt=attempt, worker=worker, lease=lease, job_types=list(job_types)
    )


async def find_unclaimed(tx: Transaction, job_id: JobId) -> UnclaimedJob | None:
    return await tx.one(FIND_UNCLAIMED, id=job_id)


async def postpone(tx: Transaction, job_id: JobId, attempt: int, *, delay: float) -> None:
    """Not now: a new time, and so a new message."""
    await tx.run(POSTPONE, id=job_id, attempt=attempt, delay=delay)


async def fail_delivery(
    tx: Transaction, job_id: JobId, attempt: int, *, error: str, delay: float
) -> UndeliveredJob | None:
    """Count a failed delivery as a failure of the job. None: the job went on meanwhile."""
    return await tx.one(FAIL_DELIVERY, id=job_id, attempt=attempt, error=error, delay=delay)


async def redrive(tx: Transaction, job_types: Collection[str], *, after: float, window: int) -> int:
    """A new message for what is due for so long that its call got lost; how many.

    Each time it is waited for twice as long, up to 45 minutes: QStash itself may be trying still.
    """
    return await tx.run(REDRIVE, job_types=list(job_types), after=after, window=window)


async def prune_tokens(tx: Transaction, *, batch: int) -> int:
    """Forget calls whose tokens are long invalid: there is one for every job. How many rows that were."""
    return await tx.run(PRUNE_TOKENS, batch=batch)
