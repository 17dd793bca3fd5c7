"""Keeping the queue small: what ended long ago goes, in batches."""

from datetime import timedelta
from typing import Final

from sqlalchemy import text

from tastemaker.config_store.keys import (
    CANCELLED_JOBS_RETENTION,
    COMPLETED_JOBS_RETENTION,
    ERROR_JOBS_RETENTION,
)
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope
from tastemaker.jobs.registry import handles
from tastemaker.jobs.schedules import Nothing, Schedule, scheduled
from tastemaker.jobs.types import Answer, Done, JobContext, JobType

BATCH: Final = 5000

PRUNE: Final = text("""
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

PRUNE_JOBS = JobType(name="prune_jobs", payload=Nothing)


@handles(PRUNE_JOBS)
async def prune_jobs(context: JobContext, _: Nothing) -> Answer:
    """How many went is the job's result."""
    config = context.config.snapshot()
    kept = {
        "completed": float(config[COMPLETED_JOBS_RETENTION]),
        "failed": float(config[ERROR_JOBS_RETENTION]),
        "cancelled": float(config[CANCELLED_JOBS_RETENTION]),
    }
    total = 0
    while not context.stopping.is_set():
        async with session_scope(context.database, SYSTEM) as session:
            gone = (await session.execute(PRUNE, {**kept, "batch": BATCH})).scalar_one()
        total += gone
        if gone < BATCH:
            break
    return Done({"removed": total})


scheduled(
    Schedule(
        name="prune_jobs",
        every=timedelta(hours=1),
        job=PRUNE_JOBS,
        meaning="Removes background jobs that ended longer ago than the retention says.",
    )
)
