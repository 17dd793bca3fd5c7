"""Searches that were imported from another product: `search_jobs` and their `search_results`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.db.claims import Tenant
from tastemaker.db.keyset import KeysetPage, Place, page_of
from tastemaker.db.pool import Database
from tastemaker.db.statements import any_of, composed, statement
from tastemaker.db.transaction import read_together
from tastemaker.searches.history_queries import LATER_ROWS, paged

_IMPORTED: Final = "imported results"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchJobRow:
    """A search that was imported from another product, by the name that its source gave it."""

    id: str
    campaign_id: CampaignId | None
    platform: str | None
    search_type: str | None
    status: str | None
    total_count: int
    completed_count: int | None
    created_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResultRow:
    """An imported creator; `profile_id` is its stable id on the platform."""

    id: UUID
    profile_id: str
    username: str
    display_name: str | None
    platform: str
    profile_url: str | None
    post_url: str | None
    post_description: str | None
    avatar_url: str | None
    followers: int | None
    is_verified: str | None
    email: str | None
    bio: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SearchJob:
    """`search_jobs` → `search_results`, in the order in which they were stored."""

    job: SearchJobRow
    results: KeysetPage[SearchResultRow]


FIND_SEARCH_JOB = statement(
    """
    SELECT id, campaign_id, platform, search_type, status, total_count, completed_count, created_at,
           completed_at
    FROM search_jobs WHERE tenant_id = %(user_id)s AND id = %(job_id)s
    """,
    SearchJobRow,
)

LIST_SEARCH_RESULTS = composed(
    """
    SELECT id, profile_id, username, left(display_name, 1000) AS display_name, platform,
           left(profile_url, 2000) AS profile_url, left(post_url, 2000) AS post_url,
           left(post_description, 50000) AS post_description, left(avatar_url, 2000) AS avatar_url, followers,
           is_verified, left(email, 320) AS email, left(bio, 20000) AS bio, created_at
    FROM search_results
    WHERE tenant_id = %(user_id)s AND job_id = %(job_id)s {filters}
    ORDER BY created_at, id
    LIMIT %(limit)s
    """,
    SearchResultRow,
    filters=any_of(after=LATER_ROWS),
)


async def find_search_job(
    database: Database, user_id: ExternalUserId, job_id: str, *, after: str | None = None, limit: int = 50
) -> SearchJob | None:
    """An imported search with a page of its results, in one message."""
    listed, values = paged(LIST_SEARCH_RESULTS, after, of=_IMPORTED, limit=limit)
    ids = {"user_id": user_id, "job_id": job_id}
    jobs, results = await read_together(
        database, Tenant(user_id), (FIND_SEARCH_JOB, ids), (listed, {**ids, **values})
    )
    return SearchJob(jobs[0], page_of(results, limit, of=_IMPORTED, place=_place)) if jobs else None


def _place(row: SearchResultRow) -> Place:
    return Place(row.created_at, row.id)
