"""Reading the log: by type and time, as a tree, live."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.events.context import caused_by
from tastemaker.events.names import Source
from tastemaker.events.payloads import CampaignCreated
from tastemaker.events.reading_queries import Caused, find_event, list_events, read_correlation
from tastemaker.events.recorded import RecordedEvent
from tastemaker.events.service import record
from tastemaker.events.tailing import tail
from tests.conftest import AddUsers
from tests.events.dispatching import campaign, write

ALICE = ExternalUserId("alice")

EVENTS = """
INSERT INTO events (aggregate_id, aggregate_type, event_type, event_data, idempotency_key, source_system,
                    tenant_id, "timestamp")
SELECT 'x', 'user', (ARRAY['user_created', 'user_registered', 'trial_started'])[n % 3 + 1],
       jsonb_build_object('n', n), 'key ' || n, 'user_action', (ARRAY['alice', 'bob'])[n % 2 + 1],
       timestamp '2026-01-01' + n / 4 * interval '1 day'
FROM generate_series(1, 24) AS n
"""


@pytest.fixture
def many(admin_url: str, add_users: AddUsers) -> None:
    add_users("alice", "bob", "nobody")
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(EVENTS)


async def numbers(database: Database, user: ExternalUserId | None = None, **filters: object) -> list[int]:
    """Read on through pages of five."""
    seen: list[int] = []
    after = None
    while True:
        page = await list_events(database, user, after=after, limit=5, **filters)  # type: ignore[arg-type] - filters passed on
        assert len(page.rows) <= 5
        seen += [event.event_data["n"] for event in page.rows]
        if (after := page.next) is None:
            return seen


@pytest.mark.usefixtures("many")
async def test_events_are_read_by_type_and_time_page_by_page(database: Database) -> None:
    assert await numbers(database) == list(range(24, 0, -1))
    assert await numbers(database, types=["trial_started"]) == list(range(23, 0, -3))
    both = [n for n in range(24, 0, -1) if n % 3 != 2]
    assert await numbers(database, types=["user_registered"]) == both, "under its older name too"
    since, until = datetime(2026, 1, 3, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)
    assert await numbers(database, since=since, until=until) == list(range(15, 7, -1))
    with pytest.raises(InvalidInput):
        await list_events(database, None, after="nonsense")


@pytest.mark.usefixtures("many")
async def test_a_tenant_reads_its_own(database: Database) -> None:
    assert await numbers(database, ALICE) == list(range(24, 0, -2))
    assert await numbers(database, ExternalUserId("nobody")) == []
    [event] = (await list_events(database, ALICE, limit=1)).rows
    assert await find_event(database, ALICE, event.id) == event
    assert await find_event(database, ExternalUserId("bob"), event.id) is None


def shape(tree: Caused) -> object:
    return (tree.event.aggregate_id, [shape(effect) for effect in tree.effects])


async def put(database: Database, about: str, cause: str | None, event_id: UUID | None = None) -> str:
    payload = CampaignCreated(name=about, search_type="keyword")
    async with transaction(database, SYSTEM) as tx:
        with caused_by(correlation_id="c", causation_id=cause):
            found = await record(
                tx, payload, aggregate_id=about, source=Source.USER_ACTION, event_id=event_id
            )
    return str(found)


async def test_a_correlation_is_a_tree(database: Database, add_users: AddUsers) -> None:
    add_users("alice")
    root = await put(database, "root", "a request")
    left = await put(database, "left", root)
    await put(database, "right", root)
    await put(database, "leaf", left)
    await write(database, "unrelated")
    [tree] = await read_correlation(database, None, "c")
    assert shape(tree) == ("root", [("left", [("leaf", [])]), ("right", [])])
    assert await read_correlation(database, ALICE, "c") == ()


async def test_old_records_that_cause_each_other_are_told_once_each(
    database: Database, admin_url: str
) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        ids = [uuid4() for _ in range(3)]
        for place, event_id in enumerate(ids):
            admin.execute(
                "INSERT INTO events (id, aggregate_id, aggregate_type, event_type, event_data,"
                " idempotency_key, source_system, correlation_id, causation_id)"
                " VALUES (%s, %s, 'user', 'user_created', '{}', %s, 'user_action', 'c', %s)",
                (event_id, str(place), str(place), str(ids[place - 1])),
            )
    [tree] = await read_correlation(database, None, "c")
    assert shape(tree) == ("0", [("1", [("2", [])])])


async def test_a_chain_longer_than_the_stack_is_read(database: Database, admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(
            "INSERT INTO events (id, aggregate_id, aggregate_type, event_type, event_data, idempotency_key,"
            " source_system, correlation_id, causation_id)"
            " SELECT lpad(n::text, 32, '0')::uuid, n, 'user', 'user_created', '{}', n, 'user_action', 'c',"
            " lpad((n - 1)::text, 32, '0')::uuid FROM generate_series(1, 3000) AS n"
        )
    [tree] = await read_correlation(database, None, "c")
    deep = 1
    while tree.effects:
        [tree] = tree.effects
        deep += 1
    assert deep == 3000


@asynccontextmanager
async def following(database: Database, **options: object) -> AsyncIterator[AsyncIterator[RecordedEvent]]:
    async with aclosing(tail(database, None, poll=0.05, **options)) as events:  # type: ignore[arg-type] - filters passed on
        yield events


async def take(events: AsyncIterator[RecordedEvent], count: int) -> list[str]:
    async with asyncio.timeout(20):
        return [(await anext(events)).aggregate_id for _ in range(count)]


async def test_the_live_tail_tells_each_event_once_and_late_commits_late(database: Database) -> None:
    await write(database, "old")
    async with following(database) as events, transaction(database, SYSTEM) as slow:
        late = campaign("late")
        await record(slow, late.payload, aggregate_id="late", source=late.source)
        first = asyncio.create_task(take(events, 2))
        await asyncio.sleep(0.2)
        await write(database, "one", "two")
        assert await first == ["one", "two"]
        for number in range(5):
            await write(database, f"more {number}")
        assert await take(events, 5) == [f"more {number}" for number in range(5)]
        await slow.connection.commit()
        assert await take(events, 1) == ["late"]
        await write(database, "last")
        assert await take(events, 1) == ["last"]


async def test_the_tail_begins_where_it_is_told_and_takes_only_the_types_wanted(database: Database) -> None:
    await write(database, "a", "b")
    async with following(database, after=0) as events:
        assert await take(events, 2) == ["a", "b"]
    stopping = asyncio.Event()
    async with following(database, after=0, types=("user_registered",), stopping=stopping) as events:
        waiting = asyncio.create_task(take(events, 1))
        await asyncio.sleep(0.2)
        stopping.set()
        with pytest.raises(StopAsyncIteration):
            await waiting


async def test_the_tail_forgets_what_is_settled(database: Database) -> None:
    """What it keeps in mind does not grow with the log: numbers that were never used do not hold it up."""
    async with following(database, after=0) as events:
        for number in range(6):
            await write(database, f"{number}")
            with pytest.raises(RuntimeError):
                await _lose_a_number(database)
            assert await take(events, 1) == [f"{number}"]
        waiting = asyncio.create_task(take(events, 1))
        await asyncio.sleep(0.5)
        reader = events.ag_frame.f_locals["reader"]  # type: ignore[attr-defined] - an async generator
        assert len(reader.seen) <= 2
        await write(database, "end")
        assert await waiting == ["end"]


async def _lose_a_number(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        lost = campaign("lost")
        await record(tx, lost.payload, aggregate_id="lost", source=lost.source)
        raise RuntimeError("lost")
