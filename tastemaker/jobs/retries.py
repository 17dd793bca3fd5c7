"""What becomes of a job that failed: it is retried after a back-off, or kept as a dead letter."""

from typing import Final

from tastemaker.config_store.keys import DEFAULT_RETRY_DELAY
from tastemaker.core.backoff import backoff
from tastemaker.core.logging import get_logger
from tastemaker.core.text import storable
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction, is_victim
from tastemaker.events.service import record_many
from tastemaker.events.system_payloads import JobFailed
from tastemaker.jobs import queries
from tastemaker.jobs.completion import end_event
from tastemaker.jobs.types import ClaimedJob, Handlers
from tastemaker.jobs.worker_state import WorkerState

LONGEST_RETRY_SECONDS: Final = 900.0
MOST_OF_AN_ERROR: Final = 2000

log = get_logger(__name__)


async def fail_job(
    database: Database, state: WorkerState, job: ClaimedJob, error: str, *, final: bool
) -> None:
    """Count a failure: the job runs again after a back-off, or is given up. `final`: at once."""
    error = storable(error)[:MOST_OF_AN_ERROR]
    first = state.config[DEFAULT_RETRY_DELAY].total_seconds()
    delay = backoff(job.retry_count, first=first, longest=LONGEST_RETRY_SECONDS)

    async def work(tx: Transaction) -> None:
        status = await queries.fail(tx, job, error=error, delay=delay, final=final)
        if status == "failed":
            await give_up(tx, state.handlers, job, error)

    await in_transaction(database, SYSTEM, work)


async def give_up(tx: Transaction, handlers: Handlers, job: ClaimedJob, error: str) -> None:
    """Record the event and call the type's `given_up`. An error in it must not stop the worker."""
    failed = JobFailed(job_type=job.job_type, attempt=job.attempt, error=error[:500])
    await record_many(tx, [end_event(job, failed)])
    registered = handlers[job.job_type]
    if registered.given_up is None:
        return
    try:
        payload = registered.job_type.payload.model_validate(job.payload)
        async with tx.savepoint():
            await registered.given_up(tx, payload)
    except Exception as problem:
        if is_victim(problem):
            raise
        log.exception("nobody could be told that a job (%s) was given up", job.job_type)
