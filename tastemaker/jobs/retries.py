"""What becomes of a job that failed: it is retried after a back-off, or kept as a dead letter."""

from typing import Final

from tastemaker.config_store.keys import DEFAULT_RETRY_DELAY
from tastemaker.core.backoff import backoff
from tastemaker.core.logging import get_logger
from tastemaker.core.text import storable
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database, in_transaction, is_victim
from tastemaker.db.transaction import Transaction
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

    async def work(session: Transaction) -> None:
        status = await queries.fail(session, job, error=error, delay=delay, final=final)
        if status == "failed":
            await give_up(session, state.handlers, job, error)

    await in_transaction(database, SYSTEM, work)


async def give_up(session: Transaction, handlers: Handlers, job: ClaimedJob, error: str) -> None:
    """Record the event and call the type's `given_up`. An error in it must not stop the worker."""
    failed = JobFailed(job_type=job.job_type, attempt=job.attempt, error=error[:500])
    await record_many(session, [end_event(job, failed)])
    registered = handlers[job.job_type]
    if registered.given_up is None:
        return
    try:
        payload = registered.job_type.payload.model_validate(job.payload)
        async with session.begin_nested():
            await registered.given_up(session, payload)
    except Exception as problem:
        if is_victim(problem):
            raise
        log.exception("nobody could be told that a job (%s) was given up", job.job_type)
