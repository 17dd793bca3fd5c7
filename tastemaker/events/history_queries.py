"""What happened to one thing: the events of an aggregate, the latest first."""

from typing import Final

from psycopg.rows import class_row

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.engine import Database
from tastemaker.db.keyset import Page, Place, checked_limit, page_of, read_cursor
from tastemaker.db.reading import read_all
from tastemaker.events.names import Aggregate
from tastemaker.events.recorded import COLUMNS, RecordedEvent

_LIST: Final = "event history"


_SELECT: Final = f"""
    SELECT {COLUMNS} FROM events
    WHERE aggregate_id = %(aggregate_id)s AND aggregate_type = %(aggregate_type)s
"""  # noqa: S608 - of our own words

_PAGE: Final = """
      AND ("timestamp", seq) < (coalesce(timezone('UTC', CAST(%(at)s AS timestamptz)), 'infinity'),
                                coalesce(CAST(%(key)s AS bigint), 9223372036854775807))
    ORDER BY "timestamp" DESC, seq DESC
    LIMIT %(limit)s
"""

LIST_OF_TENANT: Final = f"{_SELECT} AND tenant_id = %(tenant)s {_PAGE}"
LIST_OF_ANYBODY: Final = f"{_SELECT} {_PAGE}"


async def list_event_history(
    database: Database,
    user_id: ExternalUserId | None,
    aggregate_type: Aggregate,
    aggregate_id: str,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[RecordedEvent]:
    """The tenant's own events of the aggregate; None is the product itself, which sees everybody's."""
    place = read_cursor(after, of=_LIST)
    asked = {
        "aggregate_id": aggregate_id,
        "aggregate_type": aggregate_type.value,
        "tenant": user_id,
        "at": place and place.at,
        "key": place and place.key,
        "limit": checked_limit(limit) + 1,
    }
    claim, statement = (SYSTEM, LIST_OF_ANYBODY) if user_id is None else (Tenant(user_id), LIST_OF_TENANT)
    rows = await read_all(database, claim, statement, asked, row=class_row(RecordedEvent))
    return page_of(rows, limit, of=_LIST, place=lambda event: Place(event.timestamp, event.seq))
