"""The one door through which the log is edited: personal fields are blanked, and an event says so."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text

from tastemaker.db.transaction import Transaction

REDACT: Final = text(
    "SELECT redact_events(CAST(:events AS uuid[]), CAST(:fields AS text[]), :reason, :actor)"
)


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
