"""A user's searches with their campaign and results: whole lists, page by page.

Each question is one statement in one round trip, names the tenant, and reads on from a cursor. The pages of
results, megabytes for one search, are read for one search at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row, dict_row

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import Database
from tastemaker.db.keyset import Page, Place, checked_limit, page_of, read_cursor
from tastemaker.db.reading import read_all, read_one
from tastemaker.searches.results.documents import Document
from tastemaker.searches.types import Outcome, Status

_SEARCHES: Final = "search history"


_RESULT_PAGES: Final = "pages of results"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSearch:
    """`result_pages` are the rows of results, the last of them written at `last_result_at`."""

    id: SearchId
    campaign_id: CampaignId | None
    campaign_name: str | None
    campaign_status: str | None
    platform: Platform
    keywords: tuple[str, ...]
    target_username: str | None
    status: Status
    outcome: Outcome | None
    target: int
    stored: int
    progress: float
    error: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    result_pages: int
    last_result_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage:
    """One stored row of results, its creators as they were written."""

    id: UUID
    created_at: datetime
    creators: Sequence[Document]


LIST_SEARCH_HISTORY: Final = """
    SELECT j.id, j.campaign_id, c.name AS campaign_name, c.status AS campaign_status, j.platform, j.keywords,
           j.target_username, j.status, j.outcome, j.target_results AS target, j.processed_results AS stored,
           j.progress, j.error, j.created_at, j.started_at, j.completed_at, r.result_pages, r.last_result_at
    FROM scraping_jobs j
    LEFT JOIN campaigns c ON c.id = j.campaign_id AND c.user_id = j.user_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS result_pages, max(found.created_at) AS last_result_at
        FROM scraping_results found WHERE found.job_id = j.id AND found.user_id = j.user_id) r ON true
    WHERE j.user_id = %(user_id)s AND c.deleting_since IS NULL
      AND (j.created_at, j.id) < (coalesce(timezone('UTC', CAST(%(at)s AS timestamptz)), 'infinity'),
                                  coalesce(CAST(%(key)s AS uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY j.created_at DESC, j.id DESC
    LIMIT %(limit)s
"""


LIST_RESULT_PAGES: Final = """
    SELECT id, created_at, creators FROM scraping_results
    WHERE user_id = %(user_id)s AND job_id = %(search_id)s
      AND (created_at, id) > (coalesce(timezone('UTC', CAST(%(at)s AS timestamptz)), '-infinity'),
                              coalesce(CAST(%(key)s AS uuid), '00000000-0000-0000-0000-000000000000'))
    ORDER BY created_at, id
    LIMIT %(limit)s
"""


async def list_search_history(
    database: Database, user_id: ExternalUserId, *, after: str | None = None, limit: int = 50
) -> Page[PastSearch]:
    """Newest first."""
    asked = {"user_id": user_id, **_from(after, of=_SEARCHES, limit=limit)}
    rows = await read_all(database, Tenant(user_id), LIST_SEARCH_HISTORY, asked, row=dict_row)
    searches = [_past_search(row) for row in rows]
    return page_of(searches, limit, of=_SEARCHES, place=lambda search: Place(search.created_at, search.id))


async def list_result_pages(
    database: Database,
    user_id: ExternalUserId,
    search_id: SearchId,
    *,
    after: str | None = None,
    limit: int = 10,
) -> Page[ResultPage]:
    """In the order in which they were written; somebody else's search has none."""
    asked = {"user_id": user_id, "search_id": search_id, **_from(after, of=_RESULT_PAGES, limit=limit)}
    rows = await read_all(database, Tenant(user_id), LIST_RESULT_PAGES, asked, row=class_row(ResultPage))
    return page_of(rows, limit, of=_RESULT_PAGES, place=lambda page: Place(page.created_at, page.id))


def _from(after: str | None, *, of: str, limit: int) -> dict[str, Any]:
    place = read_cursor(after, of=of)
    return {"at": place and place.at, "key": place and place.key, "limit": checked_limit(limit) + 1}


def _past_search(row: dict[str, Any]) -> PastSearch:
    return PastSearch(
        **{
            **row,
            "platform": Platform.parse(row["platform"]),
            "keywords": tuple(row["keywords"] or ()),
            "status": Status(row["status"]),
            "outcome": Outcome(row["outcome"]) if row["outcome"] else None,
            "progress": float(row["progress"] or 0),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformResults:
    """`creators` are different ones; `stored` counts one again that several of the searches found."""

    platform: Platform
    searches: int
    open_searches: int
    result_pages: int
    stored: int
    creators: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignResults:
    """A campaign without searches has no platforms."""

    id: CampaignId
    name: str
    description: str | None
    search_type: str
    status: str
    created_at: datetime
    platforms: tuple[PlatformResults, ...]

    @property
    def creators(self) -> int:
        return sum(part.creators for part in self.platforms)

    @property
    def searches(self) -> int:
        return sum(part.searches for part in self.platforms)


FIND_CAMPAIGN_RESULTS: Final = """
    SELECT c.id, c.name, c.description, c.search_type, c.status, c.created_at,
           coalesce(jsonb_agg(p ORDER BY p.platform) FILTER (WHERE p.platform IS NOT NULL), '[]') AS platforms
    FROM campaigns c
    LEFT JOIN LATERAL (
        SELECT lower(j.platform) AS platform, count(*) AS searches,
               count(*) FILTER (WHERE j.status IN ('pending', 'processing')) AS open_searches,
               sum((SELECT count(*) FROM scraping_results r
                    WHERE r.job_id = j.id AND r.user_id = j.user_id)) AS result_pages,
               sum(j.processed_results) AS stored,
               (SELECT count(DISTINCT found.stable_id) FROM search_creators found
                WHERE found.tenant_id = %(user_id)s AND found.job_id = ANY(array_agg(j.id))) AS creators
        FROM scraping_jobs j
        WHERE j.user_id = %(user_id)s AND j.campaign_id = c.id
        GROUP BY lower(j.platform)) p ON true
    WHERE c.user_id = %(user_id)s AND c.id = %(campaign_id)s AND c.deleting_since IS NULL
    GROUP BY c.id
"""


async def find_campaign_results(
    database: Database, user_id: ExternalUserId, campaign_id: CampaignId
) -> CampaignResults | None:
    asked = {"user_id": user_id, "campaign_id": campaign_id}
    row = await read_one(database, Tenant(user_id), FIND_CAMPAIGN_RESULTS, asked, row=dict_row)
    if row is None:
        return None
    return CampaignResults(**{**row, "platforms": tuple(_platform(part) for part in row["platforms"])})


def _platform(part: dict[str, Any]) -> PlatformResults:
    return PlatformResults(**{**part, "platform": Platform.parse(part["platform"])})


_LIST: Final = "results with a creator"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultWithCreator:
    """A stored row of results."""

    id: UUID
    search_id: SearchId
    created_at: datetime


LIST_RESULTS_WITH_CREATOR: Final = """
    SELECT id, job_id AS search_id, created_at
    FROM find_results_with_creator(
        %(platform)s, %(name)s,
        timezone('UTC', CAST(%(at)s AS timestamptz)), CAST(%(key)s AS uuid), %(limit)s)
"""


async def list_results_with_creator(
    database: Database,
    user_id: ExternalUserId,
    platform: Platform,
    name: str,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[ResultWithCreator]:
    """Newest first. `name` is a handle with or without @, in any case, or a YouTube channel's id."""
    wanted = name.strip().lstrip("@")
    if not wanted or "\0" in wanted:
        raise InvalidInput("Name the creator by a handle or a channel's id.")
    place = read_cursor(after, of=_LIST)
    asked = {
        "platform": platform.value,
        "name": wanted,
        "at": place and place.at,
        "key": place and place.key,
        "limit": checked_limit(limit) + 1,
    }
    rows = await read_all(
        database, Tenant(user_id), LIST_RESULTS_WITH_CREATOR, asked, row=class_row(ResultWithCreator)
    )
    return page_of(rows, limit, of=_LIST, place=lambda result: Place(result.created_at, result.id))
