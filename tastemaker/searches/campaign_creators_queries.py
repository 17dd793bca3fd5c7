"""The creators of a campaign, each once: written with the pages that found them, made again after a merge.

The values are copies, taken from the catalog with the last page of the campaign that showed the creator. The
search that found a creator first keeps the place, and the post that is shown.
"""

from collections.abc import Sequence
from types import NoneType
from typing import Final

from tastemaker.core.platforms import Platform
from tastemaker.db.statements import any_of, composed, statement
from tastemaker.db.transaction import Transaction
from tastemaker.searches.run.queries import RunState

_COLUMNS: Final = """
    tenant_id, campaign_id, creator_id, job_id, position, found_at, searches, keywords, matched_in,
    platform, followers, views, likes, last_post_at, verified, has_email, language, country, name, text"""

_VALUES: Final = r"""
    c.platform, c.followers, p.views, p.likes,
    (SELECT max(own.published_at) FROM posts own WHERE own.creator_id = c.id),
    c.verified, c.emails <> ARRAY[]::text[], c.language, c.country,
    left(fold_text(coalesce(nullif(btrim(c.name), ''), c.handle)), 60),
    left(fold_text(concat_ws(E'\n', c.name, c.handle, c.bio, p.text)), 4000)"""

_COPIED: Final = ", ".join(
    f"{name} = excluded.{name}"
    for name in (
        "followers", "last_post_at", "verified", "has_email", "language", "country", "name", "text", "views",
        "likes",
    )
)  # fmt: skip

KEEP = statement(f"""
    INSERT INTO campaign_creators AS held ({_COLUMNS})
    SELECT s.tenant_id, j.campaign_id, s.creator_id, shown.job_id, shown.position, shown.created_at,
           CASE WHEN old.creator_id IS NULL OR s.stable_id = ANY(CAST(%(new)s AS text[])) THEN 1 ELSE 0 END,
           ARRAY[CAST(%(keyword)s AS text)], shown.matched_in, {_VALUES}
    FROM search_creators s
    JOIN scraping_jobs j ON j.id = s.job_id AND j.user_id = s.tenant_id
    LEFT JOIN campaign_creators old ON old.tenant_id = s.tenant_id AND old.campaign_id = j.campaign_id
         AND old.creator_id = s.creator_id
    JOIN search_creators shown ON shown.tenant_id = s.tenant_id
         AND shown.job_id = coalesce(old.job_id, s.job_id)
         AND shown.position = coalesce(old.position, s.position)
    JOIN creators c ON c.id = s.creator_id
    LEFT JOIN posts p ON p.id = shown.post_id
    WHERE s.tenant_id = %(user_id)s AND s.job_id = %(search_id)s AND s.platform = %(platform)s
      AND s.stable_id = ANY(CAST(%(stable_ids)s AS text[])) AND j.campaign_id IS NOT NULL
    ORDER BY s.creator_id
    ON CONFLICT (campaign_id, creator_id) DO UPDATE SET
        {_COPIED},
        searches = held.searches + excluded.searches,
        keywords = CASE WHEN %(keyword)s = ANY(held.keywords) THEN held.keywords
                        ELSE held.keywords || excluded.keywords END
""")  # noqa: S608 - of this module's own constants
"""In the order of creators, so that pages of two searches wait for each other and never deadlock."""

REBUILD = composed(
    f"""
    WITH found AS (
        SELECT s.tenant_id, j.campaign_id, s.creator_id,
               CAST(count(DISTINCT s.job_id) AS integer) AS searches,
               (array_agg(s.job_id ORDER BY s.created_at, s.position, s.job_id))[1] AS job_id,
               (array_agg(s.position ORDER BY s.created_at, s.position, s.job_id))[1] AS position,
               array_agg(DISTINCT r.keyword) AS keywords
        FROM search_creators s
        JOIN scraping_jobs j ON j.id = s.job_id AND j.user_id = s.tenant_id
        JOIN scraping_runs r ON r.job_id = s.job_id AND r.tenant_id = s.tenant_id
             AND (r.id = s.run_id OR r.position = ANY(s.also_found_by))
        WHERE j.campaign_id IS NOT NULL {{which}}
        GROUP BY s.tenant_id, j.campaign_id, s.creator_id
    )
    INSERT INTO campaign_creators ({_COLUMNS})
    SELECT f.tenant_id, f.campaign_id, f.creator_id, f.job_id, f.position, shown.created_at, f.searches,
           f.keywords, shown.matched_in, {_VALUES}
    FROM found f
    JOIN search_creators shown ON shown.tenant_id = f.tenant_id AND shown.job_id = f.job_id
         AND shown.position = f.position
    JOIN creators c ON c.id = f.creator_id
    LEFT JOIN posts p ON p.id = shown.post_id
    ORDER BY f.creator_id
    ON CONFLICT (campaign_id, creator_id) DO UPDATE SET
        {_COPIED}, job_id = excluded.job_id, position = excluded.position, found_at = excluded.found_at,
        searches = excluded.searches, keywords = excluded.keywords, matched_in = excluded.matched_in
    """,  # noqa: S608 - of this module's own constants
    NoneType,
    which=any_of(
        creator="AND s.creator_id = %(creator_id)s",
        campaigns="AND j.campaign_id = ANY(CAST(%(campaign_ids)s AS uuid[]))",
    ),
)


async def keep_in_campaign(
    tx: Transaction, run: RunState, platform: Platform, *, new: Sequence[str], again: Sequence[str]
) -> None:
    """The creators of a page whom the search has: those that are `new` to it, and those shown `again`."""
    if new or again:
        await tx.run(
            KEEP,
            user_id=run.user_id,
            search_id=run.search_id,
            keyword=run.keyword,
            platform=platform.value,
            stable_ids=[*new, *again],
            new=list(new),
        )
