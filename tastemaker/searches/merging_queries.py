"""The statements that merge two rows of a creator: by the system's claim, for every tenant.

Locks are taken in the order of a page: searches, creators, usage, then the rows of the searches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tastemaker.catalog.document_queries import write_documents
from tastemaker.core.ids import SearchId
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.searches.campaign_creators_queries import REBUILD
from tastemaker.searches.types import ChangedSearch


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePair:
    """A creator known by its handle alone, and the one account that bore the handle."""

    surrogate_id: int
    platform: str
    surrogate: str
    account_id: int
    stable_id: str


FIND_PAIR = statement(
    """
    SELECT s.id AS surrogate_id, s.platform, s.stable_id AS surrogate, r.id AS account_id, r.stable_id
    FROM creators s
    JOIN LATERAL (
        SELECT min(h.creator_id) AS id FROM creator_handles h JOIN creators c ON c.id = h.creator_id
        WHERE lower(h.handle) = substr(s.stable_id, 8) AND c.platform = s.platform
          AND c.stable_id NOT LIKE 'handle:%%'
        HAVING count(DISTINCT h.creator_id) = 1
    ) bearer ON true
    JOIN creators r ON r.id = bearer.id
    WHERE s.id = %(surrogate_id)s AND s.stable_id LIKE 'handle:%%'
    """,
    MergePair,
)
"""The account, where only one account bore the handle."""

LOCK_SEARCHES = statement(
    """
    SELECT j.id FROM scraping_jobs j
    WHERE EXISTS (SELECT FROM search_creators s WHERE s.job_id = j.id AND s.creator_id = %(surrogate_id)s)
    ORDER BY j.id FOR NO KEY UPDATE
    """,
    SearchId,
)
"""No page claims a creator under a handle alone, so no search is added later.

Every lock of a search is FOR NO KEY UPDATE: rows that refer to it, as those of `REBUILD`, never wait.
"""

LOCK_BOTH = statement(
    """
    SELECT id FROM creators WHERE id IN (%(surrogate_id)s, %(account_id)s) ORDER BY stable_id FOR UPDATE
    """,
    int,
)

FILL = statement("""
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
        profile_fetched_at = coalesce(r.profile_fetched_at, s.profile_fetched_at),
        extra_ids = s.extra_ids || r.extra_ids, first_seen_at = least(r.first_seen_at, s.first_seen_at)
    FROM creators s WHERE r.id = %(account_id)s AND s.id = %(surrogate_id)s
""")

MOVE_HANDLES = statement("""
    INSERT INTO creator_handles AS known (creator_id, handle, first_seen_at, last_seen_at)
    SELECT %(account_id)s, handle, first_seen_at, last_seen_at FROM creator_handles
    WHERE creator_id = %(surrogate_id)s
    ON CONFLICT (creator_id, handle) DO UPDATE SET
        first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at)
""")

MOVE_FOLLOWERS = statement("""
    INSERT INTO follower_snapshots (creator_id, observed_on, followers, posts_count, views_total, source)
    SELECT %(account_id)s, observed_on, followers, posts_count, views_total, source FROM follower_snapshots
    WHERE creator_id = %(surrogate_id)s
    ON CONFLICT DO NOTHING
""")

MOVE_POSTS = statement("UPDATE posts SET creator_id = %(account_id)s WHERE creator_id = %(surrogate_id)s")

LOCK_USAGE = statement(
    """
    SELECT u.tenant_id FROM user_usage u
    WHERE EXISTS (SELECT FROM usage_charges c WHERE c.tenant_id = u.tenant_id
                  AND c.platform = %(platform)s AND c.stable_id = %(surrogate)s)
    ORDER BY u.tenant_id FOR NO KEY UPDATE
    """,
    str,
)

GIVE_BACK = statement(
    """
    WITH doubled AS (
        DELETE FROM usage_charges c
        WHERE c.platform = %(platform)s AND c.stable_id = %(surrogate)s AND EXISTS (
            SELECT FROM usage_charges other
            WHERE other.tenant_id = c.tenant_id AND other.period_start = c.period_start
              AND other.platform = c.platform AND other.stable_id = %(stable_id)s)
        RETURNING c.tenant_id, c.period_start
    ), lowered AS (
        UPDATE user_usage u SET usage_creators_current_month = u.usage_creators_current_month - 1
        FROM doubled d WHERE u.tenant_id = d.tenant_id AND u.usage_reset_date = d.period_start
    )
    SELECT count(*) FROM doubled
    """,
    int,
    not_null="count",
)
"""Usage is lowered in the current period only; charges of former periods stay counted."""

RENAME_CHARGES = statement("""
    UPDATE usage_charges SET stable_id = %(stable_id)s
    WHERE platform = %(platform)s AND stable_id = %(surrogate)s
""")

DROP_DOUBLED = statement(
    """
    WITH later AS (
        SELECT DISTINCT ON (a.job_id)
               CASE WHEN a.position < b.position THEN b.ctid ELSE a.ctid END AS place,
               CASE WHEN a.position < b.position THEN b.result_id ELSE a.result_id END AS result_id,
               greatest(a.position, b.position) AS position
        FROM search_creators a JOIN search_creators b USING (job_id)
        WHERE a.creator_id = %(surrogate_id)s AND b.creator_id = %(account_id)s
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
    RETURNING j.id, j.user_id, j.campaign_id, j.platform, j.target_results AS target, j.status, j.outcome,
              j.processed_results AS stored, j.processed_runs AS pages
    """,
    ChangedSearch,
)
"""In a search that holds both, the first stays. A page's documents are in the order of its claims."""

RENAME_CLAIMS = statement("""
    UPDATE search_creators SET creator_id = %(account_id)s, stable_id = %(stable_id)s
    WHERE creator_id = %(surrogate_id)s
""")

MOVE_EXCLUSIONS = statement("""
    WITH named AS (
        DELETE FROM exclusions
        WHERE platform = %(platform)s AND kind = 'stable_id' AND value = %(surrogate)s RETURNING *
    )
    INSERT INTO exclusions (id, tenant_id, campaign_id, platform, kind, value, note, created_at)
    SELECT id, tenant_id, campaign_id, platform, kind, %(stable_id)s, note, created_at FROM named
    ON CONFLICT DO NOTHING
""")

JOIN_IMPORTED = statement("""
    UPDATE campaign_creators held SET imported_id = coalesce(held.imported_id, other.imported_id)
    FROM campaign_creators other
    WHERE held.creator_id = %(account_id)s AND other.creator_id = %(surrogate_id)s
      AND other.campaign_id = held.campaign_id
""")
MOVE_IMPORTED = statement("""
    UPDATE campaign_creators held SET creator_id = %(account_id)s
    WHERE held.creator_id = %(surrogate_id)s AND held.imported_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM campaign_creators other
        WHERE other.creator_id = %(account_id)s AND other.campaign_id = held.campaign_id)
""")
"""Before the campaigns are combined anew from what searches hold, which does not know of imported rows."""

DELETE = statement("DELETE FROM creators WHERE id = %(surrogate_id)s")


@dataclass(frozen=True, slots=True)
class MergedCreators:
    """The searches that held both creators, as they are now, and how many charges were given back."""

    searches: Sequence[ChangedSearch]
    charges: int


async def lock_pair(tx: Transaction, surrogate_id: int) -> MergePair | None:
    """Lock both creators and every search that holds the surrogate. None: no one account is known."""
    if await tx.one(FIND_PAIR, surrogate_id=surrogate_id) is None:
        return None
    await tx.many(LOCK_SEARCHES, surrogate_id=surrogate_id)
    if (pair := await tx.one(FIND_PAIR, surrogate_id=surrogate_id)) is None:
        return None
    await tx.many(LOCK_BOTH, surrogate_id=surrogate_id, account_id=pair.account_id)
    return await tx.one(FIND_PAIR, surrogate_id=surrogate_id)


async def merge_rows(tx: Transaction, pair: MergePair) -> MergedCreators:
    creators = {"surrogate_id": pair.surrogate_id, "account_id": pair.account_id}
    names = {"platform": pair.platform, "surrogate": pair.surrogate}
    for copy in (FILL, MOVE_HANDLES, MOVE_FOLLOWERS, MOVE_POSTS):
        await tx.run(copy, **creators)
    await tx.many(LOCK_USAGE, **names)
    charges = await tx.only(GIVE_BACK, stable_id=pair.stable_id, **names)
    await tx.run(RENAME_CHARGES, stable_id=pair.stable_id, **names)
    searches = await tx.many(DROP_DOUBLED, **creators)
    await tx.run(RENAME_CLAIMS, stable_id=pair.stable_id, **creators)
    await tx.run(JOIN_IMPORTED, **creators)
    await tx.run(MOVE_IMPORTED, **creators)
    await tx.run(REBUILD.choose(which="creator"), creator_id=pair.account_id)
    await tx.run(MOVE_EXCLUSIONS, stable_id=pair.stable_id, **names)
    await tx.run(DELETE, surrogate_id=pair.surrogate_id)
    await write_documents(tx, [pair.account_id])
    return MergedCreators(searches, charges)
