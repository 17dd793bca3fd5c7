"""The creators that searches found. The database filters and orders them.

A creator that several of the searches found is returned once: from the first of them that has it, in the
order in which the searches are given. Every statement names the tenant.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.pool import Database
from tastemaker.db.statements import any_of, composed, one_of, statement
from tastemaker.db.transaction import Transaction, read_many, transaction
from tastemaker.searches.results.paging import EVERYTHING, ResultFilter, ResultPosition, Sort


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCreator:
    """A row of the results: the creator as the catalog has it now, and the post that is shown."""

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
    language: str | None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedCreator(FoundCreator):
    """`sort_key`: its place in the requested order."""

    sort_key: int


COLUMNS: Final = """
    found.position, found.platform, found.stable_id, found.matched_in, found.job_id AS search_id,
    creator.handle, creator.name, creator.followers, creator.bio, creator.emails, creator.links,
    creator.verified, creator.country, creator.language, creator.profile_url,
    post.text AS post_text, post.url AS post_url, post.published_at AS post_published_at,
    post.views, post.likes, post.comments, post.shares, post.duration_seconds,
    coalesce(post.hashtags, ARRAY[]::text[]) AS hashtags, run.keyword"""

TABLES: Final = """
    FROM search_creators found
    JOIN scraping_runs run ON run.id = found.run_id AND run.tenant_id = found.tenant_id
    JOIN creators creator ON creator.id = found.creator_id
    LEFT JOIN posts post ON post.id = found.post_id"""

OF_SEARCHES: Final = """
    WHERE found.tenant_id = %(user_id)s AND found.job_id = ANY(CAST(%(search_ids)s AS uuid[]))
      AND NOT EXISTS (
        SELECT FROM search_creators earlier
        WHERE earlier.tenant_id = found.tenant_id AND earlier.platform = found.platform
          AND earlier.stable_id = found.stable_id AND earlier.job_id = ANY(CAST(%(search_ids)s AS uuid[]))
          AND array_position(CAST(%(search_ids)s AS uuid[]), earlier.job_id)
              < array_position(CAST(%(search_ids)s AS uuid[]), found.job_id))"""

FILTERS: Final = any_of(
    min_followers="AND creator.followers >= %(min_followers)s",
    max_followers="AND creator.followers <= %(max_followers)s",
    has_email="AND creator.emails <> ARRAY[]::text[]",
)

SORT_KEYS: Final = one_of(
    position="CAST(extract(epoch FROM found.created_at) * 1000000 AS bigint)",
    followers="coalesce(-creator.followers, 1)",
    views="coalesce(-post.views, 1)",
    likes="coalesce(-post.likes, 1)",
)
"""Ascending. Counts are never negative: the largest has the smallest key, and an unknown count has 1."""

COUNT_RESULTS = composed(
    f"SELECT count(*) {TABLES} {OF_SEARCHES} {{filters}}",
    int,
    not_null="count",
    filters=FILTERS,
)

LIST_RESULTS = composed(
    f"""
    SELECT * FROM (
        SELECT {COLUMNS}, {{key}} AS sort_key {TABLES} {OF_SEARCHES} {{filters}}) ranked
    {{after}}
    ORDER BY sort_key, search_id, position
    LIMIT %(limit)s
    """,  # noqa: S608 - of this module's own constants
    SortedCreator,
    not_null="hashtags sort_key",
    key=SORT_KEYS,
    filters=FILTERS,
    after=any_of(
        after="""WHERE (sort_key, search_id, position) > (CAST(%(after_key)s AS bigint),
            CAST(%(after_search)s AS uuid), CAST(%(after_position)s AS integer))"""
    ),
)

LIST_RESULTS_OF_ONE = statement(
    f"""
    SELECT {COLUMNS} {TABLES}
    WHERE found.tenant_id = %(user_id)s AND found.job_id = %(search_id)s
      AND found.position > %(after_position)s AND NOT EXISTS (
        SELECT FROM search_creators earlier
        WHERE earlier.tenant_id = found.tenant_id AND earlier.platform = found.platform
          AND earlier.stable_id = found.stable_id AND earlier.job_id = ANY(CAST(%(earlier_ids)s AS uuid[])))
    ORDER BY found.position LIMIT %(limit)s
    """,  # noqa: S608 - of this module's own constants
    FoundCreator,
    not_null="hashtags",
)
"""In the order of arrival within one search, which is that of the index on (job_id, position)."""


async def list_results(
    tx: Transaction,
    user_id: ExternalUserId,
    search_ids: Sequence[SearchId],
    *,
    wanted: ResultFilter = EVERYTHING,
    sort: Sort = Sort.POSITION,
    after: ResultPosition | None = None,
    limit: int,
) -> ResultsPage:
    """One page; `after` is the `next` of the page before, with the same sort."""
    filters = wanted.given
    values: dict[str, Any] = {name: value for name, value in filters.items() if name != "has_email"}
    if after is not None:
        values |= {
            "after_key": after.key,
            "after_search": after.search_id,
            "after_position": after.position,
        }
    chosen = LIST_RESULTS.choose(key=sort.value, filters=tuple(filters), after=("after",) if after else ())
    rows = await tx.many(chosen, user_id=user_id, search_ids=list(search_ids), limit=limit + 1, **values)
    shown = [_without_key(row) for row in rows[:limit]]
    if len(rows) <= limit or not shown:  # one row more than the limit means another page
        return ResultsPage(shown, next=None)
    last = rows[limit - 1]
    return ResultsPage(shown, next=ResultPosition(last.sort_key, last.search_id, last.position))


async def count_results(
    tx: Transaction,
    user_id: ExternalUserId,
    search_ids: Sequence[SearchId],
    *,
    wanted: ResultFilter = EVERYTHING,
) -> int:
    filters = wanted.given
    values = {name: value for name, value in filters.items() if name != "has_email"}
    chosen = COUNT_RESULTS.choose(filters=tuple(filters))
    return await tx.only(chosen, user_id=user_id, search_ids=list(search_ids), **values)


async def stream_results(
    database: Database, user_id: ExternalUserId, search_ids: Sequence[SearchId], *, page_size: int = 1000
) -> AsyncIterator[FoundCreator]:
    """Everything, search after search in order of arrival, a page in memory at a time.

    Each page is its own transaction, so a slow reader holds none open.
    """
    for number, search_id in enumerate(search_ids):
        position, is_last = 0, False
        while not is_last:
            page = await read_many(
                database,
                Tenant(user_id),
                LIST_RESULTS_OF_ONE,
                user_id=user_id,
                search_id=search_id,
                earlier_ids=list(search_ids[:number]),
                after_position=position,
                limit=page_size,
            )
            for creator in page:
                yield creator
            is_last = len(page) < page_size
            position = page[-1].position if page else position


async def stream_passing(
    database: Database,
    user_id: ExternalUserId,
    search_ids: Sequence[SearchId],
    *,
    wanted: ResultFilter,
    sort: Sort,
    limit: int | None,
    page_size: int = 1000,
) -> AsyncIterator[FoundCreator]:
    """Those that pass, in that order, at most `limit`, a page in memory at a time.

    Each page is its own transaction, as in `stream_results`, which reads everything faster.
    """
    left, after = limit, None
    while left is None or left > 0:
        async with transaction(database, Tenant(user_id)) as tx:
            page = await list_results(
                tx,
                user_id,
                search_ids,
                wanted=wanted,
                sort=sort,
                after=after,
                limit=page_size if left is None else min(page_size, left),
            )
        for creator in page.creators:
            yield creator
        left = None if left is None else left - len(page.creators)
        if (after := page.next) is None:
            return


def _without_key(row: SortedCreator) -> FoundCreator:
    return FoundCreator(**{name: getattr(row, name) for name in _NAMES})


_NAMES: Final = tuple(field.name for field in fields(FoundCreator))
