"""What happened to one thing: the events of an aggregate, the latest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.engine import Database
from tastemaker.db.keyset import Page, Place, checked_limit, page_of, read_cursor
from tastemaker.db.reading import read_all
from tastemaker.events.names import Aggregate

_LIST: Final = "event history"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEvent:
    """`seq` is the order of writing, which tells events of one moment apart."""

    id: UUID
    seq: int
    aggregate_type: str
    aggregate_id: str
    event_type: str
    event_version: int
    event_data: Mapping[str, Any]
    metadata: Mapping[str, Any] | None
    timestamp: datetime
    source_system: str
    correlation_id: str | None
    causation_id: str | None


_SELECT: Final = """
    SELECT id, seq, aggregate_type, aggregate_id, event_type, event_version, event_data, metadata,
           "timestamp", source_system, correlation_id, causation_id
    FROM events
    WHERE aggregate_id = %(aggregate_id)s AND aggregate_type = %(aggregate_type)s
"""

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
) -> Page[PastEvent]:
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
    rows = await read_all(database, claim, statement, asked, row=class_row(PastEvent))
    return page_of(rows, limit, of=_LIST, place=lambda event: Place(event.timestamp, event.seq))
