"""The one statement that writes an event: with its key, or not at all."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

APPEND = text("""
    WITH key AS (
        INSERT INTO event_keys (idempotency_key, event_id, "timestamp")
        VALUES (:idempotency_key, gen_random_uuid(), app_now())
        ON CONFLICT DO NOTHING
        RETURNING event_id, "timestamp"
    )
    INSERT INTO events (id, "timestamp", aggregate_id, aggregate_type, event_type, event_version, event_data,
                        metadata, idempotency_key, source_system, correlation_id, causation_id, tenant_id)
    SELECT key.event_id, key."timestamp", :aggregate_id, :aggregate_type, :event_type, :event_version,
           CAST(:event_data AS jsonb), CAST(:metadata AS jsonb), :idempotency_key, :source_system,
           :correlation_id, :causation_id, :tenant_id
    FROM key
    RETURNING id
""")


async def append(session: AsyncSession, event: Mapping[str, Any]) -> UUID | None:
    """The new event's id; None when its key was used before."""
    row = await session.execute(APPEND, event)
    return row.scalar_one_or_none()
