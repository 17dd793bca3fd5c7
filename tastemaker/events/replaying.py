"""Delivering again: what failed, what a new subscriber has not heard, or, on demand, everything.

An administrator's act, allowed by `event_sourcing.enable_event_replay`. What a subscriber has completed is
repeated only when asked for by name: that doubles its effects, which one may want after a fault is mended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from tastemaker.core.errors import Conflict, InvalidInput
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import all_names
from tastemaker.events.subscribers import Subscribers, wishes


class ReplayDisabled(Conflict):
    """The configuration forbids it."""


class Which(StrEnum):
    """Of the deliveries that the selection meets."""

    FAILED = "failed"
    MISSING = "missing"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Empty is every one. Times are the events'; `since` is included, `until` is not."""

    which: Which = Which.FAILED
    subscriber: str | None = None
    event_types: tuple[str, ...] = ()
    event_id: UUID | None = None
    correlation_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_CHOSEN: Final = """
      AND (CAST(%(event_id)s AS uuid) IS NULL OR event.id = %(event_id)s)
      AND (CAST(%(types)s AS text[]) IS NULL OR event.event_type = ANY(CAST(%(types)s AS text[])))
      AND (CAST(%(correlation_id)s AS text) IS NULL OR event.correlation_id = %(correlation_id)s)
      AND event."timestamp" >= coalesce(timezone('UTC', CAST(%(since)s AS timestamptz)), '-infinity')
      AND event."timestamp" < coalesce(timezone('UTC', CAST(%(until)s AS timestamptz)), 'infinity')
"""

AGAIN: Final = statement(
    f"""
    WITH again AS (
        UPDATE event_deliveries delivery
        SET status = 'pending', due_at = app_now(), completed_at = NULL, error = NULL, lease_until = NULL,
            attempts = 0
        FROM events event
        WHERE event.id = delivery.event_id AND event."timestamp" = delivery.event_timestamp
          AND delivery.status = ANY(CAST(%(statuses)s AS text[]))
          AND (CAST(%(subscriber)s AS text) IS NULL OR delivery.subscriber = %(subscriber)s)
          {_CHOSEN}
        RETURNING delivery.event_id, delivery.event_timestamp
    ), reopened AS (
        UPDATE events event
        SET processing_status = 'processing', processed_at = NULL, error = NULL
        FROM (SELECT DISTINCT event_id, event_timestamp FROM again) AS those
        WHERE event.id = those.event_id AND event."timestamp" = those.event_timestamp
    )
    SELECT count(*) FROM again
""",  # noqa: S608 - of this module's own words
    int,
    not_null="count",
)

MISSING: Final = statement(
    f"""
    WITH missing AS (
        INSERT INTO event_deliveries (event_id, subscriber, event_timestamp, event_type, tenant_id, due_at,
                                      created_at)
        SELECT event.id, wish.subscriber, event."timestamp", event.event_type, event.tenant_id, app_now(),
               app_now()
        FROM events event
        JOIN unnest(CAST(%(wished)s AS text[]), CAST(%(subscribers)s AS text[]))
          AS wish (event_type, subscriber)
          ON wish.event_type = event.event_type
        WHERE event.processing_status <> 'pending' {_CHOSEN}
        ON CONFLICT DO NOTHING
        RETURNING event_id, event_timestamp
    ), reopened AS (
        UPDATE events event
        SET processing_status = 'processing', processed_at = NULL
        FROM (SELECT DISTINCT event_id, event_timestamp FROM missing) AS those
        WHERE event.id = those.event_id AND event."timestamp" = those.event_timestamp
    )
    SELECT count(*) FROM missing
""",  # noqa: S608 - of this module's own words
    int,
    not_null="count",
)

WAKE: Final = statement("NOTIFY events")


async def replay(tx: Transaction, selection: Selection, *, enabled: bool, subscribers: Subscribers) -> int:
    """Make the deliveries due that `selection` meets; how many those were.

    `enabled` is `event_sourcing.enable_event_replay`. Each has its attempts anew; one that is due already, or
    in a dispatcher's hands, stays as it is. Raises ReplayDisabled, InvalidInput.
    """
    if not enabled:
        raise ReplayDisabled("Replaying events is switched off: event_sourcing.enable_event_replay is false.")
    if selection.which is Which.ALL and selection.subscriber is None:
        raise InvalidInput("To repeat what was completed, name the subscriber whose effects may be doubled.")
    is_new = selection.which is Which.MISSING and selection.subscriber is not None
    if is_new and selection.subscriber not in subscribers:
        known = ", ".join(sorted(subscribers)) or "none"
        raise InvalidInput(f"There is no subscriber {str(selection.subscriber)[:60]!r}; known are: {known}.")
    count = await _replay(tx, selection, subscribers)
    await tx.run(WAKE)
    return count


async def _replay(tx: Transaction, selection: Selection, subscribers: Subscribers) -> int:
    asked: dict[str, object] = {
        "event_id": selection.event_id,
        "types": _names(selection.event_types),
        "correlation_id": selection.correlation_id,
        "since": selection.since,
        "until": selection.until,
    }
    if selection.which is Which.MISSING:
        wanted = [
            subscriber
            for name, subscriber in subscribers.items()
            if selection.subscriber is None or name == selection.subscriber
        ]
        pairs = wishes(wanted)
        asked |= {"wished": [name for name, _ in pairs], "subscribers": [name for _, name in pairs]}
        return await tx.only(MISSING, **asked)
    statuses = ["failed"] if selection.which is Which.FAILED else ["failed", "completed"]
    asked |= {"statuses": statuses, "subscriber": selection.subscriber}
    return await tx.only(AGAIN, **asked)


def _names(event_types: Sequence[str]) -> list[str] | None:
    return [name for event_type in event_types for name in all_names(event_type)] or None
