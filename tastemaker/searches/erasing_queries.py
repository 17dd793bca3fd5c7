"""Erasing what a deleted campaign holds: a few thousand rows in a transaction, in the order of references."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId

_SEARCHES: Final = """
    SELECT id FROM scraping_jobs WHERE user_id = :user_id AND campaign_id = :campaign_id"""
_IMPORTS: Final = """
    SELECT id FROM search_jobs WHERE tenant_id = :user_id AND campaign_id = :campaign_id"""

LOCK_OPEN_SEARCHES = text(f"""
    {_SEARCHES} AND status IN ('pending', 'processing') ORDER BY id FOR UPDATE
""")

COUNT_SEARCHES = text("""
    SELECT count(*) FROM scraping_jobs WHERE user_id = :user_id AND campaign_id = :campaign_id
""")

CANCEL_MESSAGES = text("""
    UPDATE background_jobs SET status = 'cancelled'
    WHERE tenant_id = :user_id AND status = 'pending' AND correlation_id = CAST(:search_id AS text)
""")

DELETE_CLAIMS = text(f"""
    DELETE FROM search_creators WHERE tenant_id = :user_id AND ctid = ANY(ARRAY(
        SELECT held.ctid FROM search_creators held
        WHERE held.tenant_id = :user_id AND held.job_id = ANY(ARRAY({_SEARCHES})) LIMIT :batch))
    RETURNING 1
""")  # noqa: S608 - of this module's own words, as those that follow

DELETE_RESULTS = text(f"""
    DELETE FROM scraping_results WHERE user_id = :user_id AND id = ANY(ARRAY(
        SELECT page.id FROM scraping_results page
        WHERE page.user_id = :user_id AND page.job_id = ANY(ARRAY({_SEARCHES})) LIMIT :batch))
    RETURNING 1
""")  # noqa: S608 - of this module's own words

DELETE_RUNS = text(f"""
    DELETE FROM scraping_runs WHERE tenant_id = :user_id AND id = ANY(ARRAY(
        SELECT run.id FROM scraping_runs run
        WHERE run.tenant_id = :user_id AND run.job_id = ANY(ARRAY({_SEARCHES})) LIMIT :batch))
    RETURNING 1
""")  # noqa: S608 - of this module's own words

DELETE_SEARCHES = text(f"""
    DELETE FROM scraping_jobs WHERE user_id = :user_id AND id = ANY(ARRAY({_SEARCHES} LIMIT :batch))
    RETURNING 1
""")  # noqa: S608 - of this module's own words

DELETE_IMPORTED = text(f"""
    DELETE FROM search_results WHERE tenant_id = :user_id AND id = ANY(ARRAY(
        SELECT one.id FROM search_results one
        WHERE one.tenant_id = :user_id AND one.job_id = ANY(ARRAY({_IMPORTS})) LIMIT :batch))
    RETURNING 1
""")  # noqa: S608 - of this module's own words

DELETE_IMPORTS = text(f"""
    DELETE FROM search_jobs WHERE tenant_id = :user_id AND id = ANY(ARRAY({_IMPORTS} LIMIT :batch))
    RETURNING 1
""")  # noqa: S608 - of this module's own words

DELETE_EXCLUSIONS = text("""
    DELETE FROM exclusions WHERE tenant_id = :user_id AND id = ANY(ARRAY(
        SELECT one.id FROM exclusions one
        WHERE one.tenant_id = :user_id AND one.campaign_id = :campaign_id LIMIT :batch))
    RETURNING 1
""")

IN_ORDER: Final = (
    (DELETE_CLAIMS, 2000),
    (DELETE_RESULTS, 200),
    (DELETE_RUNS, 500),
    (DELETE_SEARCHES, 200),
    (DELETE_IMPORTED, 2000),
    (DELETE_IMPORTS, 200),
    (DELETE_EXCLUSIONS, 2000),
)
"""Statement, and how many rows it takes at once: each is far below a second."""

DELETE_CAMPAIGN = text("""
    DELETE FROM campaigns WHERE user_id = :user_id AND id = :campaign_id AND deleting_since IS NOT NULL
    RETURNING 1
""")

IS_DELETING = text("""
    SELECT 1 FROM campaigns WHERE user_id = :user_id AND id = :campaign_id AND deleting_since IS NOT NULL
""")


async def lock_open_searches(
    session: AsyncSession, user_id: ExternalUserId, campaign_id: CampaignId
) -> Sequence[SearchId]:
    """A page that is being kept is waited for."""
    rows = await session.execute(LOCK_OPEN_SEARCHES, {"user_id": user_id, "campaign_id": campaign_id})
    return [SearchId(row) for row in rows.scalars()]


async def count_searches(session: AsyncSession, user_id: ExternalUserId, campaign_id: CampaignId) -> int:
    parameters = {"user_id": user_id, "campaign_id": campaign_id}
    return int(await session.scalar(COUNT_SEARCHES, parameters) or 0)


async def cancel_messages(session: AsyncSession, user_id: ExternalUserId, search_id: SearchId) -> None:
    await session.execute(CANCEL_MESSAGES, {"user_id": user_id, "search_id": str(search_id)})


async def is_deleting(session: AsyncSession, user_id: ExternalUserId, campaign_id: CampaignId) -> bool:
    parameters = {"user_id": user_id, "campaign_id": campaign_id}
    return await session.scalar(IS_DELETING, parameters) is not None


async def erase_batch(session: AsyncSession, user_id: ExternalUserId, campaign_id: CampaignId) -> int:
    """Rows deleted: of the first kind of which there are any. 0: nothing hangs on the campaign any more."""
    for statement, batch in IN_ORDER:
        parameters = {"user_id": user_id, "campaign_id": campaign_id, "batch": batch}
        deleted = len((await session.execute(statement, parameters)).all())
        if deleted:
            return deleted
    return 0


async def delete_campaign(session: AsyncSession, user_id: ExternalUserId, campaign_id: CampaignId) -> None:
    """The row itself, once nothing hangs on it."""
    await session.execute(DELETE_CAMPAIGN, {"user_id": user_id, "campaign_id": campaign_id})
