"""Statements about campaigns. Each names the tenant: the campaign of another user does not exist.

Nor does a campaign that is being deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.db.enums import CampaignStatus
from tastemaker.db.keyset import KeysetPage, Place, checked_limit, page_of, read_cursor
from tastemaker.db.statements import statement
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedCampaign:
    """Status and type, which stay so until the transaction ends."""

    status: CampaignStatus
    search_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredCampaign:
    status: str
    at: datetime


INSERT = statement(
    """
    INSERT INTO campaigns (user_id, name, description, search_type)
    VALUES (%(user_id)s, %(name)s, %(description)s, %(search_type)s)
    RETURNING id
""",
    CampaignId,
)

SELECT = """
    SELECT c.id, left(c.name, 200) AS name, left(c.description, 2000) AS description,
           c.search_type, c.status, c.created_at,
           count(j.id) AS searches, coalesce(sum(j.processed_results), 0) AS creators
    FROM campaigns c LEFT JOIN scraping_jobs j ON j.campaign_id = c.id AND j.user_id = c.user_id
    WHERE c.user_id = %(user_id)s AND c.deleting_since IS NULL {condition}
    GROUP BY c.id
    ORDER BY c.created_at DESC, c.id DESC
    LIMIT %(limit)s
"""

FIND_BY_ID = statement(
    SELECT.format(condition="AND c.id = %(campaign_id)s"), Campaign, not_null="name searches creators"
)
FIND_BY_NAME = statement(
    SELECT.format(condition="AND c.name = %(name)s AND c.status <> 'archived'"),
    Campaign,
    not_null="name searches creators",
)
FIND_BY_PREFIX = statement(
    SELECT.format(condition="AND c.id::text LIKE %(prefix)s || '%%'"),
    Campaign,
    not_null="name searches creators",
)
LIST = statement(
    SELECT.format(
        condition="""
        AND (c.created_at, c.id) < (coalesce(timezone('UTC', CAST(%(at)s AS timestamptz)), 'infinity'),
                                    coalesce(CAST(%(key)s AS uuid),
                                             'ffffffff-ffff-ffff-ffff-ffffffffffff'))"""
    ),
    Campaign,
    not_null="name searches creators",
)

LOCK = statement(
    """
    SELECT status, search_type FROM campaigns
    WHERE id = %(campaign_id)s AND user_id = %(user_id)s AND deleting_since IS NULL
    FOR NO KEY UPDATE
""",
    LockedCampaign,
)

CHANGE = statement(
    """
    UPDATE campaigns SET name = %(name)s, description = %(description)s
    WHERE id = %(campaign_id)s AND user_id = %(user_id)s AND deleting_since IS NULL
    RETURNING app_now()
""",
    datetime,
    not_null="app_now",
)

ACTIVATE = statement(
    """
    UPDATE campaigns SET status = 'active'
    WHERE id = %(campaign_id)s AND user_id = %(user_id)s AND status IN ('draft', 'completed')
    RETURNING app_now()
""",
    datetime,
    not_null="app_now",
)

COMPLETE = statement(
    """
    UPDATE campaigns SET status = 'completed'
    WHERE id = %(campaign_id)s AND user_id = %(user_id)s AND status = 'active' AND NOT EXISTS (
        SELECT FROM scraping_jobs
        WHERE campaign_id = %(campaign_id)s AND user_id = %(user_id)s AND status IN ('pending', 'processing'))
    RETURNING app_now()
""",
    datetime,
    not_null="app_now",
)

ARCHIVE = statement(
    """
    UPDATE campaigns SET status = 'archived'
    WHERE id = %(campaign_id)s AND user_id = %(user_id)s AND deleting_since IS NULL
      AND status IN ('draft', 'completed')
    RETURNING app_now()
""",
    datetime,
    not_null="app_now",
)

RESTORE = statement(
    """
    UPDATE campaigns
    SET status = CASE WHEN EXISTS (
            SELECT FROM scraping_jobs WHERE campaign_id = %(campaign_id)s AND user_id = %(user_id)s)
        THEN 'completed' ELSE 'draft' END
    WHERE id = %(campaign_id)s AND user_id = %(user_id)s AND deleting_since IS NULL AND status = 'archived'
    RETURNING status, app_now() AS at
""",
    RestoredCampaign,
    not_null="at",
)

BEGIN_DELETION = statement(
    """
    UPDATE campaigns SET deleting_since = app_now()
    WHERE id = %(campaign_id)s AND user_id = %(user_id)s AND deleting_since IS NULL
    RETURNING status
""",
    CampaignStatus,
)


async def insert_campaign(
    tx: Transaction,
    user_id: ExternalUserId,
    *,
    name: str,
    search_type: str,
    description: str | None = None,
) -> CampaignId:
    return await tx.only(INSERT, user_id=user_id, name=name, description=description, search_type=search_type)


async def find_campaign(tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> Campaign | None:
    return await tx.one(FIND_BY_ID, user_id=user_id, campaign_id=campaign_id, limit=1)


async def find_campaign_by_name(tx: Transaction, user_id: ExternalUserId, name: str) -> Campaign | None:
    """The newest of that name that is not archived."""
    return await tx.one(FIND_BY_NAME, user_id=user_id, name=name, limit=1)


async def list_campaigns_by_prefix(
    tx: Transaction, user_id: ExternalUserId, prefix: str
) -> Sequence[Campaign]:
    """At most two: enough to know whether the start of an id is ambiguous."""
    return await tx.many(FIND_BY_PREFIX, user_id=user_id, prefix=prefix, limit=2)


async def list_campaigns(
    tx: Transaction, user_id: ExternalUserId, *, limit: int, after: str | None = None
) -> KeysetPage[Campaign]:
    """Newest first. `after` is `next` of the page before."""
    place = read_cursor(after, of=_LIST)
    campaigns = await tx.many(
        LIST,
        user_id=user_id,
        at=place and place.at,
        key=place and place.key,
        limit=checked_limit(limit) + 1,
    )
    return page_of(campaigns, limit, of=_LIST, place=lambda one: Place(one.created_at, one.id))


async def lock(tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> LockedCampaign | None:
    return await tx.one(LOCK, user_id=user_id, campaign_id=campaign_id)


async def change(
    tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId, *, name: str, description: str | None
) -> datetime | None:
    """When it was changed; None where there is no such campaign. The same for the functions below."""
    return await tx.one(CHANGE, user_id=user_id, campaign_id=campaign_id, name=name, description=description)


async def activate(tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> datetime | None:
    return await tx.one(ACTIVATE, user_id=user_id, campaign_id=campaign_id)


async def complete_if_idle(
    tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId
) -> datetime | None:
    """Complete the campaign once none of its searches is running.

    The lock makes searches that end at the same time wait for each other; otherwise each would see the other
    still running.
    """
    await tx.one(LOCK, user_id=user_id, campaign_id=campaign_id)
    return await tx.one(COMPLETE, user_id=user_id, campaign_id=campaign_id)


async def archive(tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> datetime | None:
    """None also while one of its searches is running."""
    return await tx.one(ARCHIVE, user_id=user_id, campaign_id=campaign_id)


async def restore(
    tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId
) -> RestoredCampaign | None:
    return await tx.one(RESTORE, user_id=user_id, campaign_id=campaign_id)


async def begin_deletion(
    tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId
) -> CampaignStatus | None:
    """The status before; None when the deletion has begun already."""
    return await tx.one(BEGIN_DELETION, user_id=user_id, campaign_id=campaign_id)
