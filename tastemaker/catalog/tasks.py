"""The job that keeps the catalog's documents complete, and its schedule."""

from datetime import timedelta
from functools import partial
from typing import Final

from tastemaker.catalog.document_queries import clean_indexes, write_missing
from tastemaker.core.clock import monotonic
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import in_transaction
from tastemaker.jobs.registry import handles
from tastemaker.jobs.schedules import Nothing, Schedule, scheduled
from tastemaker.jobs.types import Again, Done, JobContext, JobResult, JobType

INDEX_CATALOG = JobType(name="index_catalog", payload=Nothing, priority=200, max_retries=3, records_end=False)

BATCH: Final = 500
SLICE_SECONDS: Final = 4.0


@handles(INDEX_CATALOG)
async def index_catalog(context: JobContext, _: Nothing) -> JobResult:
    """Write the documents that are missing, in batches, and clean the indexes.

    They are missing after a migration, an adoption, an expiry of values, and where an older version of the
    program wrote them.
    """
    slice_ends = monotonic() + SLICE_SECONDS
    written = 0
    while batch := await in_transaction(context.database, SYSTEM, partial(write_missing, limit=BATCH)):
        written += batch
        if context.stopping.is_set() or monotonic() >= slice_ends:
            return Again()
    await in_transaction(context.database, SYSTEM, clean_indexes)
    return Done({"documents": written})


CATALOG_INDEX = scheduled(
    Schedule(
        name="index_catalog",
        every=timedelta(minutes=1),
        job=INDEX_CATALOG,
        meaning="Makes creators searchable that an upgrade or an import brought; tidies the text indexes.",
    )
)
