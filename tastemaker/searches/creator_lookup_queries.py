"""Where a creator was found: which stored pages of results hold a name on a platform."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import Database
from tastemaker.db.keyset import Page, Place, checked_limit, page_of, read_cursor
from tastemaker.db.reading import read_all

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
