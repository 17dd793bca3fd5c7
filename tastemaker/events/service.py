"""Recording an event: in the transaction of the change it tells of, once per idempotency key."""

from collections.abc import Mapping
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId
from tastemaker.events import queries
from tastemaker.events.names import Source
from tastemaker.events.payloads import Payload


async def record(  # noqa: PLR0913 - everything after the source is optional
    session: AsyncSession,
    payload: Payload,
    *,
    aggregate_id: str,
    source: Source,
    tenant_id: ExternalUserId | None = None,
    identifier: str | None = None,
    correlation_id: str | None = None,
    causation_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> UUID | None:
    """Write one event; None when the same fact is in the log already.

    The key is `<source>_<identifier>_<event type>`; the identifier is the aggregate unless the same
    thing can happen to it more than once.
    """
    key = f"{source}_{identifier or aggregate_id}_{payload.event_type}"
    return await queries.append(
        session,
        {
            "idempotency_key": key,
            "aggregate_id": aggregate_id,
            "aggregate_type": payload.aggregate,
            "event_type": payload.event_type,
            "event_version": payload.version,
            "event_data": payload.model_dump_json(),
            "metadata": orjson.dumps(metadata).decode() if metadata else None,
            "source_system": source,
            "correlation_id": correlation_id,
            "causation_id": causation_id,
            "tenant_id": tenant_id,
        },
    )
