"""The statements of a search with criteria: whom it has looked at, who waits for a profile, what is known."""

from dataclasses import dataclass
from typing import Any

from tastemaker.catalog.matching import CreatorFacts
from tastemaker.core.platforms import Platform
from tastemaker.db.statements import any_of, composed, statement

LIST_FACTS = composed(
    """
    SELECT c.id AS creator_id, c.platform, c.followers, c.emails <> ARRAY[]::text[] AS has_email,
           coalesce(c.language, c.detected_language) AS language, c.country, c.verified,
           (SELECT max(p.published_at) FROM posts p WHERE p.creator_id = c.id) AS last_post_at,
           c.bio IS NOT NULL OR coalesce(
               c.profile_fetched_at > app_now() - make_interval(secs => %(fresh_seconds)s), false)
               AS is_profile_known
    FROM creators c WHERE true {which} ORDER BY c.id DESC LIMIT %(limit)s
    """,
    CreatorFacts,
    not_null="has_email is_profile_known",
    which=any_of(
        ids="AND c.id = ANY(CAST(%(ids)s AS bigint[]))",
        platform="AND c.platform = %(platform)s AND (c.source = 'sandbox') = %(made_up)s"
        " AND c.bio IS NOT NULL",
    ),
)
"""Of these creators, or of the newest of a platform that are known well."""


@dataclass(frozen=True, slots=True)
class SeenCandidate:
    """A creator that the search has looked at. `is_known`: this keyword has met it before."""

    stable_id: str
    is_known: bool


LIST_SEEN = statement(
    """
    SELECT stable_id, run_id = %(run_id)s OR %(position)s = ANY(also_seen_by) AS is_known
    FROM search_candidates
    WHERE job_id = %(search_id)s AND tenant_id = %(user_id)s AND platform = %(platform)s
      AND stable_id = ANY(%(stable_ids)s)
    """,
    SeenCandidate,
    not_null="is_known",
)

MARK_SEEN = statement("""
    UPDATE search_candidates SET also_seen_by = also_seen_by || CAST(%(position)s AS integer)
    WHERE job_id = %(search_id)s AND tenant_id = %(user_id)s AND platform = %(platform)s
      AND stable_id = ANY(%(stable_ids)s)
""")

INSERT_CANDIDATES = statement("""
    WITH looked AS (
        UPDATE scraping_jobs SET looked_at = looked_at + cardinality(CAST(%(stable_ids)s AS text[]))
        WHERE id = %(search_id)s AND user_id = %(user_id)s
    )
    INSERT INTO search_candidates (job_id, platform, stable_id, tenant_id, creator_id, run_id, state, page)
    SELECT %(search_id)s, %(platform)s, one.stable_id, %(user_id)s, one.creator_id, %(run_id)s, one.state,
           CAST(one.page AS jsonb)
    FROM unnest(CAST(%(stable_ids)s AS text[]), CAST(%(creator_ids)s AS bigint[]),
                CAST(%(states)s AS text[]), CAST(%(pages)s AS text[]))
         WITH ORDINALITY AS one (stable_id, creator_id, state, page, ordinality)
    ORDER BY one.ordinality
""")


@dataclass(frozen=True, slots=True)
class WaitingCandidate:
    """A creator that waits for a profile, with the page of it and its posts."""

    creator_id: int
    platform: Platform
    stable_id: str
    handle: str | None
    page: Any


LIST_WAITING = statement(
    """
    SELECT w.creator_id, w.platform, w.stable_id, c.handle, w.page
    FROM search_candidates w JOIN creators c ON c.id = w.creator_id
    WHERE w.tenant_id = %(user_id)s AND w.run_id = %(run_id)s AND w.state = 'waiting'
    ORDER BY w.place LIMIT %(limit)s
    """,
    WaitingCandidate,
)

DECIDE = statement("""
    UPDATE search_candidates w SET state = given.state, page = NULL
    FROM unnest(CAST(%(creator_ids)s AS bigint[]), CAST(%(states)s AS text[])) AS given (creator_id, state)
    WHERE w.job_id = %(search_id)s AND w.tenant_id = %(user_id)s AND w.creator_id = given.creator_id
""")

ADVANCE_CANDIDATES = statement("""
    WITH run AS (
        UPDATE scraping_runs
        SET version = version + 1, stored = stored + %(stored)s, failures = %(failures)s,
            error = %(error)s, error_kind = NULL
        WHERE id = %(run_id)s AND tenant_id = %(user_id)s
    )
    UPDATE scraping_jobs
    SET processed_results = processed_results + %(stored)s,
        progress = least(100, round(100.0 * (processed_results + %(stored)s) / target_results, 2))
    WHERE id = %(search_id)s AND user_id = %(user_id)s
""")

END_PAGES = statement("""
    UPDATE scraping_runs SET pages_end = %(reason)s WHERE id = %(run_id)s AND tenant_id = %(user_id)s
""")
"""No further page is read; the run ends when none of its candidates waits."""

FORGET_CANDIDATES = statement("""
    DELETE FROM search_candidates WHERE job_id = %(search_id)s AND tenant_id = %(user_id)s
""")
