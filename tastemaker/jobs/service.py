"""Publishing a job: the verb that slices use. It happens in the caller's transaction or not at all."""

from datetime import datetime
from typing import Final

import orjson

from tastemaker.core.errors import PayloadTooLarge
from tastemaker.core.ids import ExternalUserId, JobId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.events.context import current_cause
from tastemaker.jobs import claim_queries, queries
from tastemaker.jobs.types import LEASE_SECONDS, JobContext, JobType, Payload

MOST_BYTES: Final = 1024 * 1024
"""A job carries ids; what it works on is in tables."""


async def publish(  # noqa: PLR0913 - everything beyond the payload is optional
    tx: Transaction,
    job_type: JobType[Payload],
    payload: Payload,
    *,
    tenant_id: ExternalUserId | None = None,
    run_at: datetime | None = None,
    delay: float = 0.0,
    priority: int | None = None,
    lock_key: str | None = None,
    dedupe_key: str | None = None,
    correlation_id: str | None = None,
) -> JobId | None:
    """Enqueue one job. Workers see it when the caller's transaction commits.

    `lock_key` keeps two such jobs from running at once; `dedupe_key` keeps two from waiting at once,
    and then None is returned. `priority` is the type's unless given; `correlation_id` that of the request,
    job or event at work.
    """
    body = payload.model_dump(mode="json")
    if (size := len(orjson.dumps(body))) > MOST_BYTES:
        raise PayloadTooLarge(
            f"A job's payload has at most {MOST_BYTES:,} bytes; this one has {size:,} bytes."
        )
    return await queries.enqueue(
        tx,
        job_type.name,
        body,
        priority=job_type.priority if priority is None else priority,
        max_retries=job_type.max_retries,
        tenant_id=tenant_id,
        run_at=run_at,
        delay=delay,
        lock_key=lock_key,
        dedupe_key=dedupe_key,
        correlation_id=correlation_id or current_cause().correlation_id,
    )


async def report_progress(context: JobContext, percent: float) -> None:
    """Called by a handler: how far a long job is, from 0 to 100."""
    async with transaction(context.database, SYSTEM) as tx:
        await queries.set_progress(tx, context.job, percent)


async def rescue_chain(tx: Transaction, job_type: JobType[Payload], *, correlation_id: str) -> int:
    """Rescue at once the jobs of this chain that workers without a heartbeat hold; how many.

    `given_up` is not called for these: the caller publishes the jobs that have to continue.
    """
    lost = await claim_queries.rescue(
        tx, job_types=[job_type.name], lease=LEASE_SECONDS, grace=0, correlation_id=correlation_id
    )
    return len(lost)
