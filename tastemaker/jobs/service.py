"""Publishing a job: the verb that slices use. It happens in the caller's transaction or not at all."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId, JobId
from tastemaker.events.context import current_cause
from tastemaker.jobs import queries
from tastemaker.jobs.types import LEASE_SECONDS, JobType, Payload


async def publish(  # noqa: PLR0913 - everything beyond the payload is optional
    session: AsyncSession,
    job_type: JobType[Payload],
    payload: Payload,
    *,
    tenant_id: ExternalUserId | None = None,
    run_at: datetime | None = None,
    delay: float = 0.0,
    lock_key: str | None = None,
    dedupe_key: str | None = None,
    correlation_id: str | None = None,
) -> JobId | None:
    """Enqueue one job. Workers see it when the caller's transaction commits.

    `lock_key` keeps two such jobs from running at once; `dedupe_key` keeps two from waiting at once,
    and then None is returned. `correlation_id` is that of the request, job or event at work unless given.
    """
    return await queries.enqueue(
        session,
        job_type.name,
        payload.model_dump(mode="json"),
        priority=job_type.priority,
        max_retries=job_type.max_retries,
        tenant_id=tenant_id,
        run_at=run_at,
        delay=delay,
        lock_key=lock_key,
        dedupe_key=dedupe_key,
        correlation_id=correlation_id or current_cause().correlation_id,
    )


async def take_from_the_dead(
    session: AsyncSession, job_type: JobType[Payload], *, correlation_id: str
) -> int:
    """Hand back at once what workers hold of this chain that show no presence; how many jobs that were.

    One that is given up by this is told to nobody: the caller publishes anew what has to go on.
    """
    lost = await queries.rescue(
        session, job_types=[job_type.name], lease=LEASE_SECONDS, grace=0, correlation_id=correlation_id
    )
    return len(lost)
