"""Which searches are in trouble right now: something failed and is tried again, or nobody answers."""

from collections.abc import Mapping, Sequence

from sqlalchemy import text

from tastemaker.cli.progress import Trouble
from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.db.transaction import Transaction

SILENT_SECONDS = 8.0
"""A call that takes longer is worth a word: most take one second, the slowest provider's seventy."""

LIST_TROUBLED = text("""
    SELECT id,
           EXISTS (SELECT FROM scraping_runs
                   WHERE tenant_id = :user_id AND job_id = scraping_jobs.id AND failures > 0
                     AND status IN ('pending', 'processing'))
           OR EXISTS (SELECT FROM background_jobs
                      WHERE tenant_id = :user_id AND correlation_id = scraping_jobs.id::text
                        AND status = 'pending' AND retry_count > 0) AS has_failed,
           EXISTS (SELECT FROM provider_calls
                   WHERE tenant_id = :user_id AND job_id = scraping_jobs.id AND status = 'estimated'
                     AND started_at < app_now() - make_interval(secs => :silent)) AS is_silent
    FROM scraping_jobs
    WHERE user_id = :user_id AND id = ANY(CAST(:search_ids AS uuid[])) AND status IN ('pending', 'processing')
""")


async def list_troubled(
    session: Transaction, user_id: ExternalUserId, search_ids: Sequence[SearchId]
) -> Mapping[SearchId, Trouble]:
    asked = {"user_id": user_id, "search_ids": list(search_ids), "silent": SILENT_SECONDS}
    rows = await session.execute(LIST_TROUBLED, asked)
    return {
        SearchId(row.id): Trouble.AGAIN if row.has_failed else Trouble.SILENCE
        for row in rows
        if row.has_failed or row.is_silent
    }
