"""The statements of enrichments: who needs a profile, the batches, and what the profiles change."""

from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any, Final
from uuid import UUID

from tastemaker.core.ids import CampaignId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import EnrichmentStatus
from tastemaker.db.statements import any_of, composed, statement
from tastemaker.searches.campaign_creators_queries import COPIED, VALUES


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrichment:
    """`waiting` of `wanted` creators have no answer yet. `max_cost` in millionths of a US dollar."""

    id: UUID
    campaign_id: CampaignId
    search_id: SearchId | None
    source: str
    max_cost: int | None
    status: EnrichmentStatus
    wanted: int
    completed: int
    failed: int
    skipped: int
    failures: int
    reason: str | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def waiting(self) -> int:
        return max(0, self.wanted - self.completed - self.failed - self.skipped)


@dataclass(frozen=True, slots=True)
class NeededProfiles:
    """How many creators of a platform need their profile."""

    platform: Platform
    creators: int


_NEEDED: Final = """
    FROM campaign_creators held JOIN creators c ON c.id = held.creator_id
    WHERE held.tenant_id = %(user_id)s AND held.campaign_id = %(campaign_id)s AND c.bio IS NULL
      AND (c.source = 'sandbox') = (%(source)s = 'sandbox')
      AND (c.profile_fetched_at IS NULL
           OR c.profile_fetched_at < app_now() - make_interval(secs => %(fresh_seconds)s))
      AND held.enhancement IS DISTINCT FROM 'pending' {of_search}"""
_OF_SEARCH: Final = any_of(
    search="AND EXISTS (SELECT FROM search_creators s WHERE s.tenant_id = held.tenant_id"
    " AND s.job_id = %(search_id)s AND s.creator_id = held.creator_id)"
)

COUNT_NEEDED = composed(
    f"SELECT held.platform, count(*) AS creators {_NEEDED} GROUP BY held.platform ORDER BY held.platform",
    NeededProfiles,
    not_null="creators",
    of_search=_OF_SEARCH,
)
"""Those whose bio no search told, and whose profile was not fetched while it is fresh."""

INSERT_ENRICHMENT = statement(
    """
    INSERT INTO enrichments (tenant_id, campaign_id, search_id, source, max_cost, created_at)
    SELECT %(user_id)s, %(campaign_id)s, CAST(%(search_id)s AS uuid), %(source)s,
           CAST(%(max_cost)s AS bigint), app_now()
    RETURNING id
    """,
    UUID,
)

ENRICH_SEARCH = statement(
    """
    INSERT INTO enrichments (tenant_id, campaign_id, search_id, source, max_cost, created_at)
    SELECT j.user_id, j.campaign_id, j.id, coalesce(j.search_params ->> 'source', 'live'),
           CASE WHEN j.search_params ? 'max_cost' THEN
               greatest(0, CAST(j.search_params ->> 'max_cost' AS bigint) - coalesce(
                   (SELECT sum(coalesce(micros_usd, estimated_micros_usd)) FROM provider_calls
                    WHERE tenant_id = j.user_id AND job_id = j.id), 0)) END,
           app_now()
    FROM scraping_jobs j
    WHERE j.id = %(search_id)s AND j.user_id = %(user_id)s AND j.campaign_id IS NOT NULL
    RETURNING id
    """,
    UUID,
)
"""It may cost what the search has left."""

ASK = composed(
    f"""
    WITH needed AS MATERIALIZED (
        SELECT held.creator_id {_NEEDED} ORDER BY held.creator_id LIMIT %(most)s FOR NO KEY UPDATE OF held
    ), asked AS (
        UPDATE campaign_creators held SET enhancement = 'pending', enrichment_id = %(id)s
        FROM needed
        WHERE held.tenant_id = %(user_id)s AND held.campaign_id = %(campaign_id)s
          AND held.creator_id = needed.creator_id
    ), wanted AS (SELECT CAST(count(*) AS integer) AS n FROM needed)
    UPDATE enrichments SET wanted = wanted.n, status = 'processing'
    FROM wanted WHERE id = %(id)s AND tenant_id = %(user_id)s AND status = 'pending'
    """,  # noqa: S608 - of this module's own constants
    NoneType,
    of_search=_OF_SEARCH,
)
"""Once, by its first batch or with its start."""

LIST_ENRICHMENTS = composed(
    """
    SELECT id, campaign_id, search_id, source, max_cost, status, wanted, completed, failed, skipped,
           failures, reason, created_at, finished_at
    FROM enrichments WHERE tenant_id = %(user_id)s {which} ORDER BY created_at DESC, id LIMIT %(limit)s
    """,
    Enrichment,
    which=any_of(
        id="AND id = %(id)s",
        campaign="AND campaign_id = %(campaign_id)s",
        search="AND search_id = %(search_id)s",
    ),
)

LOCK_ENRICHMENT = statement(
    """
    SELECT id FROM enrichments
    WHERE id = %(id)s AND tenant_id = %(user_id)s AND status <> 'completed' FOR UPDATE
    """,
    UUID,
)


@dataclass(frozen=True, slots=True)
class WantedCreator:
    """A creator whose profile is to be fetched."""

    creator_id: int
    platform: Platform
    stable_id: str
    handle: str | None


LIST_NEXT = statement(
    """
    SELECT held.creator_id, held.platform, c.stable_id, c.handle
    FROM campaign_creators held JOIN creators c ON c.id = held.creator_id
    WHERE held.tenant_id = %(user_id)s AND held.enrichment_id = %(id)s AND held.enhancement = 'pending'
    ORDER BY held.platform, held.position, held.creator_id LIMIT %(limit)s
    """,
    WantedCreator,
)

ABANDON_CALLS = statement("""
    UPDATE provider_calls SET status = 'abandoned', finished_at = app_now()
    WHERE tenant_id = %(user_id)s AND run_id = %(owner_id)s AND status = 'estimated'
""")
"""Calls that a dead process has left: nobody else works for their owner."""

FIND_KNOWN = statement(
    """
    SELECT id FROM creators
    WHERE platform = %(platform)s AND stable_id IN (%(stable_id)s, 'handle:' || lower(%(handle)s))
    ORDER BY stable_id = %(stable_id)s DESC LIMIT 1
    """,
    int,
)

LOCK_SEARCHES = statement(
    """
    SELECT j.id FROM scraping_jobs j
    WHERE j.user_id = %(user_id)s AND j.id IN (
        SELECT s.job_id FROM search_creators s
        WHERE s.tenant_id = %(user_id)s AND s.creator_id = ANY(CAST(%(creator_ids)s AS bigint[])))
    ORDER BY j.id FOR NO KEY UPDATE
    """,
    SearchId,
)

MARK_FETCHED = statement("""
    UPDATE creators SET profile_fetched_at = greatest(profile_fetched_at, %(fetched_at)s)
    WHERE id = ANY(CAST(%(creator_ids)s AS bigint[]))
""")


@dataclass(frozen=True, slots=True)
class StoredDocuments:
    """A page of results: its documents, and the creators of its positions in their order."""

    id: UUID
    creators: Any
    members: tuple[int, ...]


LIST_DOCUMENTS = statement(
    """
    SELECT r.id, r.creators, ARRAY(
        SELECT s.creator_id FROM search_creators s
        WHERE s.tenant_id = r.user_id AND s.job_id = r.job_id AND s.result_id = r.id
        ORDER BY s.position) AS members
    FROM scraping_results r
    WHERE r.user_id = %(user_id)s AND r.id IN (
        SELECT s.result_id FROM search_creators s
        WHERE s.tenant_id = %(user_id)s AND s.creator_id = ANY(CAST(%(creator_ids)s AS bigint[])))
    ORDER BY r.id FOR NO KEY UPDATE
    """,
    StoredDocuments,
    not_null="creators members",
)

SET_DOCUMENTS = statement("""
    UPDATE scraping_results SET creators = CAST(%(creators)s AS jsonb)
    WHERE id = %(id)s AND user_id = %(user_id)s
""")

REFRESH_COPIES = statement(
    """
    WITH kept AS MATERIALIZED (
        SELECT held.campaign_id, held.creator_id,
               (SELECT shown.post_id FROM search_creators shown
                WHERE shown.tenant_id = held.tenant_id AND shown.job_id = held.job_id
                  AND shown.position = held.position) AS post_id
        FROM campaign_creators held
        WHERE held.tenant_id = %(user_id)s AND held.creator_id = ANY(CAST(%(creator_ids)s AS bigint[]))
        ORDER BY held.creator_id, held.campaign_id FOR NO KEY UPDATE
    ), excluded (campaign_id, creator_id, platform, followers, views, likes, last_post_at, verified,
                 has_email, language, country, name, text) AS (
        SELECT kept.campaign_id, kept.creator_id, VALUES_OF_CREATOR
        FROM kept JOIN creators c ON c.id = kept.creator_id LEFT JOIN posts p ON p.id = kept.post_id
    )
    UPDATE campaign_creators held SET COPIED
    FROM excluded
    WHERE held.tenant_id = %(user_id)s AND held.campaign_id = excluded.campaign_id
      AND held.creator_id = excluded.creator_id
""".replace("VALUES_OF_CREATOR", VALUES).replace("COPIED", COPIED)
)
"""In every campaign of the tenant."""

SET_ENHANCEMENT = statement("""
    UPDATE campaign_creators held SET enhancement = given.state
    FROM unnest(CAST(%(creator_ids)s AS bigint[]), CAST(%(states)s AS text[])) AS given (creator_id, state)
    WHERE held.tenant_id = %(user_id)s AND held.creator_id = given.creator_id
      AND (held.enhancement IS NOT NULL OR given.state = 'completed')
""")

ADVANCE = statement(
    """
    UPDATE enrichments e
    SET completed = counted.completed, failed = counted.failed, skipped = counted.skipped,
        wanted = counted.pending + counted.completed + counted.failed + counted.skipped,
        failures = %(failures)s, reason = coalesce(%(reason)s, e.reason),
        status = CASE WHEN counted.pending = 0 THEN 'completed' ELSE 'processing' END,
        finished_at = CASE WHEN counted.pending = 0 THEN app_now() END
    FROM (SELECT count(*) FILTER (WHERE enhancement = 'pending') AS pending,
                 count(*) FILTER (WHERE enhancement = 'completed') AS completed,
                 count(*) FILTER (WHERE enhancement = 'failed') AS failed,
                 count(*) FILTER (WHERE enhancement = 'skipped') AS skipped
          FROM campaign_creators WHERE tenant_id = %(user_id)s AND enrichment_id = %(id)s) counted
    WHERE e.id = %(id)s AND e.tenant_id = %(user_id)s
    RETURNING e.status
    """,
    EnrichmentStatus,
)

SKIP_PLATFORM = statement("""
    UPDATE campaign_creators SET enhancement = 'skipped'
    WHERE tenant_id = %(user_id)s AND enrichment_id = %(id)s AND enhancement = 'pending'
      AND platform = %(platform)s
""")
