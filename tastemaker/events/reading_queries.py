"""Reading the log: by type and time, by correlation, by aggregate; one event's deliveries; dead letters.

A tenant's statement names the tenant; None is the product itself, which sees the events of all users.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Claim, Tenant
from tastemaker.db.keyset import KeysetPage, Place, checked_limit, page_of, read_cursor
from tastemaker.db.pool import Database
from tastemaker.db.statements import Statement, statement
from tastemaker.db.transaction import read_many, read_one
from tastemaker.events.names import Aggregate, all_names
from tastemaker.events.recorded import COLUMNS, RecordedEvent

_LIST: Final = "events"
_FAILED: Final = "failed deliveries"
_HISTORY: Final = "event history"
MOST_OF_A_CORRELATION: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDelivery:
    """How one subscriber stands with one event."""

    event_id: UUID
    event_type: str
    event_timestamp: datetime
    subscriber: str
    status: str
    attempts: int
    due_at: datetime
    error: str | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Caused:
    """An event and what it set off."""

    event: RecordedEvent
    effects: tuple["Caused", ...]


_BETWEEN: Final = """
          "timestamp" >= coalesce(timezone('UTC', %(since)s::timestamptz), '-infinity')
      AND "timestamp" < coalesce(timezone('UTC', %(until)s::timestamptz), 'infinity')
      AND ("timestamp", seq) < (coalesce(timezone('UTC', %(at)s::timestamptz), 'infinity'),
                                coalesce(%(key)s::bigint, 9223372036854775807))
"""
_LATEST: Final = """
    ORDER BY "timestamp" DESC, seq DESC
    LIMIT %(limit)s
"""
_OWN: Final = "AND tenant_id = %(tenant)s"


def _every_type(whose: str) -> str:
    return f"SELECT {COLUMNS} FROM events WHERE {_BETWEEN} {whose} {_LATEST}"  # noqa: S608 - of this module's own words


def _of_types(whose: str) -> str:
    """For each name from its own place in the index, which several names at once would not let be walked."""
    return f"""
    SELECT found.* FROM unnest(%(types)s::text[]) AS wanted (name)
    CROSS JOIN LATERAL (
        SELECT {COLUMNS} FROM events WHERE event_type = wanted.name AND {_BETWEEN} {whose} {_LATEST}
    ) AS found
    {_LATEST}
"""  # noqa: S608 - of this module's own words


LIST_OF_ANYBODY = statement(_every_type(""), RecordedEvent)
LIST_OF_TENANT = statement(_every_type(_OWN), RecordedEvent)
LIST_TYPES_OF_ANYBODY = statement(_of_types(""), RecordedEvent)
LIST_TYPES_OF_TENANT = statement(_of_types(_OWN), RecordedEvent)

LIST_CORRELATION: Final = statement(
    f"""
    SELECT {COLUMNS} FROM events
    WHERE correlation_id = %(correlation_id)s AND (%(tenant)s::text IS NULL OR tenant_id = %(tenant)s)
    ORDER BY seq
    LIMIT {MOST_OF_A_CORRELATION}
""",  # noqa: S608 - of this module's own words
    RecordedEvent,
)

FIND_EVENT: Final = statement(
    f"""
    SELECT {COLUMNS} FROM events
    WHERE id = %(event_id)s AND (%(tenant)s::text IS NULL OR tenant_id = %(tenant)s)
""",  # noqa: S608 - of this module's own words
    RecordedEvent,
)

LIST_DELIVERIES: Final = statement(
    """
    SELECT event_id, event_type, event_timestamp, subscriber, status, attempts, due_at, error, completed_at
    FROM event_deliveries
    WHERE event_id = %(event_id)s AND (%(tenant)s::text IS NULL OR tenant_id = %(tenant)s)
    ORDER BY subscriber
""",
    StoredDelivery,
)

LIST_FAILED: Final = statement(
    """
    SELECT event_id, event_type, event_timestamp, subscriber, status, attempts, due_at, error, completed_at
    FROM event_deliveries
    WHERE status = 'failed'
      AND (event_timestamp, event_id) < (coalesce(timezone('UTC', %(at)s::timestamptz), 'infinity'),
                                         coalesce(%(key)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY event_timestamp DESC, event_id DESC, subscriber
    LIMIT %(limit)s
""",
    StoredDelivery,
)


_OF_AGGREGATE: Final = f"""
    SELECT {COLUMNS} FROM events
    WHERE aggregate_id = %(aggregate_id)s AND aggregate_type = %(aggregate_type)s
"""  # noqa: S608 - of this module's own words

_HISTORY_PAGE: Final = """
      AND ("timestamp", seq) < (coalesce(timezone('UTC', CAST(%(at)s AS timestamptz)), 'infinity'),
                                coalesce(CAST(%(key)s AS bigint), 9223372036854775807))
    ORDER BY "timestamp" DESC, seq DESC
    LIMIT %(limit)s
"""

LIST_HISTORY_OF_TENANT: Final = statement(
    f"{_OF_AGGREGATE} AND tenant_id = %(tenant)s {_HISTORY_PAGE}", RecordedEvent
)
LIST_HISTORY_OF_ANYBODY: Final = statement(f"{_OF_AGGREGATE} {_HISTORY_PAGE}", RecordedEvent)


async def list_events(
    database: Database,
    user_id: ExternalUserId | None,
    *,
    types: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    after: str | None = None,
    limit: int = 50,
) -> KeysetPage[RecordedEvent]:
    """The latest first. `types` are met under their older names, too; `since` is included, `until` is not."""
    place = read_cursor(after, of=_LIST)
    asked: dict[str, object] = {
        "since": since,
        "until": until,
        "at": place and place.at,
        "key": place and place.key,
        "limit": checked_limit(limit) + 1,
    }
    if types:
        asked["types"] = sorted({name for event_type in types for name in all_names(event_type)})
        everybody, own = LIST_TYPES_OF_ANYBODY, LIST_TYPES_OF_TENANT
    else:
        everybody, own = LIST_OF_ANYBODY, LIST_OF_TENANT
    rows = await _of_tenant_or_everybody(database, user_id, own, everybody, asked)
    return page_of(rows, limit, of=_LIST, place=lambda event: Place(event.timestamp, event.seq))


async def read_correlation(
    database: Database, user_id: ExternalUserId | None, correlation_id: str
) -> tuple[Caused, ...]:
    """Everything that one request set off, as trees, in one statement; 10,000 events at most.

    An event whose cause is not of this correlation is a root, and so is one written before its cause: should
    old records name each other in a circle, the earliest.
    """
    rows = await read_many(
        database, _claim(user_id), LIST_CORRELATION, correlation_id=correlation_id, tenant=user_id
    )
    return trees_of(rows)


async def find_event(
    database: Database, user_id: ExternalUserId | None, event_id: UUID
) -> RecordedEvent | None:
    return await read_one(database, _claim(user_id), FIND_EVENT, event_id=event_id, tenant=user_id)


async def list_deliveries(
    database: Database, user_id: ExternalUserId | None, event_id: UUID
) -> list[StoredDelivery]:
    return await read_many(database, _claim(user_id), LIST_DELIVERIES, event_id=event_id, tenant=user_id)


async def list_failed(
    database: Database, *, after: str | None = None, limit: int = 50
) -> KeysetPage[StoredDelivery]:
    """What was given up, over all tenants, the latest event first.

    Of one event all are on one page: a page may hold some more than `limit`.
    """
    place = read_cursor(after, of=_FAILED)
    asked: dict[str, object] = {
        "at": place and place.at,
        "key": place and place.key,
        "limit": checked_limit(limit) + 1,
    }
    rows = await read_many(database, SYSTEM, LIST_FAILED, **asked)
    return page_of(rows, limit, of=_FAILED, place=lambda one: Place(one.event_timestamp, one.event_id))


async def list_event_history(
    database: Database,
    user_id: ExternalUserId | None,
    aggregate_type: Aggregate,
    aggregate_id: str,
    *,
    after: str | None = None,
    limit: int = 50,
) -> KeysetPage[RecordedEvent]:
    """The tenant's events of the aggregate; None is the product itself, which sees all events."""
    place = read_cursor(after, of=_HISTORY)
    asked: dict[str, object] = {
        "aggregate_id": aggregate_id,
        "aggregate_type": aggregate_type.value,
        "at": place and place.at,
        "key": place and place.key,
        "limit": checked_limit(limit) + 1,
    }
    rows = await _of_tenant_or_everybody(
        database, user_id, LIST_HISTORY_OF_TENANT, LIST_HISTORY_OF_ANYBODY, asked
    )
    return page_of(rows, limit, of=_HISTORY, place=lambda event: Place(event.timestamp, event.seq))


def trees_of(events: Sequence[RecordedEvent]) -> tuple[Caused, ...]:
    """In the order of writing. Every event is in exactly one place."""
    written: set[str] = set()
    children: dict[str, list[RecordedEvent]] = {}
    roots = []
    for event in events:
        if event.causation_id in written:
            children.setdefault(event.causation_id, []).append(event)
        else:
            roots.append(event)
        written.add(str(event.id))
    return tuple(_tree(root, children) for root in roots)


def _tree(root: RecordedEvent, children: dict[str, list[RecordedEvent]]) -> Caused:
    """Without recursion: a chain of causes may be longer than Python's stack."""
    order = [root]
    for event in order:
        order.extend(children.get(str(event.id), ()))
    made: dict[UUID, Caused] = {}
    for event in reversed(order):
        made[event.id] = Caused(event, tuple(made[child.id] for child in children.get(str(event.id), ())))
    return made[root.id]


async def _of_tenant_or_everybody(
    database: Database,
    user_id: ExternalUserId | None,
    own: Statement[RecordedEvent],
    everybody: Statement[RecordedEvent],
    asked: Mapping[str, object],
) -> list[RecordedEvent]:
    if user_id is None:
        return await read_many(database, SYSTEM, everybody, **asked)
    return await read_many(database, Tenant(user_id), own, **asked, tenant=user_id)


def _claim(user_id: ExternalUserId | None) -> Claim:
    return SYSTEM if user_id is None else Tenant(user_id)
