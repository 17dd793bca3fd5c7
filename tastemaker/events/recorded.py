"""An event as it stands in the log, read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tastemaker.events.names import Payload
from tastemaker.events.upcasting import read_payload

COLUMNS: Final = """id, seq, aggregate_type, aggregate_id, event_type, event_version, event_data, metadata,
           "timestamp", source_system, tenant_id, correlation_id, causation_id, processing_status"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """`seq` is the order of writing, which tells events of one moment apart.

    `event_type`, `event_version` and `event_data` are as they were written; `payload` is today's form.
    """

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
    tenant_id: str | None
    correlation_id: str | None
    causation_id: str | None
    processing_status: str

    @property
    def payload(self) -> Payload:
        """Raises UnreadablePayload."""
        return read_payload(self.event_type, self.event_version, self.event_data)

    @property
    def chain(self) -> int:
        """How many deliveries led to it."""
        told = str((self.metadata or {}).get("chain", "0"))
        return int(told) if told.isdecimal() else 0
