"""One job from its claim to its end: done, once more, failed, given up; each write fenced by its attempt."""

import asyncio
import random
from functools import partial
from typing import Final

import psycopg
from pydantic import ValidationError

from tastemaker.config_store.keys import DEFAULT_RETRY_DELAY, JOB_TIMEOUT
from tastemaker.core.logging import get_logger
from tastemaker.core.text import storable
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database, in_transaction, is_victim
from tastemaker.db.transaction import Transaction
from tastemaker.events.context import caused_by
from tastemaker.events.system_payloads import JobFailed
from tastemaker.jobs import queries
from tastemaker.jobs.completion import DoneJob
from tastemaker.jobs.ends import record_end
from tastemaker.jobs.types import Again, ClaimedJob, Done, Handlers, JobContext
from tastemaker.jobs.worker_state import WorkerState

LONGEST_RETRY_SECONDS: Final = 900.0
MOST_OF_AN_ERROR: Final = 2000
MOST_FIELDS: Final = 10

log = get_logger(__name__)


async def run_job(database: Database, job: ClaimedJob, state: WorkerState) -> None:
    """One job to its end. Its failure is the job's, never the worker's."""
    registered = state.handlers[job.job_type]
    limit = registered.job_type.timeout or state.config[JOB_TIMEOUT].total_seconds()
    context = JobContext(database, job, state.stopping, state.config, registered.resources)
    deadline = asyncio.timeout(limit)
    try:
        payload = registered.job_type.payload.model_validate(job.payload)
        with caused_by(correlation_id=job.correlation_id or str(job.id), causation_id=str(job.id)):
            async with deadline:
                answer = await registered.handle(context, payload)
    except asyncio.CancelledError:
        raise
    except ValidationError as error:
        message = f"The payload does not fit: {_wrong_fields(error)}."
        await _failed(database, state, job, message, final=True)
    except Exception as error:
        if deadline.expired():
            log.warning("job %s (%s) took longer than %g s", job.id, job.job_type, limit)
            await _failed(database, state, job, f"It took longer than {limit:g} seconds.", final=False)
            return
        log.exception("job %s (%s) failed", job.id, job.job_type)
        await _failed(database, state, job, f"{type(error).__name__}: {error}", final=False)
    else:
        await _settle_or_fail(database, state, job, answer)


async def _settle_or_fail(
    database: Database, state: WorkerState, job: ClaimedJob, answer: Done | Again
) -> None:
    try:
        await settle(database, state, job, answer)
    except (psycopg.DataError, TypeError) as error:
        message = f"Its result cannot be kept: {type(error).__name__}."
        await _failed(database, state, job, message, final=True)


async def settle(database: Database, state: WorkerState, job: ClaimedJob, answer: Done | Again) -> None:
    """Write down what the handler answered, unless the job is somebody else's by now."""
    match answer:
        case Done(result=result):
            is_told = state.handlers[job.job_type].job_type.records_end
            is_ours = await state.completing.complete(DoneJob(job, result, is_told=is_told))
        case Again(seconds=seconds):
            back = partial(queries.again, job=job, delay=seconds)
            is_ours = await in_transaction(database, SYSTEM, back)
    if not is_ours:
        log.warning("job %s was not ours any more when it ended", job.id)


async def _failed(
    database: Database, state: WorkerState, job: ClaimedJob, error: str, *, final: bool
) -> None:
    error = storable(error)[:MOST_OF_AN_ERROR]
    delay = _retry_delay(state.config[DEFAULT_RETRY_DELAY].total_seconds(), job.retry_count)

    async def work(session: Transaction) -> None:
        status = await queries.fail(session, job, error=error, delay=delay, final=final)
        if status == "failed":
            await give_up(session, state.handlers, job, error)

    await in_transaction(database, SYSTEM, work)


def _retry_delay(first: float, failures: int) -> float:
    """Seconds: doubling from the configured pause, capped, with jitter."""
    return min(LONGEST_RETRY_SECONDS, first * 2.0**failures) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


async def give_up(session: Transaction, handlers: Handlers, job: ClaimedJob, error: str) -> None:
    """Tell whoever registered the type. That this breaks must not keep the other jobs from their worker."""
    await record_end(session, job, JobFailed(job_type=job.job_type, attempt=job.attempt, error=error[:500]))
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


def _wrong_fields(error: ValidationError) -> str:
    """Names and reasons; what stood in the fields may be anybody's data and is left out."""
    named = [
        f"{'.'.join(map(str, one['loc'])) or 'the whole'} ({one['msg']})"
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    more = f", and {len(named) - MOST_FIELDS} more" if len(named) > MOST_FIELDS else ""
    return ", ".join(named[:MOST_FIELDS]) + more
