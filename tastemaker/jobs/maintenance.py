"""Maintenance of the queue: rescue what dead workers hold, promote what is due, park unknown types, prune.

A worker maintains the queue before it claims; pruning is a scheduled job.
"""

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Final

from tastemaker.config_store.keys import (
    CANCELLED_JOBS_RETENTION,
    COMPLETED_JOBS_RETENTION,
    ERROR_JOBS_RETENTION,
)
from tastemaker.core.clock import monotonic
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import JobStatus
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.db.work_loop import prune_in_batches
from tastemaker.jobs import claim_queries, queries
from tastemaker.jobs.registry import handles, registered_types
from tastemaker.jobs.retries import give_up
from tastemaker.jobs.schedules import Nothing, Schedule, scheduled
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType
from tastemaker.jobs.worker_state import WorkerState

MAINTAIN_SECONDS: Final = 0.2
"""How precisely a job starts at its time."""

PARK_SECONDS: Final = 5.0
"""How often a worker in a long queue looks for unknown types in front of it; with an empty one, always."""

BATCH: Final = 5000

PRUNE_JOBS = JobType(name="prune_jobs", payload=Nothing)

log = get_logger(__name__)


async def maintain(database: Database, state: WorkerState) -> None:
    """Rescue, promote and park, at most every 0.2 seconds: a busy worker claims more often than that."""
    if monotonic() < state.maintains_next:
        return
    state.maintains_next = monotonic() + min(MAINTAIN_SECONDS, state.settings.poll)

    async def work(tx: Transaction) -> None:
        await _rescue(tx, state)
        await claim_queries.promote(tx)
        if state.settings.only is None:
            await _park(tx, state)

    await in_transaction(database, SYSTEM, work)


async def _rescue(tx: Transaction, state: WorkerState) -> None:
    settings = state.settings
    lost = await claim_queries.rescue(
        tx, job_types=list(state.handlers), lease=settings.lease, grace=settings.grace
    )
    for job in lost:
        log.warning("job %s was left by a dead worker, now %s", job.id, job.status)
        if job.status is JobStatus.FAILED:
            await give_up(tx, state.handlers, job, job.error or "")


async def _park(tx: Transaction, state: WorkerState) -> None:
    known = {*state.handlers, *registered_types()}
    is_due = monotonic() >= state.parks_next
    if is_due:
        state.parks_next = monotonic() + PARK_SECONDS
        await claim_queries.unpark(tx, known)
    parked = await claim_queries.park(tx, known) if is_due or not state.is_crowded else []
    for job_type, count in Counter(parked).items():
        log.warning(
            "%d jobs of the unknown type %r are set aside for a worker that knows it", count, job_type
        )


@handles(PRUNE_JOBS)
async def prune_jobs(context: JobContext, _: Nothing) -> JobResult:
    """The result says how many jobs were removed."""
    config = context.config.snapshot()
    prune = partial(
        queries.prune,
        completed=float(config[COMPLETED_JOBS_RETENTION]),
        failed=float(config[ERROR_JOBS_RETENTION]),
        cancelled=float(config[CANCELLED_JOBS_RETENTION]),
    )
    removed = await prune_in_batches(context.database, prune, batch=BATCH, stopping=context.stopping)
    return Done({"removed": removed})


scheduled(
    Schedule(
        name="prune_jobs",
        every=timedelta(hours=1),
        job=PRUNE_JOBS,
        meaning="Deletes ended background jobs past their retention.",
    )
)
