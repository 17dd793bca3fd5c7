"""What nobody works on although somebody should: over all tenants, by the system's claim."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId

LIST_OVERDUE = text("""
    SELECT user_id, id FROM scraping_jobs
    WHERE status IN ('pending', 'processing') AND timeout_at < app_now()
      AND (parked_until IS NULL OR parked_until < app_now())
    ORDER BY timeout_at LIMIT :limit
""")

IS_OVERDUE = text("""
    SELECT 1 FROM scraping_jobs
    WHERE user_id = :user_id AND id = :search_id AND status IN ('pending', 'processing')
      AND timeout_at < app_now() AND (parked_until IS NULL OR parked_until < app_now())
    FOR UPDATE
""")

LIST_FORGOTTEN = text("""
    SELECT j.user_id, j.id
    FROM scraping_jobs j CROSS JOIN LATERAL (
        SELECT count(*) AS open, count(*) FILTER (WHERE
                   EXISTS (SELECT FROM background_jobs b
                           WHERE b.dedupe_key = 'run:' || r.id AND b.status = 'pending')
                   OR EXISTS (SELECT FROM background_jobs b
                              WHERE b.lock_key = 'run:' || r.id AND b.status = 'processing')) AS told
        FROM scraping_runs r
        WHERE r.job_id = j.id AND r.status IN ('pending', 'processing')) runs
    WHERE j.status IN ('pending', 'processing') AND runs.told < least(runs.open, :most)
    ORDER BY j.created_at LIMIT :limit
""")

LIST_HALF_ERASED = text("""
    SELECT c.user_id, c.id FROM campaigns c
    WHERE c.deleting_since IS NOT NULL AND NOT EXISTS (
        SELECT FROM background_jobs b WHERE b.status = 'pending' AND b.dedupe_key = 'erase:' || c.id)
      AND NOT EXISTS (
        SELECT FROM background_jobs b WHERE b.status = 'processing' AND b.lock_key = 'erase:' || c.id)
    ORDER BY c.deleting_since LIMIT :limit
""")


async def list_overdue(session: AsyncSession, *, limit: int) -> Sequence[tuple[ExternalUserId, SearchId]]:
    """Searches whose time is over; one that is parked has its time still before it."""
    rows = await session.execute(LIST_OVERDUE, {"limit": limit})
    return [(ExternalUserId(user_id), SearchId(search_id)) for user_id, search_id in rows]


async def lock_overdue(session: AsyncSession, user_id: ExternalUserId, search_id: SearchId) -> bool:
    """Whether it still is, now that nobody else may change it."""
    return await session.scalar(IS_OVERDUE, {"user_id": user_id, "search_id": search_id}) is not None


async def list_forgotten(
    session: AsyncSession, *, most: int, limit: int
) -> Sequence[tuple[ExternalUserId, SearchId]]:
    """Searches of which fewer keywords have a message than may be worked on at once."""
    rows = await session.execute(LIST_FORGOTTEN, {"most": most, "limit": limit})
    return [(ExternalUserId(user_id), SearchId(search_id)) for user_id, search_id in rows]


async def list_half_erased(
    session: AsyncSession, *, limit: int
) -> Sequence[tuple[ExternalUserId, CampaignId]]:
    """Campaigns on their way out of which no message speaks."""
    rows = await session.execute(LIST_HALF_ERASED, {"limit": limit})
    return [(ExternalUserId(user_id), CampaignId(campaign_id)) for user_id, campaign_id in rows]
