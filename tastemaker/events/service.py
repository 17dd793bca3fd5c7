"""Recording events: in the transaction of the change they tell of, once per idempotency key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from pydantic_core import PydanticSerializationError

from tastemaker.core.errors import AppError, InvalidInput, PayloadTooLarge
from tastemaker.core.ids import ExternalUserId, new_id
from tastemaker.db.transaction import Transaction
from tastemaker.events import queries
from tastemaker.events.context import LONGEST_CHAIN, Cause, current_cause
from tastemaker.events.names import Payload, Source, all_names
from tastemaker.events.payloads import MOST_BYTES
from tastemaker.events.redaction import checked_metadata


class CyclicCausation(AppError):
    """An event would be its own cause, near or far."""

    status = 422


class ChainTooLong(CyclicCausation):
    """Deliveries have set each other off more often than any real chain does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What `record` takes, for `record_many`. A caller that knows the id beforehand may give it."""

    payload: Payload
    aggregate_id: str
    source: Source
    tenant_id: ExternalUserId | None = None
    identifier: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    metadata: Mapping[str, str] | None = None
    event_id: UUID | None = None


async def record(  # noqa: PLR0913 - everything after the source is optional
    tx: Transaction,
    payload: Payload,
    *,
    aggregate_id: str,
    source: Source,
    tenant_id: ExternalUserId | None = None,
    identifier: str | None = None,
    correlation_id: str | None = None,
    causation_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
    event_id: UUID | None = None,
) -> UUID | None:
    """Write one event; None when the same fact is in the log already, also under an older name.

    The key is `<source>_<identifier>_<event type>`; the identifier is the aggregate unless the same thing can
    happen to it more than once. Correlation and causation are those of the request, job or delivery at work
    (`context`) where not given. For a user the aggregate is the external id.
    Raises PayloadTooLarge, CyclicCausation, UnfitMetadata, InvalidInput; nothing is written then.
    """
    event = NewEvent(
        payload=payload,
        aggregate_id=aggregate_id,
        source=source,
        tenant_id=tenant_id,
        identifier=identifier,
        correlation_id=correlation_id,
        causation_id=causation_id,
        metadata=metadata,
        event_id=event_id,
    )
    row = _row(event, current_cause())
    await _refuse_cycles(tx, [event], [row])
    return await queries.append(tx, row)


async def record_many(tx: Transaction, events: Sequence[NewEvent]) -> list[UUID | None]:
    """As `record`, for many at once: their ids in the same order, None for each that was known already."""
    cause = current_cause()
    rows = [_row(event, cause) for event in events]
    await _refuse_cycles(tx, events, rows)
    return await queries.append_many(tx, rows)


def all_together(events: Sequence[NewEvent]) -> dict[str, list[Any]]:
    """The parameters of `queries.append_together`: of new ids only, so that there is no circle."""
    cause = current_cause()
    rows = [_row(event, cause) for event in events]
    if any(row["former_keys"] for row in rows) or any(event.event_id for event in events):
        raise ValueError("an event whose kind had another name, or whose id is known, is recorded by itself")
    return {name: [row[name] for row in rows] for name in queries.NAMES}


def idempotency_key(source: Source, identifier: str, event_type: str) -> str:
    """The original's form, so that a webhook it knew is known here."""
    return f"{source}_{identifier}_{event_type}"


def _row(event: NewEvent, cause: Cause) -> dict[str, Any]:
    if cause.chain > LONGEST_CHAIN:
        raise ChainTooLong(
            f"More than {LONGEST_CHAIN} events have set each other off: a subscriber causes its own event."
        )
    payload, about = event.payload, event.identifier or event.aggregate_id
    name, *former = all_names(payload.event_type)
    return {
        "id": event.event_id or new_id(),
        "idempotency_key": idempotency_key(event.source, about, name),
        "former_keys": [idempotency_key(event.source, about, old) for old in former],
        "aggregate_id": event.aggregate_id,
        "aggregate_type": payload.aggregate.value,
        "event_type": name,
        "event_version": payload.version,
        "event_data": _data(payload),
        "metadata": _metadata(event, cause),
        "source_system": event.source.value,
        "correlation_id": event.correlation_id or cause.correlation_id,
        "causation_id": event.causation_id or cause.causation_id,
        "tenant_id": event.tenant_id,
    }


def _data(payload: Payload) -> str:
    try:
        data = payload.model_dump_json()
    except PydanticSerializationError:
        raise InvalidInput(
            f"The payload of {payload.event_type} holds what JSON cannot: a lone surrogate."
        ) from None
    if len(data) > MOST_BYTES or len(data.encode()) > MOST_BYTES:
        raise PayloadTooLarge(
            f"The payload of {payload.event_type} has {len(data.encode()):,} bytes; an event's has "
            f"{MOST_BYTES:,} at most. Keep it in a table and let the event name it."
        )
    if "\\u0000" in data:
        raise InvalidInput(f"The payload of {payload.event_type} holds a NUL character.")
    return data


def _metadata(event: NewEvent, cause: Cause) -> str | None:
    own = checked_metadata(event.metadata) if event.metadata else {}
    chain = {"chain": str(cause.chain)} if cause.chain else {}
    both = {**cause.metadata, **own, **chain}
    return orjson.dumps(both).decode() if both else None


async def _refuse_cycles(
    tx: Transaction, events: Sequence[NewEvent], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Only who gives an id beforehand can name it as a cause before it is there."""
    if all(event.event_id is None for event in events):
        return
    cause_of = {str(row["id"]): row["causation_id"] for row in rows}
    for event_id in cause_of:
        at: str | None = event_id
        for _ in range(len(cause_of)):
            at = cause_of.get(at) if at else None
            if at == event_id:
                raise CyclicCausation(f"Event {event_id} would be its own cause.")
    for event, row in zip(events, rows, strict=True):
        if event.event_id is None or row["causation_id"] is None:
            continue
        if await queries.leads_to(tx, causation_id=row["causation_id"], event_id=str(row["id"])):
            raise CyclicCausation(f"Event {row['id']} would be its own cause.")
