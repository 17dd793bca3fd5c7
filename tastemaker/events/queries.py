"""The statements that write events: each with its key, or not at all."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from tastemaker.db.engine import driver_connection
from tastemaker.db.transaction import Transaction

_KEY: Final = """
        INSERT INTO event_keys (idempotency_key, event_id, "timestamp")
        VALUES ({idempotency_key}, {id}, app_now())
        ON CONFLICT DO NOTHING
        RETURNING event_id, "timestamp"
"""

_KEY_UNLESS_FORMER: Final = """
        INSERT INTO event_keys (idempotency_key, event_id, "timestamp")
        SELECT {idempotency_key}, {id}, app_now()
        WHERE NOT EXISTS (SELECT FROM event_keys WHERE idempotency_key = ANY({former_keys}))
        ON CONFLICT DO NOTHING
        RETURNING event_id, "timestamp"
"""

_APPEND: Final = """
    WITH key AS ({key})
    INSERT INTO events (id, "timestamp", aggregate_id, aggregate_type, event_type, event_version, event_data,
                        metadata, idempotency_key, source_system, correlation_id, causation_id, tenant_id)
    SELECT key.event_id, key."timestamp", {aggregate_id}, {aggregate_type}, {event_type}, {event_version},
           CAST({event_data} AS jsonb), CAST({metadata} AS jsonb), {idempotency_key}, {source_system},
           {correlation_id}, {causation_id}, {tenant_id}
    FROM key
    RETURNING id
"""

_TYPES: Final = {"id": "uuid", "event_version": "integer", "former_keys": "text[]"}
NAMES: Final = (
    "id", "idempotency_key", "aggregate_id", "aggregate_type", "event_type", "event_version", "event_data",
    "metadata", "source_system", "correlation_id", "causation_id", "tenant_id",
)  # fmt: skip


def _statement(key: str) -> str:
    named = {name: f"CAST(%({name})s AS {_TYPES.get(name, 'text')})" for name in (*NAMES, "former_keys")}
    return _APPEND.replace("{key}", key).format(**named)


APPEND: Final = _statement(_KEY).encode()
APPEND_UNLESS_FORMER: Final = _statement(_KEY_UNLESS_FORMER).encode()
"""In the driver's form: SQLAlchemy's way to it would be a third of what one event costs."""


def append_together(which: str) -> str:
    """Appends those of `new` of which the condition holds, in no order: half the cost of one after another.

    Its parameters are those of `append` as arrays. Of kinds that never had another name.
    """
    arrays = ", ".join(f"CAST(%({name})s AS {_TYPES.get(name, 'text')}[])" for name in NAMES)
    key = f"""
        INSERT INTO event_keys (idempotency_key, event_id, "timestamp")
        SELECT new.idempotency_key, new.id, (SELECT app_now()) FROM new WHERE {which}
        ON CONFLICT DO NOTHING
        RETURNING event_id, "timestamp"
    """  # noqa: S608 - the condition is written by whoever calls this at import
    columns = {name: f"new.{name}" for name in NAMES}
    append = (
        _APPEND.replace("{key}", key)
        .format(**columns)
        .replace("FROM key", "FROM key JOIN new ON new.id = key.event_id")
    )
    rows = f"WITH new AS (SELECT * FROM unnest({arrays}) AS new ({', '.join(NAMES)})), key AS"  # noqa: S608 - of this module's own words
    return append.replace("WITH key AS", rows)


LEADS_TO = text("""
    WITH RECURSIVE chain (cause) AS (
        SELECT CAST(:causation_id AS text)
        UNION
        SELECT e.causation_id FROM chain JOIN events e ON e.id = CASE
            WHEN chain.cause ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            THEN CAST(chain.cause AS uuid) END
        WHERE e.causation_id IS NOT NULL
    )
    SELECT EXISTS (SELECT FROM chain WHERE cause = :event_id)
""")


REDACT: Final = text(
    "SELECT redact_events(CAST(:events AS uuid[]), CAST(:fields AS text[]), :reason, :actor)"
)


async def append(session: Transaction, event: Mapping[str, Any]) -> UUID | None:
    """The new event's id; None when its key was used before."""
    connection = await driver_connection(session)
    async with connection.cursor() as cursor:
        await cursor.execute(APPEND_UNLESS_FORMER if event["former_keys"] else APPEND, event)
        row = await cursor.fetchone()
    return None if row is None else row[0]


async def append_many(session: Transaction, events: Sequence[Mapping[str, Any]]) -> list[UUID | None]:
    """As `append`, in one pipeline; in the order given."""
    if not events:
        return []
    statement = APPEND_UNLESS_FORMER if any(event["former_keys"] for event in events) else APPEND
    connection = await driver_connection(session)
    written: list[UUID | None] = []
    async with connection.cursor() as cursor:
        await cursor.executemany(statement, events, returning=True)
        while True:
            row = await cursor.fetchone()
            written.append(None if row is None else row[0])
            if not cursor.nextset():
                return written


async def leads_to(session: Transaction, *, causation_id: str, event_id: str) -> bool:
    """Whether the chain of causes that begins at `causation_id` comes by `event_id`."""
    found = await session.scalar(LEADS_TO, {"causation_id": causation_id, "event_id": event_id})
    return bool(found)


async def redact(
    session: Transaction, events: Sequence[UUID], *, fields: Sequence[str], reason: str, actor: str
) -> int:
    """Blank top-level `fields` of the events' data, and drop them from their metadata; how many had any.

    Text becomes `[redacted]`, a list or an object empty, all else null. Needs the system's claim; `reason`
    and `actor` (an id, not a name) are kept in the event `events_redacted` of the same transaction.
    """
    found = await session.scalar(
        REDACT, {"events": list(events), "fields": list(fields), "reason": reason, "actor": actor}
    )
    return int(found or 0)
