"""What is kept of providers goes when its time is over: pages, samples, the counts of past windows."""

from datetime import timedelta
from typing import Final

from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.jobs.registry import handles
from tastemaker.jobs.schedules import Nothing, Schedule, scheduled
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType
from tastemaker.providers.page_store import forget_expired
from tastemaker.providers.samples import forget_samples
from tastemaker.ratelimit.queries import forget_quotas

QUOTAS_KEPT_DAYS: Final = 35

FORGET_PROVIDER_DATA = JobType(name="forget_provider_data", payload=Nothing)


@handles(FORGET_PROVIDER_DATA)
async def forget_provider_data(context: JobContext, _: Nothing) -> JobResult:
    async with transaction(context.database, SYSTEM) as tx:
        pages = await forget_expired(tx)
        windows = await forget_quotas(tx, days=QUOTAS_KEPT_DAYS)
        samples = await forget_samples(tx)
    return Done({"pages": pages, "quota_windows": windows, "samples": samples})


scheduled(
    Schedule(
        name="forget_provider_data",
        every=timedelta(hours=1),
        job=FORGET_PROVIDER_DATA,
        meaning="Deletes stored pages and samples past their retention, and counters of past quota windows.",
    )
)
