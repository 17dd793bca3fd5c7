"""Questions about the creators that searches found. Filters and order are the database's work.

A creator that several of the searches found is told once: by the first of them that has it, in the order
in which the searches are given. Every statement names the tenant.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text

from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import Database, session_scope
from tastemaker.db.transaction import Transaction
from tastemaker.searches.results.paging import EVERYTHING, ResultFilter, ResultPosition, Sort


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCreator:
    """A row of the results: the creator as the catalog knows it now, and the post that matched."""

    position: int
    platform: Platform
    stable_id: str
    handle: str | None
    name: str | None
    followers: int | None
    bio: str | None
    emails: tuple[str, ...]
    links: tuple[str, ...]
    verified: bool | None
    country: str | None
    profile_url: str | None
    post_text: str | None
    post_url: str | None
    post_published_at: datetime | None
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    duration_seconds: int | None
    hashtags: tuple[str, ...]
    keyword: str
    matched_in: tuple[str, ...]
    search_id: SearchId


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """`next` is None on the last page."""

    creators: Sequence[FoundCreator]
    next: ResultPosition | None


SORT_KEYS = {
    Sort.POSITION: "CAST(extract(epoch FROM found.created_at) * 1000000 AS bigint)",
    Sort.FOLLOWERS: "coalesce(-creator.followers, 1)",
    Sort.VIEWS: "coalesce(-post.views, 1)",
    Sort.LIKES: "coalesce(-post.likes, 1)",
}
"""Ascending. Counts are never negative, so that the largest has the smallest key and the unknown has 1."""


SELECT = """
    SELECT found.position, found.platform, found.stable_id, found.matched_in, found.job_id,
           creator.handle, creator.name, creator.followers, creator.bio, creator.emails, creator.links,
           creator.verified, creator.country, creator.profile_url,
           post.text AS post_text, post.url AS post_url, post.published_at AS post_published_at,
           post.views, post.likes, post.comments, post.shares, post.duration_seconds, post.hashtags,
           run.keyword, {key} AS sort_key
"""


FROM = """
    FROM search_creators found
    JOIN scraping_runs run ON run.id = found.run_id AND run.tenant_id = found.tenant_id
    JOIN creators creator ON creator.id = found.creator_id
    LEFT JOIN posts post ON post.id = found.post_id
    WHERE found.tenant_id = :user_id AND {of_searches}
      AND (CAST(:min_followers AS bigint) IS NULL OR creator.followers >= :min_followers)
      AND (CAST(:max_followers AS bigint) IS NULL OR creator.followers <= :max_followers)
      AND (NOT CAST(:has_email AS boolean) OR creator.emails <> '{{}}')
"""


OF_SEVERAL = """found.job_id = ANY(CAST(:search_ids AS uuid[])) AND NOT EXISTS (
        SELECT FROM search_creators earlier
        WHERE earlier.tenant_id = found.tenant_id AND earlier.platform = found.platform
          AND earlier.stable_id = found.stable_id AND earlier.job_id = ANY(CAST(:search_ids AS uuid[]))
          AND array_position(CAST(:search_ids AS uuid[]), earlier.job_id)
              < array_position(CAST(:search_ids AS uuid[]), found.job_id))
"""


OF_ONE = """found.job_id = :search_id AND NOT EXISTS (
        SELECT FROM search_creators earlier
        WHERE earlier.tenant_id = found.tenant_id AND earlier.platform = found.platform
          AND earlier.stable_id = found.stable_id AND earlier.job_id = ANY(CAST(:earlier_ids AS uuid[])))
"""


PAGE = """
    AND (CAST(:after_key AS bigint) IS NULL OR ({key}, found.job_id, found.position)
         > (CAST(:after_key AS bigint), CAST(:after_search AS uuid), CAST(:after_position AS integer)))
    ORDER BY {key}, found.job_id, found.position
    LIMIT :limit
"""


COUNT = text("SELECT count(*)" + FROM.format(of_searches=OF_SEVERAL))


LIST = {
    sort: text(SELECT.format(key=key) + FROM.format(of_searches=OF_SEVERAL) + PAGE.format(key=key))
    for sort, key in SORT_KEYS.items()
}


LIST_OF_ONE = text(
    SELECT.format(key="CAST(found.position AS bigint)")
    + FROM.format(of_searches=OF_ONE)
    + "AND found.position > :after_position ORDER BY found.position LIMIT :limit"
)
"""Arrival within one search: the index on (job_id, position) has it in order."""


async def list_results(
    session: Transaction,
    user_id: ExternalUserId,
    search_ids: Sequence[SearchId],
    *,
    wanted: ResultFilter = EVERYTHING,
    sort: Sort = Sort.POSITION,
    after: ResultPosition | None = None,
    limit: int,
) -> ResultsPage:
    """One page; `after` is the `next` of the page before, asked for with the same sort."""
    rows = await session.execute(
        LIST[sort],
        {
            "user_id": user_id,
            "search_ids": list(search_ids),
            **_filter(wanted),
            "after_key": after and after.key,
            "after_search": after and after.search_id,
            "after_position": after and after.position,
            "limit": limit + 1,
        },
    )
    return _page(rows.mappings().all(), limit)


async def count_results(
    session: Transaction,
    user_id: ExternalUserId,
    search_ids: Sequence[SearchId],
    *,
    wanted: ResultFilter = EVERYTHING,
) -> int:
    parameters = {"user_id": user_id, "search_ids": list(search_ids), **_filter(wanted)}
    return int((await session.execute(COUNT, parameters)).scalar_one())


async def stream_results(
    database: Database, user_id: ExternalUserId, search_ids: Sequence[SearchId], *, page_size: int = 1000
) -> AsyncIterator[FoundCreator]:
    """Everything, search after search in order of arrival, a page in memory at a time.

    Each page is its own transaction, so a slow reader holds none open.
    """
    for number, search_id in enumerate(search_ids):
        position: int | None = 0
        while position is not None:
            async with session_scope(database, Tenant(user_id)) as session:
                page = await _list_of_one(
                    session, user_id, search_id, search_ids[:number], after=position, limit=page_size
                )
            for creator in page.creators:
                yield creator
            position = page.next.position if page.next else None


async def _list_of_one(
    session: Transaction,
    user_id: ExternalUserId,
    search_id: SearchId,
    earlier: Sequence[SearchId],
    *,
    after: int,
    limit: int,
) -> ResultsPage:
    parameters = {"user_id": user_id, "search_id": search_id, **_filter(EVERYTHING)}
    paging = {"earlier_ids": list(earlier), "after_position": after, "limit": limit + 1}
    rows = await session.execute(LIST_OF_ONE, {**parameters, **paging})
    return _page(rows.mappings().all(), limit)


def _filter(wanted: ResultFilter) -> dict[str, Any]:
    return {
        "min_followers": wanted.min_followers,
        "max_followers": wanted.max_followers,
        "has_email": wanted.has_email,
    }


def _page(rows: Sequence[RowMapping], limit: int) -> ResultsPage:
    """One row more than asked for tells that there is another page."""
    shown = rows[:limit]
    if len(rows) <= limit or not shown:
        return ResultsPage([_found(row) for row in shown], next=None)
    last = shown[-1]
    place = ResultPosition(
        key=last["sort_key"], search_id=SearchId(last["job_id"]), position=last["position"]
    )
    return ResultsPage([_found(row) for row in shown], next=place)


def _found(row: RowMapping) -> FoundCreator:
    return FoundCreator(
        position=row["position"],
        platform=Platform(row["platform"]),
        stable_id=row["stable_id"],
        handle=row["handle"],
        name=row["name"],
        followers=row["followers"],
        bio=row["bio"],
        emails=tuple(row["emails"]),
        links=tuple(row["links"]),
        verified=row["verified"],
        country=row["country"],
        profile_url=row["profile_url"],
        post_text=row["post_text"],
        post_url=row["post_url"],
        post_published_at=row["post_published_at"],
        views=row["views"],
        likes=row["likes"],
        comments=row["comments"],
        shares=row["shares"],
        duration_seconds=row["duration_seconds"],
        hashtags=tuple(row["hashtags"] or ()),
        keyword=row["keyword"],
        matched_in=tuple(row["matched_in"]),
        search_id=SearchId(row["job_id"]),
    )
