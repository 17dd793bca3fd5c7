"""Questions about campaigns. Every one names the tenant; another's campaign does not exist."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import CampaignId, ExternalUserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """`searches` and `creators` count what the campaign holds now."""

    id: CampaignId
    name: str
    description: str | None
    search_type: str
    status: str
    created_at: datetime
    searches: int
    creators: int


INSERT = text("""
    INSERT INTO campaigns (user_id, name, search_type) VALUES (:user_id, :name, :search_type) RETURNING id
""")

SELECT = """
    SELECT c.id, c.name, c.description, c.search_type, c.status, c.created_at,
           count(j.id) AS searches, coalesce(sum(j.processed_results), 0) AS creators
    FROM campaigns c LEFT JOIN scraping_jobs j ON j.campaign_id = c.id AND j.user_id = c.user_id
    WHERE c.user_id = :user_id {condition}
    GROUP BY c.id
    ORDER BY c.created_at DESC, c.id
    LIMIT :limit
"""

FIND_BY_ID = text(SELECT.format(condition="AND c.id = :campaign_id"))
FIND_BY_NAME = text(SELECT.format(condition="AND c.name = :name AND c.status <> 'archived'"))
FIND_BY_PREFIX = text(SELECT.format(condition="AND c.id::text LIKE :prefix || '%'"))
LIST = text(SELECT.format(condition=""))

ACTIVATE = text("""
    UPDATE campaigns SET status = 'active'
    WHERE id = :campaign_id AND user_id = :user_id AND status IN ('draft', 'completed')
""")

LOCK = text("SELECT FROM campaigns WHERE id = :campaign_id AND user_id = :user_id FOR NO KEY UPDATE")

COMPLETE = text("""
    UPDATE campaigns SET status = 'completed'
    WHERE id = :campaign_id AND user_id = :user_id AND status = 'active' AND NOT EXISTS (
        SELECT FROM scraping_jobs
        WHERE campaign_id = :campaign_id AND user_id = :user_id AND status IN ('pending', 'processing'))
""")


async def insert_campaign(
    session: AsyncSession, user_id: ExternalUserId, *, name: str, search_type: str
) -> CampaignId:
    row = await session.execute(INSERT, {"user_id": user_id, "name": name, "search_type": search_type})
    return CampaignId(row.scalar_one())


async def find_campaign(
    session: AsyncSession, user_id: ExternalUserId, campaign_id: CampaignId
) -> Campaign | None:
    parameters = {"user_id": user_id, "campaign_id": campaign_id, "limit": 1}
    row = (await session.execute(FIND_BY_ID, parameters)).mappings().first()
    return _campaign(row) if row else None


async def find_campaign_by_name(session: AsyncSession, user_id: ExternalUserId, name: str) -> Campaign | None:
    """The newest of that name that is not archived."""
    parameters = {"user_id": user_id, "name": name, "limit": 1}
    row = (await session.execute(FIND_BY_NAME, parameters)).mappings().first()
    return _campaign(row) if row else None


async def list_campaigns_by_prefix(
    session: AsyncSession, user_id: ExternalUserId, prefix: str
) -> Sequence[Campaign]:
    """At most two: enough to know whether the start of an id says which one is meant."""
    rows = await session.execute(FIND_BY_PREFIX, {"user_id": user_id, "prefix": prefix, "limit": 2})
    return [_campaign(row) for row in rows.mappings()]


async def list_campaigns(session: AsyncSession, user_id: ExternalUserId, *, limit: int) -> Sequence[Campaign]:
    """Newest first."""
    rows = await session.execute(LIST, {"user_id": user_id, "limit": limit})
    return [_campaign(row) for row in rows.mappings()]


async def activate(session: AsyncSession, user_id: ExternalUserId, campaign_id: CampaignId) -> None:
    await session.execute(ACTIVATE, {"user_id": user_id, "campaign_id": campaign_id})


async def complete_if_idle(session: AsyncSession, user_id: ExternalUserId, campaign_id: CampaignId) -> None:
    """Completed, once none of its searches is left running.

    Searches that end in the same moment wait for each other, or each would see the other still running.
    """
    parameters = {"user_id": user_id, "campaign_id": campaign_id}
    await session.execute(LOCK, parameters)
    await session.execute(COMPLETE, parameters)


def _campaign(row: RowMapping) -> Campaign:
    return Campaign(
        id=CampaignId(row["id"]),
        name=row["name"],
        description=row["description"],
        search_type=row["search_type"],
        status=row["status"],
        created_at=row["created_at"],
        searches=row["searches"],
        creators=row["creators"],
    )
