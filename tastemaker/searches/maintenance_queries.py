"""The statements of the sweeper, of retention and of campaign deletion.

The sweeper and retention work on every tenant's rows, by the system's claim. Retention clears a creator's row
and its results but keeps both with the id alone: what was found and charged still counts. Campaign deletion
deletes a few thousand rows in a transaction, in the order of references.
"""

from dataclasses import dataclass
from typing import Final

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.db.statements import statement


@dataclass(frozen=True, slots=True)
class TenantSearch:
    user_id: ExternalUserId
    search_id: SearchId


@dataclass(frozen=True, slots=True)
class TenantCampaign:
    user_id: ExternalUserId
    campaign_id: CampaignId


LIST_OVERDUE = statement(
    """
    SELECT user_id, id AS search_id FROM scraping_jobs
    WHERE status IN ('pending', 'processing') AND timeout_at < app_now()
      AND (parked_until IS NULL OR parked_until < app_now())
    ORDER BY timeout_at LIMIT %(limit)s
    """,
    TenantSearch,
)
"""Searches past their time limit that are not parked."""

LIST_WITHOUT_RUNS = statement(
    """
    SELECT j.user_id, j.id AS search_id FROM scraping_jobs j
    WHERE j.status IN ('pending', 'processing') AND NOT EXISTS (
        SELECT FROM scraping_runs r
        WHERE r.job_id = j.id AND r.tenant_id = j.user_id AND r.status IN ('pending', 'processing'))
    ORDER BY j.created_at LIMIT %(limit)s
    """,
    TenantSearch,
)
"""Open searches with nothing left to run: no page and no message would ever end them."""

LOCK_OVERDUE = statement(
    """
    SELECT id FROM scraping_jobs
    WHERE user_id = %(user_id)s AND id = %(search_id)s AND status IN ('pending', 'processing')
      AND timeout_at < app_now() AND (parked_until IS NULL OR parked_until < app_now())
    FOR NO KEY UPDATE
    """,
    SearchId,
)
"""Checked again under the lock."""

LIST_UNPUBLISHED = statement(
    """
    SELECT j.user_id, j.id AS search_id
    FROM scraping_jobs j CROSS JOIN LATERAL (
        SELECT count(*) AS open, count(*) FILTER (WHERE
                   EXISTS (SELECT FROM background_jobs b
                           WHERE b.dedupe_key = 'run:' || r.id AND b.status = 'pending')
                   OR EXISTS (SELECT FROM background_jobs b
                              WHERE b.lock_key = 'run:' || r.id AND b.status = 'processing')) AS published
        FROM scraping_runs r
        WHERE r.job_id = j.id AND r.status IN ('pending', 'processing')) runs
    WHERE j.status IN ('pending', 'processing') AND runs.published < least(runs.open, %(most)s)
    ORDER BY j.created_at LIMIT %(limit)s
    """,
    TenantSearch,
)
"""Searches of which fewer keywords have a message than may run at once."""

LIST_INCOMPLETE_DELETIONS = statement(
    """
    SELECT c.user_id, c.id AS campaign_id FROM campaigns c
    WHERE c.deleting_since IS NOT NULL AND NOT EXISTS (
        SELECT FROM background_jobs b WHERE b.status = 'pending' AND b.dedupe_key = 'erase:' || c.id)
      AND NOT EXISTS (
        SELECT FROM background_jobs b WHERE b.status = 'processing' AND b.lock_key = 'erase:' || c.id)
    ORDER BY c.deleting_since LIMIT %(limit)s
    """,
    TenantCampaign,
)
"""Campaigns in deletion without a message."""

BLANK_CREATORS = statement(
    """
    WITH due AS (
        SELECT id FROM creators WHERE expires_at <= app_now()
        ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), handles AS (
        DELETE FROM creator_handles h USING due WHERE h.creator_id = due.id
    ), documents AS (
        DELETE FROM creator_documents d USING due WHERE d.creator_id = due.id
    ), copies AS (
        UPDATE campaign_creators held
        SET followers = NULL, verified = NULL, has_email = false, language = NULL, country = NULL,
            name = NULL, text = ''
        FROM due WHERE held.creator_id = due.id
    ), blanked AS (
        UPDATE creators c
        SET handle = NULL, name = NULL, bio = NULL, followers = NULL, following = NULL, posts_count = NULL,
            views_total = NULL, verified = NULL, private = NULL, avatar_url = NULL, profile_url = NULL,
            emails = '{}', links = '{}', country = NULL, language = NULL, extra_ids = '{}', expires_at = NULL,
            detected_language = NULL, language_share = NULL, language_texts = NULL,
            profile_fetched_at = NULL
        FROM due WHERE c.id = due.id RETURNING 1
    ) SELECT count(*) FROM blanked
    """,
    int,
    not_null="count",
)

DELETE_POSTS = statement(
    """
    WITH due AS (
        SELECT id, creator_id FROM posts WHERE expires_at <= app_now()
        ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), newest AS (
        SELECT held.campaign_id, held.creator_id, bool_or(shown.post_id IN (SELECT id FROM due)) AS was_shown,
               (SELECT max(own.published_at) FROM posts own
                WHERE own.creator_id = held.creator_id AND own.id NOT IN (SELECT id FROM due)) AS last_post_at
        FROM campaign_creators held
        JOIN search_creators shown ON shown.job_id = held.job_id AND shown.position = held.position
        WHERE held.creator_id IN (SELECT creator_id FROM due)
        GROUP BY held.campaign_id, held.creator_id
    ), copies AS (
        UPDATE campaign_creators held
        SET last_post_at = newest.last_post_at,
            views = CASE WHEN NOT newest.was_shown THEN held.views END,
            likes = CASE WHEN NOT newest.was_shown THEN held.likes END,
            text = CASE WHEN newest.was_shown
                   THEN left(fold_text(concat_ws(E'\n', c.name, c.handle, c.bio)), 4000) ELSE held.text END
        FROM newest JOIN creators c ON c.id = newest.creator_id
        WHERE held.campaign_id = newest.campaign_id AND held.creator_id = newest.creator_id
    ), documents AS (
        DELETE FROM creator_documents d WHERE d.creator_id IN (SELECT creator_id FROM due)
    ), gone AS (
        DELETE FROM posts p USING due WHERE p.id = due.id RETURNING 1
    ) SELECT count(*) FROM gone
    """,
    int,
    not_null="count",
)

DELETE_SNAPSHOTS = statement(
    """
    WITH due AS (
        SELECT creator_id, observed_on FROM follower_snapshots WHERE expires_at <= app_now()
        ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM follower_snapshots s USING due
        WHERE s.creator_id = due.creator_id AND s.observed_on = due.observed_on RETURNING 1
    ) SELECT count(*) FROM gone
    """,
    int,
    not_null="count",
)

BLANK_RESULTS = statement(
    """
    WITH due AS (
        SELECT id FROM scraping_results WHERE expires_at <= app_now()
        ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
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
    """,
    int,
    not_null="count",
)

_SEARCHES: Final = """
    SELECT id FROM scraping_jobs WHERE user_id = %(user_id)s AND campaign_id = %(campaign_id)s"""

_IMPORTS: Final = """
    SELECT id FROM search_jobs WHERE tenant_id = %(user_id)s AND campaign_id = %(campaign_id)s"""

LOCK_OPEN_SEARCHES = statement(
    f"""
    {_SEARCHES} AND status IN ('pending', 'processing') ORDER BY id FOR NO KEY UPDATE
    """,
    SearchId,
)
"""Waits for pages that are being committed."""

COUNT_SEARCHES = statement(
    """
    SELECT count(*) FROM scraping_jobs WHERE user_id = %(user_id)s AND campaign_id = %(campaign_id)s
    """,
    int,
    not_null="count",
)

CANCEL_MESSAGES = statement("""
    UPDATE background_jobs SET status = 'cancelled'
    WHERE tenant_id = %(user_id)s AND status = 'pending' AND correlation_id = CAST(%(search_id)s AS text)
""")

DELETE_CLAIMS = statement(f"""
    DELETE FROM search_creators WHERE tenant_id = %(user_id)s AND ctid = ANY(ARRAY(
        SELECT held.ctid FROM search_creators held
        WHERE held.tenant_id = %(user_id)s AND held.job_id = ANY(ARRAY({_SEARCHES})) LIMIT %(batch)s))
""")  # noqa: S608 - of this module's own constants

DELETE_HELD = statement("""
    DELETE FROM campaign_creators WHERE tenant_id = %(user_id)s AND ctid = ANY(ARRAY(
        SELECT held.ctid FROM campaign_creators held
        WHERE held.tenant_id = %(user_id)s AND held.campaign_id = %(campaign_id)s LIMIT %(batch)s))
""")

DELETE_RESULTS = statement(f"""
    DELETE FROM scraping_results WHERE user_id = %(user_id)s AND id = ANY(ARRAY(
        SELECT page.id FROM scraping_results page
        WHERE page.user_id = %(user_id)s AND page.job_id = ANY(ARRAY({_SEARCHES})) LIMIT %(batch)s))
""")  # noqa: S608 - of this module's own constants

DELETE_RUNS = statement(f"""
    DELETE FROM scraping_runs WHERE tenant_id = %(user_id)s AND id = ANY(ARRAY(
        SELECT run.id FROM scraping_runs run
        WHERE run.tenant_id = %(user_id)s AND run.job_id = ANY(ARRAY({_SEARCHES})) LIMIT %(batch)s))
""")  # noqa: S608 - of this module's own constants

DELETE_SEARCHES = statement(f"""
    DELETE FROM scraping_jobs WHERE user_id = %(user_id)s AND id = ANY(ARRAY({_SEARCHES} LIMIT %(batch)s))
""")  # noqa: S608 - of this module's own constants

DELETE_IMPORTED = statement(f"""
    DELETE FROM search_results WHERE tenant_id = %(user_id)s AND id = ANY(ARRAY(
        SELECT one.id FROM search_results one
        WHERE one.tenant_id = %(user_id)s AND one.job_id = ANY(ARRAY({_IMPORTS})) LIMIT %(batch)s))
""")  # noqa: S608 - of this module's own constants

DELETE_IMPORTS = statement(f"""
    DELETE FROM search_jobs WHERE tenant_id = %(user_id)s AND id = ANY(ARRAY({_IMPORTS} LIMIT %(batch)s))
""")  # noqa: S608 - of this module's own constants

DELETE_EXCLUSIONS = statement("""
    DELETE FROM exclusions WHERE tenant_id = %(user_id)s AND id = ANY(ARRAY(
        SELECT one.id FROM exclusions one
        WHERE one.tenant_id = %(user_id)s AND one.campaign_id = %(campaign_id)s LIMIT %(batch)s))
""")

DELETE_CAMPAIGN = statement("""
    DELETE FROM campaigns WHERE user_id = %(user_id)s AND id = %(campaign_id)s AND deleting_since IS NOT NULL
""")

IS_DELETING = statement(
    """
    SELECT id FROM campaigns
    WHERE user_id = %(user_id)s AND id = %(campaign_id)s AND deleting_since IS NOT NULL
    """,
    CampaignId,
)

IN_ORDER: Final = (
    (DELETE_HELD, 2000),
    (DELETE_CLAIMS, 2000),
    (DELETE_RESULTS, 200),
    (DELETE_RUNS, 500),
    (DELETE_SEARCHES, 200),
    (DELETE_IMPORTED, 2000),
    (DELETE_IMPORTS, 200),
    (DELETE_EXCLUSIONS, 2000),
)
"""A campaign's rows in the order of references: each statement with its batch size. Each takes far below a
second."""

RETENTION: Final = {
    "results": BLANK_RESULTS,
    "posts": DELETE_POSTS,
    "snapshots": DELETE_SNAPSHOTS,
    "creators": BLANK_CREATORS,
}
"""In the order in which they run."""
