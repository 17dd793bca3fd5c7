"""Which searches are in trouble right now: something failed, and will be tried again."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId, SearchId

LIST_TROUBLED = text("""
    SELECT id FROM scraping_jobs
    WHERE user_id = :user_id AND id = ANY(CAST(:search_ids AS uuid[])) AND status IN ('pending', 'processing')
      AND (EXISTS (SELECT FROM scraping_runs
                   WHERE tenant_id = :user_id AND job_id = scraping_jobs.id AND failures > 0
                     AND status IN ('pending', 'processing'))
           OR EXISTS (SELECT FROM background_jobs
                      WHERE tenant_id = :user_id AND correlation_id = scraping_jobs.id::text
                        AND status = 'pending' AND retry_count > 0))
""")


async def list_troubled(
    session: AsyncSession, user_id: ExternalUserId, search_ids: Sequence[SearchId]
) -> frozenset[SearchId]:
    rows = await session.execute(LIST_TROUBLED, {"user_id": user_id, "search_ids": list(search_ids)})
    return frozenset(SearchId(one) for one in rows.scalars())
