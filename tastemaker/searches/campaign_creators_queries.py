"""The creators of a campaign, each once: written with the pages that found them, made again after a merge.

The values are copies, taken from the catalog with the last page of the campaign that showed the creator. The
search that found a creator first keeps the place, and the post that is shown.
"""

from collections.abc import Sequence
from types import NoneType
from typing import TYPE_CHECKING, Final

from tastemaker.db.statements import any_of, composed, statement
from tastemaker.db.transaction import Transaction

if TYPE_CHECKING:
    from tastemaker.searches.run.queries import RunState

_COLUMNS: Final = """
    tenant_id, campaign_id, creator_id, job_id, position, found_at, searches, keywords, matched_in,
    platform, followers, views, likes, last_post_at, verified, has_email, language, country, name, text"""

VALUES: Final = r"""
    c.platform, c.followers, p.views, p.likes,
    (SELECT max(own.published_at) FROM posts own WHERE own.creator_id = c.id),
    c.verified, c.emails <> ARRAY[]::text[], coalesce(c.language, c.detected_language), c.country,
    left(fold_text(coalesce(nullif(btrim(c.name), ''), c.handle)), 60),
    left(fold_text(concat_ws(E'\n', c.name, c.handle, c.bio, p.text)), 4000)"""

_NULLABLE: Final = (
    "followers", "last_post_at", "verified", "language", "country", "name", "views", "likes",
)  # fmt: skip
COPIED: Final = ", ".join(
    [
        *(
            f"{name} = coalesce(excluded.{name}, CASE WHEN held.imported_id IS NOT NULL THEN held.{name} END)"
            for name in _NULLABLE
        ),
        "has_email = excluded.has_email OR (held.imported_id IS NOT NULL AND held.has_email)",
        """text = CASE WHEN held.imported_id IS NOT NULL AND length(held.text) > length(excluded.text)
            THEN held.text ELSE excluded.text END""",
    ]
)
"""What the file of an imported creator says stays where the catalog does not know it."""

REFRESH = statement(
    """
    WITH kept AS MATERIALIZED (
        SELECT held.campaign_id, held.creator_id,
               (SELECT shown.post_id FROM search_creators shown
                WHERE shown.tenant_id = held.tenant_id AND shown.job_id = held.job_id
                  AND shown.position = held.position) AS post_id
        FROM campaign_creators held
        WHERE held.tenant_id = %(user_id)s AND held.creator_id = ANY(CAST(%(creator_ids)s AS bigint[]))
          AND held.campaign_id = (SELECT j.campaign_id FROM scraping_jobs j
                                  WHERE j.id = %(search_id)s AND j.user_id = %(user_id)s)
        ORDER BY held.creator_id FOR NO KEY UPDATE
    ), excluded (campaign_id, creator_id, platform, followers, views, likes, last_post_at, verified,
                 has_email, language, country, name, text) AS (
        SELECT kept.campaign_id, kept.creator_id, VALUES_OF_CREATOR
        FROM kept JOIN creators c ON c.id = kept.creator_id LEFT JOIN posts p ON p.id = kept.post_id
    )
    UPDATE campaign_creators held
    SET COPIED,
        keywords = CASE WHEN %(keyword)s = ANY(held.keywords) THEN held.keywords
                        ELSE held.keywords || CAST(%(keyword)s AS text) END
    FROM excluded
    WHERE held.tenant_id = %(user_id)s AND held.campaign_id = excluded.campaign_id
      AND held.creator_id = excluded.creator_id
""".replace("VALUES_OF_CREATOR", VALUES).replace("COPIED", COPIED)
)
"""Locks in the order of creators, so that pages of two searches wait for each other and never deadlock."""

KEEP: Final = f"""
    INSERT INTO campaign_creators AS held ({_COLUMNS})
    SELECT s.tenant_id, j.campaign_id, s.creator_id, s.job_id, s.position, s.created_at, 1,
           ARRAY[CAST(%(keyword)s AS text)], s.matched_in, {VALUES}
    FROM claimed s
    JOIN scraping_jobs j ON j.id = %(search_id)s AND j.user_id = %(user_id)s
    JOIN creators c ON c.id = s.creator_id
    LEFT JOIN posts p ON p.id = s.post_id
    WHERE j.campaign_id IS NOT NULL
    ORDER BY s.creator_id
    ON CONFLICT (campaign_id, creator_id) DO UPDATE SET
        job_id = coalesce(held.job_id, excluded.job_id),
        position = CASE WHEN held.job_id IS NULL THEN excluded.position ELSE held.position END,
        matched_in = CASE WHEN held.job_id IS NULL THEN excluded.matched_in ELSE held.matched_in END,
        searches = held.searches + 1,
        keywords = CASE WHEN %(keyword)s = ANY(held.keywords) THEN held.keywords
                        ELSE held.keywords || excluded.keywords END
"""  # noqa: S608 - of this module's own constants
"""The end of the statement that claims creators for a search; those that were there before are refreshed."""

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
    INSERT INTO campaign_creators AS held ({_COLUMNS})
    SELECT f.tenant_id, f.campaign_id, f.creator_id, f.job_id, f.position, shown.created_at, f.searches,
           f.keywords, shown.matched_in, {VALUES}
    FROM found f
    JOIN search_creators shown ON shown.tenant_id = f.tenant_id AND shown.job_id = f.job_id
         AND shown.position = f.position
    JOIN creators c ON c.id = f.creator_id
    LEFT JOIN posts p ON p.id = shown.post_id
    ORDER BY f.creator_id
    ON CONFLICT (campaign_id, creator_id) DO UPDATE SET
        {COPIED}, job_id = excluded.job_id, position = excluded.position, found_at = excluded.found_at,
        searches = excluded.searches, keywords = excluded.keywords, matched_in = excluded.matched_in
    """,  # noqa: S608 - of this module's own constants
    NoneType,
    which=any_of(
        creator="AND s.creator_id = %(creator_id)s",
        campaigns="AND j.campaign_id = ANY(CAST(%(campaign_ids)s AS uuid[]))",
    ),
)


async def refresh_in_campaign(tx: Transaction, run: "RunState", creator_ids: Sequence[int]) -> None:
    """Those of a page's creators whom the campaign has: their values, and that this keyword found them."""
    if creator_ids:
        await tx.run(
            REFRESH,
            user_id=run.user_id,
            search_id=run.search_id,
            keyword=run.keyword,
            creator_ids=list(creator_ids),
        )
