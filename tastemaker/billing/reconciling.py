"""The hourly look at everybody's counters, which goes on where it was stopped."""

from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from pydantic import BaseModel

from tastemaker.billing.reconcile_queries import FIRST, reconcile_counters
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import in_transaction
from tastemaker.jobs.registry import handles
from tastemaker.jobs.schedules import Nothing, Schedule, scheduled
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Answer, Done, JobContext, JobType

BATCH: Final = 500

log = get_logger(__name__)


class ReconcileFrom(BaseModel):
    """Everybody behind this row of `user_usage`."""

    after: UUID


RECONCILE_BILLING: Final = JobType(name="reconcile_billing", payload=Nothing)
RECONCILE_FROM: Final = JobType(name="reconcile_billing_from", payload=ReconcileFrom, records_end=False)


@handles(RECONCILE_BILLING)
async def reconcile_billing(context: JobContext, _: Nothing) -> Answer:
    return await _reconcile(context, FIRST)


@handles(RECONCILE_FROM)
async def reconcile_from(context: JobContext, message: ReconcileFrom) -> Answer:
    return await _reconcile(context, message.after)


async def _reconcile(context: JobContext, after: UUID) -> Answer:
    """The result says how many users were looked at, and whose counters were corrected how often."""
    users = corrected = 0
    last: UUID | None = after
    while last is not None and not context.stopping.is_set():
        looked = partial(reconcile_counters, after=last, batch=BATCH)
        found = await in_transaction(context.database, SYSTEM, looked)
        users, corrected, last = users + found.users, corrected + found.corrected, found.last
    if last is not None:
        following = ReconcileFrom(after=last)
        go_on = partial(publish, job_type=RECONCILE_FROM, payload=following, dedupe_key=RECONCILE_FROM.name)
        await in_transaction(context.database, SYSTEM, go_on)
    if corrected:
        log.warning("the counters of %d users were not what they count, and are corrected", corrected)
    return Done({"users": users, "corrected": corrected})


scheduled(
    Schedule(
        name="reconcile_billing",
        every=timedelta(hours=1),
        job=RECONCILE_BILLING,
        meaning="Looks whether everybody's counters are what they count, and corrects them.",
    )
)
