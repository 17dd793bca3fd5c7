"""The searches that somebody watches and their keywords: each search is named together with its owner."""

from dataclasses import dataclass

from tastemaker.core.ids import SearchId
from tastemaker.db.statements import statement
from tastemaker.searches.types import Run, Search

LIST_WATCHED = statement(
    """
    SELECT j.id, j.user_id, j.campaign_id, c.name AS campaign_name, j.platform,
           coalesce(j.keywords, '[]') AS keywords, j.search_params ->> 'source' AS source, j.status,
           j.outcome, j.target_results AS target, j.processed_results AS stored, j.processed_runs AS pages,
           coalesce(j.progress, 0) AS progress, j.error, j.parked_until, j.parked_reason, j.created_at,
           j.started_at, j.completed_at, j.target_username AS like, j.looked_at,
           coalesce(j.search_params ? 'criteria', false) AS has_criteria,
           coalesce((SELECT sum(r.skipped) FROM scraping_runs r
                     WHERE r.tenant_id = j.user_id AND r.job_id = j.id), 0) AS skipped
    FROM unnest(CAST(%(user_ids)s AS text[]), CAST(%(search_ids)s AS uuid[])) AS watched (user_id, search_id)
    JOIN scraping_jobs j ON j.id = watched.search_id AND j.user_id = watched.user_id
    LEFT JOIN campaigns c ON c.id = j.campaign_id AND c.user_id = j.user_id
    WHERE c.deleting_since IS NULL
    """,
    Search,
    not_null="keywords progress skipped has_criteria",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRun(Run):
    """A keyword, and the search that it belongs to."""

    search_id: SearchId


LIST_WATCHED_RUNS = statement(
    """
    SELECT r.id, r.job_id AS search_id, r.keyword, r.status, r.end_reason, r.pages, r.found, r.skipped,
           r.stored, r.failures, r.error
    FROM unnest(CAST(%(user_ids)s AS text[]), CAST(%(search_ids)s AS uuid[])) AS watched (user_id, search_id)
    JOIN scraping_runs r ON r.job_id = watched.search_id AND r.tenant_id = watched.user_id
    ORDER BY r.job_id, r.position
    """,
    WatchedRun,
)
