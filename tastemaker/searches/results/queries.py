"""The creators that searches found. The database filters and orders them.

One filter and one order serve searches and campaigns (`filter_queries`). Every statement names the tenant.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tastemaker.billing.features import without_hidden_emails
from tastemaker.catalog.similar import LEAST_SHARED, LikenessReason
from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.pool import Database
from tastemaker.db.statements import any_of, composed, statement
from tastemaker.db.transaction import Transaction, read_many, transaction
from tastemaker.searches.results.filter_queries import (
    FILTERS,
    OF_CAMPAIGN,
    OF_SEARCH,
    OF_SEARCHES,
    SEEN,
    asked,
    in_scope,
)
from tastemaker.searches.results.filtering import EVERYTHING, ResultFilter
from tastemaker.searches.results.paging import ResultPosition, Scope, SearchScope, Sort

MOST_SHOWN: Final = 5
"""Shared terms of a similar creator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCreator:
    """A row of the results: the creator, and the post that is shown.

    `search_id` is None and `keyword` empty for a creator that was imported and that no search has found.
    """

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
    search_id: SearchId | None
    similarity: float | None
    """How alike it is to the creator of a similar search, the sum of what `because` states."""

    because: Any
    """Null, or objects with `reason` (term, vocabulary, related), `term` and `value`, the largest first."""

    @property
    def alike_in(self) -> str | None:
        """`23 % alike: sourdough, #bread`; None for a creator that keywords found."""
        if self.similarity is None:
            return None
        terms = [one["term"] for one in self.because if one["term"]]
        told = [one for one in terms if f"#{one}" not in terms]
        reasons = told[:MOST_SHOWN] if len(terms) >= LEAST_SHARED else []
        if any(one["reason"] == LikenessReason.RELATED for one in self.because):
            reasons.append(f"related on {self.platform.value}")
        return f"{min(self.similarity, 1):.0%} alike: {', '.join(reasons or ['similar vocabulary'])}".replace(
            "%", " %", 1
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow(FoundCreator):
    """What a table of results shows. `seen_in`: the latest other campaign that had the creator before.

    `posts_found`: posts of the creator on the pages of the search that the row is from.
    """

    creator_id: int
    avatar_url: str | None
    thumbnail_url: str | None
    found_at: datetime
    last_post_at: datetime | None
    posts_found: int
    seen_in_id: CampaignId | None
    seen_in_name: str | None
    sort_name: str | None


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """`next` is None on the last page."""

    creators: Sequence[ResultRow]
    next: ResultPosition | None


_VIEWS: Final = "coalesce(-held.views, 1)"
_LIKES: Final = "coalesce(-held.likes, 1)"
_LAST_POST: Final = (
    "coalesce(-CAST(extract(epoch FROM held.last_post_at) * 1000000 AS bigint), 9223372036854775807)"
)
_NAME: Final = """coalesce(held.name, U&'\\+10FFFF') COLLATE "C\""""
_UNKNOWN_NAME: Final = "\U0010ffff"

KEYS: Final = {
    Sort.FOLLOWERS: "held.by_followers",
    Sort.VIEWS: _VIEWS,
    Sort.LIKES: _LIKES,
    Sort.LAST_POST: _LAST_POST,
    Sort.NAME: _NAME,
}
"""Ascending. Counts are never negative: the largest has the smallest key, and an unknown count has 1."""

ORDERS: Final = any_of(found_at="held.found_at,", **{sort.value: f"{key}," for sort, key in KEYS.items()})
"""Without one it is the order of arrival in a single search."""


def _after(key: str, given: str) -> str:
    return f"""AND ({key}, held.position, held.creator_id) > ({given},
        CAST(%(after_position)s AS integer), CAST(%(after_creator)s AS bigint))"""


AFTERS: Final = any_of(
    position="AND held.position > CAST(%(after_position)s AS integer)",
    found_at=_after("held.found_at", "CAST(%(after_time)s AS timestamptz)"),
    name=_after(_NAME, "CAST(%(after_name)s AS text)"),
    **{
        sort.value: _after(key, "CAST(%(after_key)s AS bigint)")
        for sort, key in KEYS.items()
        if sort is not Sort.NAME
    },
)

IMPORTED_VALUES: Final = """
    coalesce(creator.handle, CASE WHEN creator.stable_id IS DISTINCT FROM imported.username
                                  THEN imported.username END) AS handle,
    coalesce(creator.name, left(imported.display_name, 1000)) AS name,
    coalesce(creator.bio, left(imported.bio, 20000)) AS bio,
    CASE WHEN creator.emails = ARRAY[]::text[] AND imported.email IS NOT NULL
         THEN ARRAY[left(imported.email, 320)] ELSE creator.emails END AS emails,
    coalesce(creator.profile_url, left(imported.profile_url, 2000)) AS profile_url,
    coalesce(post.text, left(imported.post_description, 50000)) AS post_text,
    coalesce(post.url, left(imported.post_url, 2000)) AS post_url"""
"""What the catalog knows, else what the imported file says."""

JOINS: Final = """
    LEFT JOIN search_creators found ON found.tenant_id = held.tenant_id AND found.job_id = held.job_id
         AND found.position = held.position
    LEFT JOIN scraping_runs run ON run.id = found.run_id AND run.tenant_id = found.tenant_id
    LEFT JOIN search_results imported ON imported.id = held.imported_id
         AND imported.tenant_id = held.tenant_id
    JOIN creators creator ON creator.id = held.creator_id
    LEFT JOIN posts post ON post.id = found.post_id"""

COLUMNS: Final = """
    held.position, held.platform, creator.stable_id, VALUES_OF_CREATOR, held.followers,
    creator.links, held.verified, held.country, held.language,
    post.published_at AS post_published_at,
    held.views, held.likes, post.comments, post.shares, post.duration_seconds,
    coalesce(post.hashtags, ARRAY[]::text[]) AS hashtags, coalesce(run.keyword, '') AS keyword,
    held.matched_in, held.job_id AS search_id,
    alike.score AS similarity, alike.contributions AS because""".replace("VALUES_OF_CREATOR", IMPORTED_VALUES)


def _listing(source: str) -> str:
    """The rows of a page are chosen first; then what they show is read for these alone."""
    return f"""
    SELECT {COLUMNS}, held.creator_id, creator.avatar_url, post.thumbnail_url, held.found_at,
           held.last_post_at, coalesce(cardinality(
               array_remove(found.other_post_ids || found.post_id, NULL)), 0) AS posts_found,
           seen.id AS seen_in_id, seen.name AS seen_in_name, held.name AS sort_name
    FROM (
        SELECT held.tenant_id, held.campaign_id, held.creator_id, held.job_id, held.position,
               held.found_at, held.last_post_at, held.platform, held.followers, held.by_followers,
               held.views, held.likes, held.verified, held.language, held.country, held.matched_in,
               held.name, held.imported_id
        {source} {{filters}} {{after}}
        ORDER BY {{order}} held.position, held.creator_id
        LIMIT %(limit)s) held
    {JOINS}
    LEFT JOIN similar_creators alike ON alike.tenant_id = held.tenant_id AND alike.job_id = held.job_id
         AND alike.creator_id = held.creator_id
    LEFT JOIN LATERAL (
        SELECT campaign.id, campaign.name {SEEN} ORDER BY other.found_at DESC LIMIT 1) seen ON true
    ORDER BY {{order}} held.position, held.creator_id
    """  # noqa: S608 - of this module's own constants


_NEVER_NULL: Final = (
    "stable_id emails links position platform hashtags found_at posts_found matched_in creator_id keyword"
)
_SLOTS: Final = {"filters": any_of(**FILTERS), "after": AFTERS, "order": ORDERS}

LIST_OF_CAMPAIGN = composed(_listing(OF_CAMPAIGN), ResultRow, not_null=_NEVER_NULL, **_SLOTS)
LIST_OF_SEARCH = composed(_listing(OF_SEARCH), ResultRow, not_null=_NEVER_NULL, **_SLOTS)
LIST_OF_SEARCHES = composed(_listing(OF_SEARCHES), ResultRow, not_null=_NEVER_NULL, **_SLOTS)

_FILTERED: Final = any_of(**FILTERS)

COUNT_OF_CAMPAIGN = composed(
    f"SELECT count(*) {OF_CAMPAIGN} {{filters}}", int, not_null="count", filters=_FILTERED
)
COUNT_OF_SEARCH = composed(
    f"SELECT count(*) {OF_SEARCH} {{filters}}", int, not_null="count", filters=_FILTERED
)
COUNT_OF_SEARCHES = composed(
    f"SELECT count(*) {OF_SEARCHES} {{filters}}", int, not_null="count", filters=_FILTERED
)

LIST_RESULTS_OF_ONE = statement(
    """
    SELECT found.position, found.platform, found.stable_id, found.matched_in, found.job_id AS search_id,
           creator.handle, creator.name, creator.followers, creator.bio, creator.emails, creator.links,
           creator.verified, creator.country,
           coalesce(creator.language, creator.detected_language) AS language, creator.profile_url,
           post.text AS post_text, post.url AS post_url, post.published_at AS post_published_at,
           post.views, post.likes, post.comments, post.shares, post.duration_seconds,
           coalesce(post.hashtags, ARRAY[]::text[]) AS hashtags, run.keyword,
           alike.score AS similarity, alike.contributions AS because
    FROM search_creators found
    JOIN scraping_runs run ON run.id = found.run_id AND run.tenant_id = found.tenant_id
    JOIN creators creator ON creator.id = found.creator_id
    LEFT JOIN posts post ON post.id = found.post_id
    LEFT JOIN similar_creators alike ON alike.tenant_id = found.tenant_id AND alike.job_id = found.job_id
         AND alike.creator_id = found.creator_id
    WHERE found.tenant_id = %(user_id)s AND found.job_id = %(search_id)s
      AND found.position > %(after_position)s AND NOT EXISTS (
        SELECT FROM search_creators earlier
        WHERE earlier.tenant_id = found.tenant_id AND earlier.platform = found.platform
          AND earlier.stable_id = found.stable_id AND earlier.job_id = ANY(CAST(%(earlier_ids)s AS uuid[])))
    ORDER BY found.position LIMIT %(limit)s
    """,
    FoundCreator,
    not_null="hashtags",
)
"""In the order of arrival within one search, which is that of the index on (job_id, position)."""


async def list_results(
    tx: Transaction,
    user_id: ExternalUserId,
    scope: Scope,
    *,
    wanted: ResultFilter = EVERYTHING,
    sort: Sort = Sort.POSITION,
    after: ResultPosition | None = None,
    limit: int,
    more: Mapping[str, object] | None = None,
) -> ResultsPage:
    """One page; `after` is the `next` of the page before, with the same sort. `more`: further filters."""
    listing = in_scope(scope, LIST_OF_CAMPAIGN, LIST_OF_SEARCH, LIST_OF_SEARCHES)
    order = order_of(scope, sort)
    names, values = asked(user_id, scope, wanted, more)
    if after is not None:
        values |= _after_values(order, after)
    chosen = listing.choose(
        filters=names, after=(order,) if after else (), order=() if order == "position" else (order,)
    )
    rows = await tx.many(chosen, **values, limit=limit + 1)
    shown = await without_hidden_emails(tx, user_id, rows[:limit])
    if len(rows) <= limit or not shown:  # one row more than the limit means another page
        return ResultsPage(shown, next=None)
    return ResultsPage(shown, next=_position(sort, shown[-1]))


async def count_results(
    tx: Transaction,
    user_id: ExternalUserId,
    scope: Scope,
    *,
    wanted: ResultFilter = EVERYTHING,
    more: Mapping[str, object] | None = None,
) -> int:
    names, values = asked(user_id, scope, wanted, more)
    count = in_scope(scope, COUNT_OF_CAMPAIGN, COUNT_OF_SEARCH, COUNT_OF_SEARCHES)
    return await tx.only(count.choose(filters=names), **values)


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
    scope: Scope,
    *,
    wanted: ResultFilter,
    sort: Sort,
    limit: int | None = None,
    more: Mapping[str, object] | None = None,
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
                scope,
                wanted=wanted,
                sort=sort,
                after=after,
                limit=page_size if left is None else min(page_size, left),
                more=more,
            )
        for row in page.creators:
            yield as_found(row)
        left = None if left is None else left - len(page.creators)
        if (after := page.next) is None:
            return


def as_found(row: ResultRow) -> FoundCreator:
    """Without what only pages show."""
    return FoundCreator(**{name: getattr(row, name) for name in _NAMES})


def order_of(scope: Scope, sort: Sort) -> str:
    is_single = isinstance(scope, SearchScope) and len(scope.search_ids) == 1
    return sort.value if sort is not Sort.POSITION or is_single else "found_at"


def _after_values(order: str, after: ResultPosition) -> dict[str, Any]:
    values: dict[str, Any] = {"after_position": after.position}
    if order == "position":
        return values
    values["after_creator"] = after.creator_id
    if order == "found_at":
        return {**values, "after_time": _EPOCH + timedelta(microseconds=int(after.key))}
    return {**values, "after_name" if order == "name" else "after_key": after.key}


def _position(sort: Sort, row: ResultRow) -> ResultPosition:
    match sort:
        case Sort.POSITION:
            key: int | str = _microseconds(row.found_at)
        case Sort.LAST_POST:
            key = _NEVER if row.last_post_at is None else -_microseconds(row.last_post_at)
        case Sort.NAME:
            key = _UNKNOWN_NAME if row.sort_name is None else row.sort_name
        case Sort.FOLLOWERS | Sort.VIEWS | Sort.LIKES:
            count = getattr(row, sort.value)
            key = 1 if count is None else -count
    return ResultPosition(key, row.position, row.creator_id)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NEVER: Final = 2**63 - 1
_NAMES: Final = tuple(field.name for field in fields(FoundCreator))
