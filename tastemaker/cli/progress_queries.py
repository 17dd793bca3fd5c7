"""Which searches have trouble right now: something failed and is tried again, or a provider is silent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tastemaker.cli.progress import Trouble
from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction

SILENT_SECONDS = 8.0
"""A call that takes longer is shown: most take one second, the slowest provider's take seventy."""


@dataclass(frozen=True, slots=True)
class OpenSearch:
    id: SearchId
    has_failed: bool
    is_silent: bool


LIST_OPEN = statement(
    """
    SELECT id,
           EXISTS (SELECT FROM scraping_runs
                   WHERE tenant_id = %(user_id)s AND job_id = scraping_jobs.id AND failures > 0
                     AND status IN ('pending', 'processing'))
           OR EXISTS (SELECT FROM background_jobs
                      WHERE tenant_id = %(user_id)s AND correlation_id = scraping_jobs.id::text
                        AND status = 'pending' AND retry_count > 0) AS has_failed,
           EXISTS (SELECT FROM provider_calls
                   WHERE tenant_id = %(user_id)s AND job_id = scraping_jobs.id AND status = 'estimated'
                     AND started_at < app_now() - make_interval(secs => %(silent)s)) AS is_silent
    FROM scraping_jobs
    WHERE user_id = %(user_id)s AND id = ANY(%(search_ids)s::uuid[]) AND status IN ('pending', 'processing')
    """,
    OpenSearch,
    not_null="has_failed is_silent",
)


@dataclass(frozen=True, slots=True)
class OpenEnrichment:
    search_id: SearchId
    wanted: int
    done: int


LIST_OPEN_ENRICHMENTS = statement(
    """
    SELECT search_id, wanted, completed + failed + skipped AS done FROM enrichments
    WHERE tenant_id = %(user_id)s AND search_id = ANY(%(search_ids)s::uuid[]) AND status <> 'completed'
    """,
    OpenEnrichment,
    not_null="search_id done",
)


async def list_enriching(
    tx: Transaction, user_id: ExternalUserId, search_ids: Sequence[SearchId]
) -> Mapping[SearchId, str]:
    """Of the searches whose profiles are being fetched: how far that is."""
    rows = await tx.many(LIST_OPEN_ENRICHMENTS, user_id=user_id, search_ids=list(search_ids))
    return {row.search_id: f"profile {row.done:,} of {row.wanted:,}" for row in rows}


async def list_troubled(
    tx: Transaction, user_id: ExternalUserId, search_ids: Sequence[SearchId]
) -> Mapping[SearchId, Trouble]:
    rows = await tx.many(LIST_OPEN, user_id=user_id, search_ids=list(search_ids), silent=SILENT_SECONDS)
    return {
        row.id: Trouble.AGAIN if row.has_failed else Trouble.SILENCE
        for row in rows
        if row.has_failed or row.is_silent
    }
