"""One job from its claim to its end. Each write is fenced by the attempt number."""

import asyncio
from functools import partial
from typing import Final

import psycopg
from pydantic import ValidationError

from tastemaker.config_store.keys import JOB_TIMEOUT
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM, UnknownUser
from tastemaker.db.pool import Database
from tastemaker.db.transaction import in_transaction
from tastemaker.events.context import caused_by
from tastemaker.jobs import queries
from tastemaker.jobs.completion import CompletedJob
from tastemaker.jobs.retries import fail_job
from tastemaker.jobs.types import Again, ClaimedJob, Done, JobContext, JobResult
from tastemaker.jobs.worker_state import WorkerState

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
                result = await registered.handle(context, payload)
    except asyncio.CancelledError:
        raise
    except ValidationError as error:
        message = f"The payload does not fit: {_wrong_fields(error)}."
        await fail_job(database, state, job, message, final=True)
    except UnknownUser as error:
        await fail_job(database, state, job, str(error), final=True)
    except Exception as error:
        if deadline.expired():
            log.warning("job %s (%s) took longer than %g s", job.id, job.job_type, limit)
            await fail_job(database, state, job, f"It took longer than {limit:g} seconds.", final=False)
            return
        log.exception("job %s (%s) failed", job.id, job.job_type)
        await fail_job(database, state, job, f"{type(error).__name__}: {error}", final=False)
    else:
        await _settle_or_fail(database, state, job, result)


async def _settle_or_fail(database: Database, state: WorkerState, job: ClaimedJob, result: JobResult) -> None:
    try:
        await settle(database, state, job, result)
    except (psycopg.DataError, TypeError) as error:
        message = f"Its result cannot be kept: {type(error).__name__}."
        await fail_job(database, state, job, message, final=True)


async def settle(database: Database, state: WorkerState, job: ClaimedJob, result: JobResult) -> None:
    """Write the result, unless the job is another worker's by now."""
    match result:
        case Done(result=kept):
            records_event = state.handlers[job.job_type].job_type.records_end
            completed = CompletedJob(job, kept, records_event=records_event)
            is_ours = await state.completer.complete(completed)
        case Again(seconds=seconds):
            back = partial(queries.again, job=job, delay=seconds)
            is_ours = await in_transaction(database, SYSTEM, back)
    if not is_ours:
        log.warning("job %s was not ours any more when it ended", job.id)


def _wrong_fields(error: ValidationError) -> str:
    """Names and reasons; what stood in the fields may be anybody's data and is left out."""
    named = [
        f"{'.'.join(map(str, one['loc'])) or 'the whole'} ({one['msg']})"
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    more = f", and {len(named) - MOST_FIELDS} more" if len(named) > MOST_FIELDS else ""
    return ", ".join(named[:MOST_FIELDS]) + more
