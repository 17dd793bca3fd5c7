"""The statements of the sweeper, of retention and of campaign deletion.

The sweeper and retention work on every tenant's rows, by the system's claim. Campaign deletion deletes a few
thousand rows in a transaction, in the order of references.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.db.transaction import Transaction

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


LIST_UNPUBLISHED = text("""
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


LIST_INCOMPLETE_DELETIONS = text("""
    SELECT c.user_id, c.id FROM campaigns c
    WHERE c.deleting_since IS NOT NULL AND NOT EXISTS (
        SELECT FROM background_jobs b WHERE b.status = 'pending' AND b.dedupe_key = 'erase:' || c.id)
      AND NOT EXISTS (
        SELECT FROM background_jobs b WHERE b.status = 'processing' AND b.lock_key = 'erase:' || c.id)
    ORDER BY c.deleting_since LIMIT :limit
""")


async def list_overdue(session: Transaction, *, limit: int) -> Sequence[tuple[ExternalUserId, SearchId]]:
    """Searches whose time is over; one that is parked has its time still before it."""
    rows = await session.execute(LIST_OVERDUE, {"limit": limit})
    return [(ExternalUserId(user_id), SearchId(search_id)) for user_id, search_id in rows]


async def lock_overdue(session: Transaction, user_id: ExternalUserId, search_id: SearchId) -> bool:
    """Whether it still is, now that nobody else may change it."""
    return await session.scalar(IS_OVERDUE, {"user_id": user_id, "search_id": search_id}) is not None


async def list_unpublished(
    session: Transaction, *, most: int, limit: int
) -> Sequence[tuple[ExternalUserId, SearchId]]:
    """Searches of which fewer keywords have a message than may be worked on at once."""
    rows = await session.execute(LIST_UNPUBLISHED, {"most": most, "limit": limit})
    return [(ExternalUserId(user_id), SearchId(search_id)) for user_id, search_id in rows]


async def list_incomplete_deletions(
    session: Transaction, *, limit: int
) -> Sequence[tuple[ExternalUserId, CampaignId]]:
    """Campaigns on their way out of which no message speaks."""
    rows = await session.execute(LIST_INCOMPLETE_DELETIONS, {"limit": limit})
    return [(ExternalUserId(user_id), CampaignId(campaign_id)) for user_id, campaign_id in rows]


BLANK_CREATORS = text("""
    WITH due AS (
        SELECT id FROM creators WHERE expires_at <= app_now()
        ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ), handles AS (
        DELETE FROM creator_handles h USING due WHERE h.creator_id = due.id
    ), blanked AS (
        UPDATE creators c
        SET handle = NULL, name = NULL, bio = NULL, followers = NULL, following = NULL, posts_count = NULL,
            views_total = NULL, verified = NULL, private = NULL, avatar_url = NULL, profile_url = NULL,
            emails = '{}', links = '{}', country = NULL, language = NULL, extra_ids = '{}', expires_at = NULL
        FROM due WHERE c.id = due.id RETURNING 1
    ) SELECT count(*) FROM blanked
""")


DELETE_POSTS = text("""
    WITH due AS (
        SELECT id FROM posts WHERE expires_at <= app_now()
        ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM posts p USING due WHERE p.id = due.id RETURNING 1
    ) SELECT count(*) FROM gone
""")


DELETE_SNAPSHOTS = text("""
    WITH due AS (
        SELECT creator_id, observed_on FROM follower_snapshots WHERE expires_at <= app_now()
        ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM follower_snapshots s USING due
        WHERE s.creator_id = due.creator_id AND s.observed_on = due.observed_on RETURNING 1
    ) SELECT count(*) FROM gone
""")


BLANK_RESULTS = text("""
    WITH due AS (
        SELECT id FROM scraping_results WHERE expires_at <= app_now()
        ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ), blanked AS (
        UPDATE scraping_results r
        SET expires_at = NULL, creators = (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'creator', jsonb_strip_nulls(jsonb_build_object(
                           'name', '', 'channelId', e.c #> '{creator,channelId}')),
                       'video', '{"description": "", "url": "", "statistics": {}}'::jsonb,
                       'hashtags', '[]'::jsonb, 'platform', e.c -> 'platform', 'ownerId', e.c -> 'ownerId',
                       'enhancementStatus', 'pending') ORDER BY e.n), '[]')
            FROM jsonb_array_elements(r.creators) WITH ORDINALITY AS e (c, n))
        FROM due WHERE r.id = due.id RETURNING 1
    ) SELECT count(*) FROM blanked
""")


async def expire_some(session: Transaction, *, limit: int) -> dict[str, int]:
    """At most `limit` of each kind; how many there were."""
    asked = {"limit": limit}
    steps = {
        "results": BLANK_RESULTS,
        "posts": DELETE_POSTS,
        "snapshots": DELETE_SNAPSHOTS,
        "creators": BLANK_CREATORS,
    }
    return {
        kind: int((await session.execute(statement, asked)).scalar_one()) for kind, statement in steps.items()
    }


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
    session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId
) -> Sequence[SearchId]:
    """A page that is being kept is waited for."""
    rows = await session.execute(LOCK_OPEN_SEARCHES, {"user_id": user_id, "campaign_id": campaign_id})
    return [SearchId(row) for row in rows.scalars()]


async def count_searches(session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> int:
    parameters = {"user_id": user_id, "campaign_id": campaign_id}
    return int(await session.scalar(COUNT_SEARCHES, parameters) or 0)


async def cancel_messages(session: Transaction, user_id: ExternalUserId, search_id: SearchId) -> None:
    await session.execute(CANCEL_MESSAGES, {"user_id": user_id, "search_id": str(search_id)})


async def is_deleting(session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> bool:
    parameters = {"user_id": user_id, "campaign_id": campaign_id}
    return await session.scalar(IS_DELETING, parameters) is not None


async def erase_batch(session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> int:
    """Rows deleted: of the first kind of which there are any. 0: nothing hangs on the campaign any more."""
    for statement, batch in IN_ORDER:
        parameters = {"user_id": user_id, "campaign_id": campaign_id, "batch": batch}
        deleted = len((await session.execute(statement, parameters)).all())
        if deleted:
            return deleted
    return 0


async def delete_campaign(session: Transaction, user_id: ExternalUserId, campaign_id: CampaignId) -> None:
    """The row itself, once nothing hangs on it."""
    await session.execute(DELETE_CAMPAIGN, {"user_id": user_id, "campaign_id": campaign_id})
