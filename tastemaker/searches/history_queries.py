"""A user's searches with their campaign and results: lists that are read page by page.

Each function is one round trip, names the tenant, and reads on from a cursor. The stored pages of results,
megabytes for one search, are read for one search at a time, or the first few of each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from tastemaker.core.accounts import read_account
from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.keyset import KeysetPage, Place, checked_limit, page_of, read_cursor
from tastemaker.db.pool import Database
from tastemaker.db.statements import Composition, Statement, any_of, composed, statement
from tastemaker.db.transaction import read_many, read_together
from tastemaker.searches.results.documents import Document
from tastemaker.searches.types import Outcome, Status

_SEARCHES: Final = "search history"
_CAMPAIGN_SEARCHES: Final = "searches of a campaign"
_RESULT_PAGES: Final = "pages of results"
_WITH_CREATOR: Final = "results with a creator"

Row = TypeVar("Row")

_OLDER_SEARCHES: Final = (
    "AND (j.created_at, j.id) < (timezone('UTC', CAST(%(at)s AS timestamptz)), CAST(%(key)s AS uuid))"
)
LATER_ROWS: Final = (
    "AND (created_at, id) > (timezone('UTC', CAST(%(at)s AS timestamptz)), CAST(%(key)s AS uuid))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSearch:
    """`result_pages` counts the stored rows of results, the last of them written at `last_result_at`."""

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


LIST_SEARCH_HISTORY = composed(
    """
    SELECT j.id, j.campaign_id, c.name AS campaign_name, c.status AS campaign_status, j.platform,
           coalesce(j.keywords, '[]') AS keywords, j.target_username, j.status, j.outcome,
           j.target_results AS target, j.processed_results AS stored, coalesce(j.progress, 0) AS progress,
           j.error, j.created_at, j.started_at, j.completed_at, r.result_pages, r.last_result_at
    FROM scraping_jobs j
    LEFT JOIN campaigns c ON c.id = j.campaign_id AND c.user_id = j.user_id
    LEFT JOIN LATERAL (
        SELECT count(*) AS result_pages, max(found.created_at) AS last_result_at
        FROM scraping_results found WHERE found.job_id = j.id AND found.user_id = j.user_id) r ON true
    WHERE j.user_id = %(user_id)s AND c.deleting_since IS NULL {filters}
    ORDER BY j.created_at DESC, j.id DESC
    LIMIT %(limit)s
    """,
    PastSearch,
    not_null="id platform keywords status target stored progress created_at result_pages",
    filters=any_of(
        campaign="AND j.campaign_id = %(campaign_id)s",
        after=_OLDER_SEARCHES,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage:
    """One stored row of results, its creators as they were written."""

    id: UUID
    created_at: datetime
    creators: Sequence[Document]


LIST_RESULT_PAGES = composed(
    """
    SELECT id, created_at, creators FROM scraping_results
    WHERE user_id = %(user_id)s AND job_id = %(search_id)s {filters}
    ORDER BY created_at, id
    LIMIT %(limit)s
    """,
    ResultPage,
    filters=any_of(after=LATER_ROWS),
)


async def list_search_history(
    database: Database, user_id: ExternalUserId, *, after: str | None = None, limit: int = 50
) -> KeysetPage[PastSearch]:
    """Newest first."""
    chosen, values = paged(LIST_SEARCH_HISTORY, after, of=_SEARCHES, limit=limit)
    rows = await read_many(database, Tenant(user_id), chosen, user_id=user_id, **values)
    return page_of(rows, limit, of=_SEARCHES, place=_place)


async def list_result_pages(
    database: Database,
    user_id: ExternalUserId,
    search_id: SearchId,
    *,
    after: str | None = None,
    limit: int = 10,
) -> KeysetPage[ResultPage]:
    """In the order in which they were written; another user's search has none."""
    chosen, values = paged(LIST_RESULT_PAGES, after, of=_RESULT_PAGES, limit=limit)
    rows = await read_many(database, Tenant(user_id), chosen, user_id=user_id, search_id=search_id, **values)
    return page_of(rows, limit, of=_RESULT_PAGES, place=_place)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRow:
    id: CampaignId
    name: str
    description: str | None
    search_type: str
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SearchResults:
    """A search with its first pages of results; `list_result_pages` reads on after `results.next`."""

    search: PastSearch
    results: KeysetPage[ResultPage]


@dataclass(frozen=True, slots=True)
class CampaignSearches:
    """A campaign with its searches, newest first, and their results."""

    campaign: CampaignRow
    searches: KeysetPage[SearchResults]


FIND_CAMPAIGN = statement(
    """
    SELECT id, name, description, search_type, status, created_at FROM campaigns
    WHERE user_id = %(user_id)s AND id = %(campaign_id)s AND deleting_since IS NULL
    """,
    CampaignRow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPageOfSearch(ResultPage):
    search_id: SearchId


LIST_FIRST_RESULT_PAGES = composed(
    """
    SELECT page.id, searches.id AS search_id, page.created_at, page.creators
    FROM (
        SELECT j.id FROM scraping_jobs j
        WHERE j.user_id = %(user_id)s AND j.campaign_id = %(campaign_id)s {filters}
        ORDER BY j.created_at DESC, j.id DESC
        LIMIT %(limit)s) searches
    CROSS JOIN LATERAL (
        SELECT found.id, found.created_at, found.creators FROM scraping_results found
        WHERE found.user_id = %(user_id)s AND found.job_id = searches.id
        ORDER BY found.created_at, found.id
        LIMIT %(pages)s) page
    ORDER BY page.created_at, page.id
    """,
    ResultPageOfSearch,
    filters=any_of(after=_OLDER_SEARCHES),
)


async def find_campaign_searches(
    database: Database,
    user_id: ExternalUserId,
    campaign_id: CampaignId,
    *,
    after: str | None = None,
    limit: int = 20,
    result_pages: int = 1,
) -> CampaignSearches | None:
    """A campaign, its searches newest first, and the first pages of results of each, in one message."""
    listed, values = paged(
        LIST_SEARCH_HISTORY, after, of=_CAMPAIGN_SEARCHES, limit=limit, filters=("campaign",)
    )
    first_pages, _ = paged(LIST_FIRST_RESULT_PAGES, after, of=_CAMPAIGN_SEARCHES, limit=limit)
    ids = {"user_id": user_id, "campaign_id": campaign_id}
    campaigns, searches, pages = await read_together(
        database,
        Tenant(user_id),
        (FIND_CAMPAIGN, ids),
        (listed, {**ids, **values}),
        (first_pages, {**ids, **values, "pages": checked_limit(result_pages) + 1}),
    )
    if not campaigns:
        return None
    nested = [SearchResults(search, _pages_of(pages, search.id, limit=result_pages)) for search in searches]
    page = page_of(nested, limit, of=_CAMPAIGN_SEARCHES, place=lambda one: _place(one.search))
    return CampaignSearches(campaigns[0], page)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformResults:
    """`creators` are distinct; `stored` counts a creator once for each search that found it."""

    platform: Platform
    searches: int
    open_searches: int
    result_pages: int
    stored: int
    creators: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignResults(CampaignRow):
    """A campaign without searches has no platforms."""

    platforms: tuple[PlatformResults, ...]

    @property
    def creators(self) -> int:
        return sum(part.creators for part in self.platforms)

    @property
    def searches(self) -> int:
        return sum(part.searches for part in self.platforms)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPlatformRow(CampaignRow):
    """A campaign with one of its platforms; `platform` is None without searches."""

    platform: Platform | None
    searches: int
    open_searches: int
    result_pages: int
    stored: int
    creators: int


LIST_CAMPAIGN_PLATFORMS = statement(
    """
    SELECT c.id, c.name, c.description, c.search_type, c.status, c.created_at, p.platform,
           coalesce(p.searches, 0) AS searches, coalesce(p.open_searches, 0) AS open_searches,
           coalesce(p.result_pages, 0) AS result_pages, coalesce(p.stored, 0) AS stored,
           coalesce(p.creators, 0) AS creators
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
    ORDER BY p.platform
    """,
    CampaignPlatformRow,
    not_null="id name search_type status created_at searches open_searches result_pages stored creators",
)


async def find_campaign_results(
    database: Database, user_id: ExternalUserId, campaign_id: CampaignId
) -> CampaignResults | None:
    """A campaign and what its searches found, by platform."""
    rows = await read_many(
        database, Tenant(user_id), LIST_CAMPAIGN_PLATFORMS, user_id=user_id, campaign_id=campaign_id
    )
    if not rows:
        return None
    campaign = rows[0]
    return CampaignResults(
        id=campaign.id,
        name=campaign.name,
        description=campaign.description,
        search_type=campaign.search_type,
        status=campaign.status,
        created_at=campaign.created_at,
        platforms=tuple(
            PlatformResults(
                platform=row.platform,
                searches=row.searches,
                open_searches=row.open_searches,
                result_pages=row.result_pages,
                stored=row.stored,
                creators=row.creators,
            )
            for row in rows
            if row.platform is not None
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultWithCreator:
    """A stored row of results."""

    id: UUID
    search_id: SearchId
    created_at: datetime


LIST_RESULTS_WITH_CREATOR = statement(
    """
    SELECT id, job_id AS search_id, created_at
    FROM find_results_with_creator(
        %(platform)s, %(name)s,
        timezone('UTC', CAST(%(at)s AS timestamptz)), CAST(%(key)s AS uuid), %(limit)s)
    """,
    ResultWithCreator,
    not_null="id search_id created_at",
)


async def list_results_with_creator(
    database: Database,
    user_id: ExternalUserId,
    platform: Platform,
    name: str,
    *,
    after: str | None = None,
    limit: int = 50,
) -> KeysetPage[ResultWithCreator]:
    """Newest first. `name` is a handle in any case, an address of a profile, or a YouTube channel's id."""
    account = read_account(name, platform)
    wanted = account.stable_id or account.handle or ""
    place = read_cursor(after, of=_WITH_CREATOR)
    rows = await read_many(
        database,
        Tenant(user_id),
        LIST_RESULTS_WITH_CREATOR,
        platform=platform.value,
        name=wanted,
        at=place and place.at,
        key=place and place.key,
        limit=checked_limit(limit) + 1,
    )
    return page_of(rows, limit, of=_WITH_CREATOR, place=_place)


def paged(
    listing: Composition[Row], after: str | None, *, of: str, limit: int, filters: tuple[str, ...] = ()
) -> tuple[Statement[Row], dict[str, Any]]:
    """The statement that reads on after the cursor, with its parameters. One row more shows a next page."""
    place = read_cursor(after, of=of)
    values: dict[str, Any] = {"limit": checked_limit(limit) + 1}
    if place is None:
        return listing.choose(filters=filters), values
    return listing.choose(filters=(*filters, "after")), {**values, "at": place.at, "key": place.key}


def _pages_of(
    pages: Iterable[ResultPageOfSearch], search_id: SearchId, *, limit: int
) -> KeysetPage[ResultPage]:
    own = [page for page in pages if page.search_id == search_id]
    return page_of(own, limit, of=_RESULT_PAGES, place=_place)


def _place(row: PastSearch | ResultPage | ResultWithCreator) -> Place:
    return Place(row.created_at, row.id)
