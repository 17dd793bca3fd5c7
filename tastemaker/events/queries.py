"""The statements that write events: each with its key, or not at all."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction

_KEY: Final = """
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


APPEND: Final = statement(
    _APPEND.replace("{key}", _KEY).format(
        **{name: f"CAST(%({name})s AS {_TYPES.get(name, 'text')})" for name in (*NAMES, "former_keys")}
    ),
    UUID,
)


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
    """  # noqa: S608 - of this module's own words
    columns = {name: f"new.{name}" for name in NAMES}
    append = (
        _APPEND.replace("{key}", key)
        .format(**columns)
        .replace("FROM key", "FROM key JOIN new ON new.id = key.event_id")
    )
    rows = f"WITH new AS (SELECT * FROM unnest({arrays}) AS new ({', '.join(NAMES)})), key AS"  # noqa: S608 - of this module's own words
    return append.replace("WITH key AS", rows)


LEADS_TO: Final = statement(
    """
    WITH RECURSIVE chain (cause) AS (
        SELECT CAST(%(causation_id)s AS text)
        UNION
        SELECT e.causation_id FROM chain JOIN events e ON e.id = CASE
            WHEN chain.cause ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            THEN CAST(chain.cause AS uuid) END
        WHERE e.causation_id IS NOT NULL
    )
    SELECT EXISTS (SELECT FROM chain WHERE cause = %(event_id)s)
""",
    bool,
    not_null="exists",
)

REDACT: Final = statement(
    "SELECT redact_events(CAST(%(events)s AS uuid[]), CAST(%(fields)s AS text[]), %(reason)s, %(actor)s)",
    int,
    not_null="redact_events",
)


async def append(tx: Transaction, event: Mapping[str, Any]) -> UUID | None:
    """The new event's id; None when its key was used before."""
    return await tx.one(APPEND, **event)


async def append_many(tx: Transaction, events: Sequence[Mapping[str, Any]]) -> list[UUID | None]:
    """As `append`, in one batch; in the order given."""
    return await tx.run_each(APPEND, events)


async def leads_to(tx: Transaction, *, causation_id: str, event_id: str) -> bool:
    """Whether the chain of causes that begins at `causation_id` contains `event_id`."""
    return await tx.only(LEADS_TO, causation_id=causation_id, event_id=event_id)


async def redact(
    tx: Transaction, events: Sequence[UUID], *, fields: Sequence[str], reason: str, actor: str
) -> int:
    """Blank top-level `fields` of the events' data, drop them from the metadata: how many events had any.

    Text becomes `[redacted]`, a list or an object becomes empty, everything else null. Needs the system's
    claim; `reason` and `actor` (an id, not a name) are kept in the event `events_redacted` of the same
    transaction.
    """
    return await tx.only(REDACT, events=list(events), fields=list(fields), reason=reason, actor=actor)
