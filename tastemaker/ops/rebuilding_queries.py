"""Stored states and the events they come from, a batch at a time, over all tenants."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from tastemaker.db.transaction import Transaction
from tastemaker.events.recorded import COLUMNS, RecordedEvent

BATCH: Final = 500

LIST_SEARCHES: Final = text("""
    SELECT id, user_id, campaign_id, platform, target_results, status, outcome, processed_results,
           processed_runs
    FROM scraping_jobs
    WHERE id > coalesce(CAST(:after AS uuid), '00000000-0000-0000-0000-000000000000')
    ORDER BY id LIMIT :batch
    FOR SHARE
""")

LIST_SUBSCRIPTIONS: Final = text("""
    SELECT id, tenant_id, current_plan, subscription_status, trial_status, trial_end_date,
           subscription_renewal_date, subscription_cancel_date
    FROM user_subscriptions
    WHERE id > coalesce(CAST(:after AS uuid), '00000000-0000-0000-0000-000000000000')
    ORDER BY id LIMIT :batch
    FOR SHARE
""")

LIST_HISTORY: Final = text(f"""
    SELECT {COLUMNS} FROM events
    WHERE aggregate_id = ANY(CAST(:aggregates AS text[])) AND aggregate_type = ANY(CAST(:kinds AS text[]))
    ORDER BY seq
""")  # noqa: S608 - of our own words


async def list_searches(session: Transaction, *, after: UUID | None) -> Sequence[Mapping[str, Any]]:
    """Locked for the transaction, so that no page moves them while their events are read."""
    rows = await session.execute(LIST_SEARCHES, {"after": after, "batch": BATCH})
    return [dict(row) for row in rows.mappings()]


async def list_subscriptions(session: Transaction, *, after: UUID | None) -> Sequence[Mapping[str, Any]]:
    rows = await session.execute(LIST_SUBSCRIPTIONS, {"after": after, "batch": BATCH})
    return [{name: _aware(value) for name, value in row.items()} for row in rows.mappings()]


async def list_histories(
    session: Transaction, aggregates: Sequence[str], kinds: Sequence[str]
) -> dict[str, list[RecordedEvent]]:
    """By aggregate id, in the order of writing."""
    rows = await session.execute(LIST_HISTORY, {"aggregates": list(aggregates), "kinds": list(kinds)})
    found: dict[str, list[RecordedEvent]] = {}
    for row in rows.mappings():
        event = RecordedEvent(**row)
        found.setdefault(event.aggregate_id, []).append(event)
    return found


def _aware(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
