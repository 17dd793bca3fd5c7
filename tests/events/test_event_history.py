from datetime import UTC, datetime

import psycopg
import pytest

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import AggregateType
from tastemaker.db.pool import Database
from tastemaker.events.reading_queries import list_event_history
from tests.conftest import AddUsers

ALICE, BOB = ExternalUserId("alice"), ExternalUserId("bob")

EVENTS = """
INSERT INTO events (aggregate_id, aggregate_type, event_type, event_data, idempotency_key, source_system,
                    tenant_id, "timestamp")
SELECT aggregate, kind, 'user_registered', jsonb_build_object('n', n), 'key ' || n, 'user_action', tenant,
       timestamp '2026-01-01' + n / 2 * interval '1 day'
FROM (VALUES (1, 'alice', 'user', 'alice'), (2, 'alice', 'user', 'alice'), (3, 'alice', 'user', 'alice'),
             (4, 'alice', 'trial', 'alice'), (5, 'other', 'user', 'alice'), (6, 'alice', 'user', 'bob'))
     AS written (n, aggregate, kind, tenant)
ORDER BY n
"""


@pytest.fixture(autouse=True)
def events(admin_url: str, add_users: AddUsers) -> None:
    add_users("alice", "bob", "nobody")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(EVENTS)


async def told(database: Database, user_id: ExternalUserId | None) -> list[int]:
    page = await list_event_history(database, user_id, AggregateType.USER, "alice")
    return [event.event_data["n"] for event in page.rows]


async def test_an_aggregates_events_come_latest_first(database: Database) -> None:
    assert await told(database, ALICE) == [3, 2, 1]
    page = await list_event_history(database, ALICE, AggregateType.USER, "alice")
    assert page.rows[-1].timestamp == datetime(2026, 1, 1, tzinfo=UTC)


async def test_another_tenants_events_are_not_told_but_to_the_product(database: Database) -> None:
    assert await told(database, BOB) == [6]
    assert await told(database, None) == [6, 3, 2, 1]
    assert await told(database, ExternalUserId("nobody")) == []


async def test_history_reads_on_through_equal_times(database: Database) -> None:
    seen: list[int] = []
    after = None
    while True:
        page = await list_event_history(database, ALICE, AggregateType.USER, "alice", after=after, limit=1)
        seen += [event.event_data["n"] for event in page.rows]
        if (after := page.next) is None:
            break
    assert seen == [3, 2, 1]
