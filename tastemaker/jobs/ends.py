"""The events of a job's end, written with it."""

from sqlalchemy import RowMapping

from tastemaker.core.ids import JobId
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Source
from tastemaker.events.service import NewEvent, record_many
from tastemaker.events.system_payloads import JobCompleted, JobFailed
from tastemaker.jobs.types import ClaimedJob


async def record_end(session: Transaction, job: ClaimedJob, payload: JobCompleted | JobFailed) -> None:
    await record_many(session, [end_event(job, payload)])


def end_event(job: ClaimedJob, payload: JobCompleted | JobFailed) -> NewEvent:
    """A job that was replayed can end again: each attempt has an end of its own."""
    return NewEvent(
        payload=payload,
        aggregate_id=str(job.id),
        identifier=f"{job.id}_{job.attempt}",
        source=Source.SYSTEM_AUTOMATION,
        tenant_id=job.tenant_id,
        correlation_id=job.correlation_id or str(job.id),
        causation_id=str(job.id),
    )


def lost_job(row: RowMapping) -> ClaimedJob:
    """What a dead worker held, as the rescue found it."""
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
