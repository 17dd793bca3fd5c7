"""A user's searches with their campaign and results, and the pages of results one by one.

Each question is one statement in one round trip, names the tenant, and reads on from a cursor. The pages
themselves, megabytes for one search, are read for the search that is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row, dict_row

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import Database
from tastemaker.db.keyset import Page, Place, checked_limit, page_of, read_cursor
from tastemaker.db.reading import read_all
from tastemaker.searches.document import Document
from tastemaker.searches.states import Outcome, Status

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
