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
from tastemaker.searches.results.queries import ORDERS, order_of

_FIELDS: Final = """
    held.platform, creator.handle, creator.name,
    coalesce(nullif(creator.handle, ''), creator.name) AS username,
    coalesce(nullif(creator.name, ''), creator.handle) AS title, held.followers, creator.bio,
    array_to_string(creator.emails, '; ') AS emails, creator.emails[1] AS email,
    array_to_string(creator.links, '; ') AS links, creator.profile_url, post.text AS post_text,
    post.url AS post_url, to_char(post.published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS published_on,
    held.views, held.likes, post.comments, post.shares, post.duration_seconds,
    coalesce(array_to_string(post.hashtags, '; '), '') AS hashtags, run.keyword,
    array_to_string(held.matched_in, '; ') AS matched_in, held.language, held.country"""
"""In the order of `ExportRow`."""


def _rows(source: str) -> str:
    return f"""
    SELECT {_FIELDS}
    FROM (
        SELECT held.tenant_id, held.creator_id, held.job_id, held.position, held.found_at,
               held.last_post_at, held.platform, held.followers, held.by_followers, held.views, held.likes,
               held.language, held.country, held.matched_in, held.name
        {source} {{filters}}
        ORDER BY {{order}} held.position, held.creator_id) held
    JOIN search_creators found ON found.tenant_id = held.tenant_id AND found.job_id = held.job_id
         AND found.position = held.position
    JOIN scraping_runs run ON run.id = found.run_id AND run.tenant_id = found.tenant_id
    JOIN creators creator ON creator.id = held.creator_id
    LEFT JOIN posts post ON post.id = found.post_id
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
