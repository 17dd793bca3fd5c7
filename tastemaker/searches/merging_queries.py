"""Making one creator of two rows: by the system's claim, over every tenant.

Locks in the order of a page: searches, the catalog's rows, usage, then what hangs on the searches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import RowMapping, text

from tastemaker.db.transaction import Transaction

FIND = text("""
    SELECT s.id AS surrogate_id, s.platform, s.stable_id AS surrogate, r.id AS account_id, r.stable_id
    FROM creators s
    JOIN LATERAL (
        SELECT min(h.creator_id) AS id FROM creator_handles h JOIN creators c ON c.id = h.creator_id
        WHERE lower(h.handle) = substr(s.stable_id, 8) AND c.platform = s.platform
          AND c.stable_id NOT LIKE 'handle:%'
        HAVING count(DISTINCT h.creator_id) = 1
    ) bearer ON true
    JOIN creators r ON r.id = bearer.id
    WHERE s.id = :id AND s.stable_id LIKE 'handle:%'
""")
"""Whose it is, where it was one account's only."""


LOCK_SEARCHES = text("""
    SELECT j.id FROM scraping_jobs j
    WHERE EXISTS (SELECT FROM search_creators s WHERE s.job_id = j.id AND s.creator_id = :surrogate_id)
    ORDER BY j.id FOR UPDATE
""")
"""Nothing new is claimed under a handle alone, so these are all that there will be."""


LOCK_BOTH = text("""
    SELECT id FROM creators WHERE id IN (:surrogate_id, :account_id) ORDER BY stable_id FOR UPDATE
""")


FILL = text("""
    UPDATE creators r SET
        handle = coalesce(r.handle, s.handle), name = coalesce(r.name, s.name), bio = coalesce(r.bio, s.bio),
        followers = coalesce(r.followers, s.followers), following = coalesce(r.following, s.following),
        posts_count = coalesce(r.posts_count, s.posts_count),
        views_total = coalesce(r.views_total, s.views_total), verified = coalesce(r.verified, s.verified),
        private = coalesce(r.private, s.private), avatar_url = coalesce(r.avatar_url, s.avatar_url),
        profile_url = coalesce(r.profile_url, s.profile_url),
        emails = CASE WHEN r.emails = '{}' THEN s.emails ELSE r.emails END,
        links = CASE WHEN r.links = '{}' THEN s.links ELSE r.links END,
        country = coalesce(r.country, s.country), language = coalesce(r.language, s.language),
        extra_ids = s.extra_ids || r.extra_ids, first_seen_at = least(r.first_seen_at, s.first_seen_at)
    FROM creators s WHERE r.id = :account_id AND s.id = :surrogate_id
""")


MOVE_HANDLES = text("""
    INSERT INTO creator_handles AS known (creator_id, handle, first_seen_at, last_seen_at)
    SELECT :account_id, handle, first_seen_at, last_seen_at FROM creator_handles
    WHERE creator_id = :surrogate_id
    ON CONFLICT (creator_id, handle) DO UPDATE SET
        first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at)
""")


MOVE_FOLLOWERS = text("""
    INSERT INTO follower_snapshots (creator_id, observed_on, followers, posts_count, views_total, source)
    SELECT :account_id, observed_on, followers, posts_count, views_total, source FROM follower_snapshots
    WHERE creator_id = :surrogate_id
    ON CONFLICT DO NOTHING
""")


MOVE_POSTS = text("UPDATE posts SET creator_id = :account_id WHERE creator_id = :surrogate_id")


LOCK_USAGE = text("""
    SELECT FROM user_usage u
    WHERE EXISTS (SELECT FROM usage_charges c WHERE c.tenant_id = u.tenant_id
                  AND c.platform = :platform AND c.stable_id = :surrogate)
    ORDER BY u.tenant_id FOR NO KEY UPDATE
""")


GIVE_BACK = text("""
    WITH doubled AS (
        DELETE FROM usage_charges c
        WHERE c.platform = :platform AND c.stable_id = :surrogate AND EXISTS (
            SELECT FROM usage_charges other
            WHERE other.tenant_id = c.tenant_id AND other.period_start = c.period_start
              AND other.platform = c.platform AND other.stable_id = :stable_id)
        RETURNING c.tenant_id, c.period_start
    ), lowered AS (
        UPDATE user_usage u SET usage_creators_current_month = u.usage_creators_current_month - 1
        FROM doubled d WHERE u.tenant_id = d.tenant_id AND u.usage_reset_date = d.period_start
    )
    SELECT count(*) FROM doubled
""")
"""Of a period that is over only the row goes: what was charged then was charged."""


RENAME_CHARGES = text("""
    UPDATE usage_charges SET stable_id = :stable_id WHERE platform = :platform AND stable_id = :surrogate
""")


DROP_DOUBLED = text("""
    WITH later AS (
        SELECT DISTINCT ON (a.job_id)
               CASE WHEN a.position < b.position THEN b.ctid ELSE a.ctid END AS place,
               CASE WHEN a.position < b.position THEN b.result_id ELSE a.result_id END AS result_id,
               greatest(a.position, b.position) AS position
        FROM search_creators a JOIN search_creators b USING (job_id)
        WHERE a.creator_id = :surrogate_id AND b.creator_id = :account_id
    ), placed AS (
        SELECT l.result_id, (SELECT count(*) FROM search_creators s
                             WHERE s.result_id = l.result_id AND s.position < l.position) AS ordinal
        FROM later l
    ), pages AS (
        UPDATE scraping_results r SET creators = r.creators - p.ordinal::integer
        FROM placed p WHERE r.id = p.result_id
    ), gone AS (
        DELETE FROM search_creators s USING later l WHERE s.ctid = l.place RETURNING s.job_id, s.run_id
    ), runs AS (
        UPDATE scraping_runs r SET stored = r.stored - 1 FROM gone g WHERE r.id = g.run_id
    )
    UPDATE scraping_jobs j SET processed_results = j.processed_results - 1
    FROM gone g WHERE j.id = g.job_id
    RETURNING j.id, j.user_id, j.campaign_id, j.platform, j.target_results, j.status, j.outcome,
              j.processed_results, j.processed_runs
""")
"""Who came first in a search that holds both stays. A page's documents stand in the order of its claims."""


RENAME_CLAIMS = text("""
    UPDATE search_creators SET creator_id = :account_id, stable_id = :stable_id
    WHERE creator_id = :surrogate_id
""")


MOVE_EXCLUSIONS = text("""
    WITH named AS (
        DELETE FROM exclusions
        WHERE platform = :platform AND kind = 'stable_id' AND value = :surrogate RETURNING *
    )
    INSERT INTO exclusions (id, tenant_id, campaign_id, platform, kind, value, note, created_at)
    SELECT id, tenant_id, campaign_id, platform, kind, :stable_id, note, created_at FROM named
    ON CONFLICT DO NOTHING
""")


DELETE = text("DELETE FROM creators WHERE id = :surrogate_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePair:
    """A creator known by its handle alone, and the one account that bore the handle."""

    surrogate_id: int
    platform: str
    surrogate: str
    account_id: int
    stable_id: str


@dataclass(frozen=True, slots=True)
class MergedCreators:
    """What became one: searches that held both, as they are now, and charges given back."""

    searches: Sequence[RowMapping]
    charges: int


async def lock_pair(session: Transaction, surrogate_id: int) -> MergePair | None:
    """With every search that holds the surrogate. None: it is gone, or whose it is cannot be told."""
    if await _find(session, surrogate_id) is None:
        return None
    await session.execute(LOCK_SEARCHES, {"surrogate_id": surrogate_id})
    if (pair := await _find(session, surrogate_id)) is None:
        return None
    await session.execute(LOCK_BOTH, {"surrogate_id": surrogate_id, "account_id": pair.account_id})
    return await _find(session, surrogate_id)


async def merge_rows(session: Transaction, pair: MergePair) -> MergedCreators:
    parameters = {
        "surrogate_id": pair.surrogate_id,
        "account_id": pair.account_id,
        "platform": pair.platform,
        "surrogate": pair.surrogate,
        "stable_id": pair.stable_id,
    }
    for statement in (FILL, MOVE_HANDLES, MOVE_FOLLOWERS, MOVE_POSTS, LOCK_USAGE):
        await session.execute(statement, parameters)
    charges = (await session.execute(GIVE_BACK, parameters)).scalar_one()
    await session.execute(RENAME_CHARGES, parameters)
    searches = (await session.execute(DROP_DOUBLED, parameters)).mappings().all()
    for statement in (RENAME_CLAIMS, MOVE_EXCLUSIONS, DELETE):
        await session.execute(statement, parameters)
    return MergedCreators(searches, int(charges))


async def _find(session: Transaction, surrogate_id: int) -> MergePair | None:
    row = (await session.execute(FIND, {"id": surrogate_id})).mappings().first()
    return MergePair(**row) if row else None
