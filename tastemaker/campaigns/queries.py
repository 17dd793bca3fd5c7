"""Questions about campaigns. Every one names the tenant; another's campaign does not exist.

Nor does one that is being deleted, whatever is left of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, text

from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.db.enums import CampaignStatus
from tastemaker.db.keyset import Page, Place, checked_limit, page_of, read_cursor
from tastemaker.db.transaction import Transaction

_LIST = "campaigns"


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
    INSERT INTO campaigns (user_id, name, description, search_type)
    VALUES (:user_id, :name, :description, :search_type)
    RETURNING id
""")

SELECT = """
    SELECT c.id, c.name, c.description, c.search_type, c.status, c.created_at,
           count(j.id) AS searches, coalesce(sum(j.processed_results), 0) AS creators
    FROM campaigns c LEFT JOIN scraping_jobs j ON j.campaign_id = c.id AND j.user_id = c.user_id
    WHERE c.user_id = :user_id AND c.deleting_since IS NULL {condition}
    GROUP BY c.id
    ORDER BY c.created_at DESC, c.id DESC
    LIMIT :limit
"""

FIND_BY_ID = text(SELECT.format(condition="AND c.id = :campaign_id"))
FIND_BY_NAME = text(SELECT.format(condition="AND c.name = :name AND c.status <> 'archived'"))
FIND_BY_PREFIX = text(SELECT.format(condition="AND c.id::text LIKE :prefix || '%'"))
LIST = text(
    SELECT.format(
        condition="""
        AND (c.created_at, c.id) < (coalesce(timezone('UTC', CAST(:at AS timestamptz)), 'infinity'),
                                    coalesce(CAST(:key AS uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff'))"""
    )
)

LOCK = text("""
    SELECT status, search_type FROM campaigns
    WHERE id = :campaign_id AND user_id = :user_id AND deleting_since IS NULL
    FOR NO KEY UPDATE
""")

CHANGE = text("""
    UPDATE campaigns SET name = :name, description = :description
    WHERE id = :campaign_id AND user_id = :user_id AND deleting_since IS NULL
    RETURNING app_now()
""")

ACTIVATE = text("""
    UPDATE campaigns SET status = 'active'
    WHERE id = :campaign_id AND user_id = :user_id AND status IN ('draft', 'completed')
    RETURNING app_now()
""")

COMPLETE = text("""
    UPDATE campaigns SET status = 'completed'
    WHERE id = :campaign_id AND user_id = :user_id AND status = 'active' AND NOT EXISTS (
        SELECT FROM scraping_jobs
        WHERE campaign_id = :campaign_id AND user_id = :user_id AND status IN ('pending', 'processing'))
    RETURNING app_now()
""")

ARCHIVE = text("""
    UPDATE campaigns SET status = 'archived'
    WHERE id = :campaign_id AND user_id = :user_id AND deleting_since IS NULL
      AND status IN ('draft', 'completed')
    RETURNING app_now()
""")

RESTORE = text("""
    UPDATE campaigns
    SET status = CASE WHEN EXISTS (
            SELECT FROM scraping_jobs WHERE campaign_id = :campaign_id AND user_id = :user_id)
        THEN 'completed' ELSE 'draft' END
    WHERE id = :campaign_id AND user_id = :user_id AND deleting_since IS NULL AND status = 'archived'
    RETURNING status, app_now() AS now
""")

BEGIN_DELETION = text("""
    UPDATE campaigns SET deleting_since = app_now()
    WHERE id = :campaign_id AND user_id = :user_id AND deleting_since IS NULL
    RETURNING status
""")


async def insert_campaign(
    session: Transaction,
    user_id: ExternalUserId,
    *,
    name: str,
    search_type: str,
    description: str | None = None,
) -> CampaignId:
    row = await session.execute(
        INSERT, {"user_id": user_id, "name": name, "description": description, "search_type": search_type}
    )
    return CampaignId(row.scalar_one())


async def find_campaign(
    session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId
) -> Campaign | None:
    parameters = {"user_id": user_id, "campaign_id": campaign_id, "limit": 1}
    row = (await session.execute(FIND_BY_ID, parameters)).mappings().first()
    return _campaign(row) if row else None


async def find_campaign_by_name(session: Transaction, user_id: ExternalUserId, name: str) -> Campaign | None:
    """The newest of that name that is not archived."""
    parameters = {"user_id": user_id, "name": name, "limit": 1}
    row = (await session.execute(FIND_BY_NAME, parameters)).mappings().first()
    return _campaign(row) if row else None


async def list_campaigns_by_prefix(
    session: Transaction, user_id: ExternalUserId, prefix: str
) -> Sequence[Campaign]:
    """At most two: enough to know whether the start of an id says which one is meant."""
    rows = await session.execute(FIND_BY_PREFIX, {"user_id": user_id, "prefix": prefix, "limit": 2})
    return [_campaign(row) for row in rows.mappings()]


async def list_campaigns(
    session: Transaction, user_id: ExternalUserId, *, limit: int, after: str | None = None
) -> Page[Campaign]:
    """Newest first, after the place that the last page gave."""
    place = read_cursor(after, of=_LIST)
    rows = await session.execute(
        LIST,
        {
            "user_id": user_id,
            "at": place and place.at,
            "key": place and place.key,
            "limit": checked_limit(limit) + 1,
        },
    )
    campaigns = [_campaign(row) for row in rows.mappings()]
    return page_of(campaigns, limit, of=_LIST, place=lambda one: Place(one.created_at, one.id))


async def lock(
    session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId
) -> tuple[CampaignStatus, str] | None:
    """Status and type, which stay so until the transaction ends; None where there is none any more."""
    row = (await session.execute(LOCK, {"user_id": user_id, "campaign_id": campaign_id})).first()
    return (CampaignStatus(row[0]), row[1]) if row else None


async def change(
    session: Transaction,
    user_id: ExternalUserId,
    campaign_id: CampaignId,
    *,
    name: str,
    description: str | None,
) -> datetime | None:
    """When; None where there is no such campaign, as of the verbs that follow."""
    parameters = {
        "user_id": user_id,
        "campaign_id": campaign_id,
        "name": name,
        "description": description,
    }
    moment: datetime | None = await session.scalar(CHANGE, parameters)
    return moment


async def activate(session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> datetime | None:
    moment: datetime | None = await session.scalar(ACTIVATE, {"user_id": user_id, "campaign_id": campaign_id})
    return moment


async def complete_if_idle(
    session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId
) -> datetime | None:
    """Completed, once none of its searches is left running.

    Searches that end in the same moment wait for each other, or each would see the other still running.
    """
    parameters = {"user_id": user_id, "campaign_id": campaign_id}
    await session.execute(LOCK, parameters)
    moment: datetime | None = await session.scalar(COMPLETE, parameters)
    return moment


async def archive(session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> datetime | None:
    """None also while one of its searches runs."""
    moment: datetime | None = await session.scalar(ARCHIVE, {"user_id": user_id, "campaign_id": campaign_id})
    return moment


async def restore(
    session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId
) -> tuple[str, datetime] | None:
    """As what it is back, and when."""
    row = (await session.execute(RESTORE, {"user_id": user_id, "campaign_id": campaign_id})).first()
    return (row[0], row[1]) if row else None


async def begin_deletion(
    session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId
) -> CampaignStatus | None:
    """The status it had; None when somebody else has begun already."""
    status = await session.scalar(BEGIN_DELETION, {"user_id": user_id, "campaign_id": campaign_id})
    return CampaignStatus(status) if status else None


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
