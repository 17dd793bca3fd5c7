"""The found creators as the rows of a file, read through one cursor: each once, in the order asked for.

The transaction stays open while the rows are read, so this is for readers as fast as a disk.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant
from tastemaker.db.pool import Database
from tastemaker.db.statements import any_of, composed
from tastemaker.db.transaction import stream_tuples
from tastemaker.searches.results.export import ExportRow
from tastemaker.searches.results.filter_queries import (
    FILTERS,
    OF_CAMPAIGN,
    OF_SEARCH,
    OF_SEARCHES,
    asked,
    in_scope,
)
from tastemaker.searches.results.filtering import ResultFilter
from tastemaker.searches.results.paging import Scope, Sort
from tastemaker.searches.results.queries import IMPORTED_VALUES, JOINS, ORDERS, order_of

_FIELDS: Final = """
    held.platform, known.handle, known.name,
    coalesce(nullif(known.handle, ''), known.name) AS username,
    coalesce(nullif(known.name, ''), known.handle) AS title, held.followers, known.bio,
    array_to_string(known.emails, '; ') AS emails, known.emails[1] AS email,
    array_to_string(creator.links, '; ') AS links, known.profile_url, known.post_text,
    known.post_url, to_char(post.published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS published_on,
    held.views, held.likes, post.comments, post.shares, post.duration_seconds,
    coalesce(array_to_string(post.hashtags, '; '), '') AS hashtags, coalesce(run.keyword, '') AS keyword,
    array_to_string(held.matched_in, '; ') AS matched_in, held.language, held.country"""
"""In the order of `ExportRow`."""


def _rows(source: str) -> str:
    return f"""
    SELECT {_FIELDS}
    FROM (
        SELECT held.tenant_id, held.creator_id, held.job_id, held.position, held.found_at,
               held.last_post_at, held.platform, held.followers, held.by_followers, held.views, held.likes,
               held.language, held.country, held.matched_in, held.name, held.imported_id
        {source} {{filters}}
        ORDER BY {{order}} held.position, held.creator_id) held
    {JOINS}
    CROSS JOIN LATERAL (SELECT {IMPORTED_VALUES}) known
    ORDER BY {{order}} held.position, held.creator_id
    """  # noqa: S608 - of this module's own constants


_NEVER_NULL: Final = "platform emails links hashtags matched_in keyword"
_SLOTS: Final = {"filters": any_of(**FILTERS), "order": ORDERS}

ROWS_OF_CAMPAIGN = composed(_rows(OF_CAMPAIGN), ExportRow, not_null=_NEVER_NULL, **_SLOTS)
ROWS_OF_SEARCH = composed(_rows(OF_SEARCH), ExportRow, not_null=_NEVER_NULL, **_SLOTS)
ROWS_OF_SEARCHES = composed(_rows(OF_SEARCHES), ExportRow, not_null=_NEVER_NULL, **_SLOTS)


def stream_rows(
    database: Database,
    user_id: ExternalUserId,
    scope: Scope,
    *,
    wanted: ResultFilter,
    sort: Sort,
    more: Mapping[str, object] | None = None,
) -> AsyncGenerator[list[tuple[Any, ...]], None]:
    """In batches; each row has the values of `ExportRow`, in the order of `FIELDS`.

    `more`: further filters.
    """
    order = order_of(scope, sort)
    names, values = asked(user_id, scope, wanted, more)
    chosen = in_scope(scope, ROWS_OF_CAMPAIGN, ROWS_OF_SEARCH, ROWS_OF_SEARCHES).choose(
        filters=names, order=() if order == "position" else (order,)
    )
    return stream_tuples(database, Tenant(user_id), chosen, values)
