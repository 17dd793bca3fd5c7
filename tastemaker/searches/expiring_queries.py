"""What a provider's policy lets nobody keep any longer: everybody's, by the system's claim, batch by batch.

A creator's row and its place in a search stay, with the id alone: what was found and charged still counts.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

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


async def expire_some(session: AsyncSession, *, limit: int) -> dict[str, int]:
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
