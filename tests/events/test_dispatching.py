"""Each event reaches each subscriber, once in effect, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from tastemaker.core.clock import utc_now
from tastemaker.core.errors import InvalidInput
from tastemaker.db.claims import SYSTEM
from tastemaker.db.listening import Listener
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.events import delivery_queries
from tastemaker.events.context import LONGEST_CHAIN, current_cause
from tastemaker.events.delivery_queries import find_lag
from tastemaker.events.dispatcher import delay_after
from tastemaker.events.names import EventType, Source
from tastemaker.events.payloads import CampaignCreated, UserRegistered
from tastemaker.events.recorded import RecordedEvent
from tastemaker.events.replaying import ReplayDisabled, Selection, Which, replay
from tastemaker.events.service import record
from tastemaker.events.subscribers import Subscribers, known_subscribers, subscribes
from tests.events.dispatching import (
    QUICK,
    ask,
    campaign,
    dispatching,
    hear,
    make_effects,
    of,
    subscriber,
    until,
    write,
)

ALL_DONE = "SELECT bool_and(processing_status = 'completed') FROM events"
EFFECTS = "SELECT about, subscriber FROM effects ORDER BY about, subscriber"
ONCE = replace(QUICK, max_attempts=1)


@pytest.fixture(autouse=True)
def effects(admin_url: str) -> None:
    make_effects(admin_url)


async def test_each_subscriber_hears_of_its_types_once(database: Database) -> None:
    other = subscriber("other", EventType.USER_REGISTERED)
    async with dispatching(database, of(subscriber("one"), subscriber("two"), other)):
        await write(database, "a", "b")
        await until(database, ALL_DONE)
    assert await ask(database, EFFECTS) == [("a", "one"), ("a", "two"), ("b", "one"), ("b", "two")]
    assert await ask(database, "SELECT DISTINCT status, attempts FROM event_deliveries") == [("completed", 1)]
    assert await ask(database, "SELECT count(*) FROM events WHERE processed_at IS NULL") == [(0,)]


async def test_an_event_without_subscribers_is_completed_without_a_delivery(database: Database) -> None:
    await write(database, *(str(number) for number in range(50)))
    async with dispatching(database, of(subscriber("other", EventType.USER_REGISTERED))):
        await until(database, ALL_DONE)
    assert await ask(database, "SELECT count(*) FROM event_deliveries") == [(0,)]


async def test_an_event_of_an_older_name_reaches_who_wants_the_new_one(
    database: Database, admin_url: str
) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(
            "INSERT INTO events (aggregate_id, aggregate_type, event_type, event_data, idempotency_key,"
            " source_system) VALUES ('u', 'user', 'user_created', '{}', 'k', 'user_action')"
        )
    read: list[object] = []

    async def look(_: Transaction, event: RecordedEvent) -> None:
        read.append(event.payload)

    async with dispatching(database, of(subscriber("new", EventType.USER_REGISTERED, handle=look))):
        await until(database, ALL_DONE)
    assert read == [UserRegistered(plan="free")]


async def test_an_event_that_commits_late_is_not_overlooked(database: Database) -> None:
    async with dispatching(database, of(subscriber("one"))), transaction(database, SYSTEM) as slow:
        late = campaign("late")
        await record(slow, late.payload, aggregate_id="late", source=late.source)
        await write(database, "early")
        await until(database, "SELECT count(*) = 1 FROM effects")
        await slow.connection.commit()
        await until(database, "SELECT count(*) = 2 FROM effects")
    assert await ask(database, EFFECTS) == [("early", "one"), ("late", "one")]


async def test_without_being_woken_it_looks_for_itself(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a pooler nobody is notified, also while all places are busy: here for most of a minute."""

    @asynccontextmanager
    async def never(*_: object) -> AsyncIterator[None]:
        yield

    async def last(tx: Transaction, event: RecordedEvent) -> None:
        await hear(tx, event)
        await asyncio.sleep(0.03)

    monkeypatch.setattr(Listener, "subscribe", never)
    narrow = replace(QUICK, concurrency=1)
    async with dispatching(database, of(subscriber("slow", handle=last)), narrow):
        await write(database, *(f"{number}" for number in range(1500)))
        await until(database, "SELECT count(*) > 2 FROM effects")
        await write(database, "later")
        await until(
            database, "SELECT processing_status <> 'pending' FROM events WHERE aggregate_id = 'later'"
        )


async def test_many_dispatchers_deliver_each_once(database: Database) -> None:
    await write(database, *(f"{number:02}" for number in range(40)))
    known = of(subscriber("one"), subscriber("two"))
    async with (
        dispatching(database, known),
        dispatching(database, known),
        dispatching(database, known),
    ):
        await until(database, ALL_DONE)
    assert await ask(
        database, "SELECT count(*) AS every, count(DISTINCT (event_id, subscriber)) AS different FROM effects"
    ) == [(80, 80)]
    assert await ask(database, "SELECT DISTINCT processing_status, retry_count FROM events") == [
        ("completed", 0)
    ]


async def test_a_failure_is_undone_and_tried_again(database: Database) -> None:
    calls: list[str] = []

    async def twice(tx: Transaction, event: RecordedEvent) -> None:
        await hear(tx, event)
        calls.append(event.aggregate_id)
        if len(calls) == 1:
            raise RuntimeError("not yet")

    async with dispatching(database, of(subscriber("twice", handle=twice))):
        await write(database, "a")
        await until(database, ALL_DONE)
    assert calls == ["a", "a"]
    assert await ask(database, EFFECTS) == [("a", "heard")]
    assert await ask(database, "SELECT attempts, error FROM event_deliveries") == [(2, None)]
    assert await ask(database, "SELECT retry_count, error FROM events") == [(1, None)]


async def _broken(tx: Transaction, event: RecordedEvent) -> None:
    await hear(tx, event)
    raise RuntimeError("always")


async def _fail(database: Database, known: Subscribers) -> None:
    async with dispatching(database, known, ONCE):
        await write(database, "a", "b")
        await until(database, "SELECT count(*) = 2 FROM events WHERE processing_status = 'failed'")


async def test_what_always_fails_is_given_up_seen_and_stops_nobody(database: Database) -> None:
    await _fail(database, of(subscriber("good"), subscriber("bad", handle=_broken)))
    assert await ask(database, EFFECTS) == [("a", "good"), ("b", "good")]
    assert await ask(database, "SELECT DISTINCT error FROM events") == [("bad: RuntimeError: always",)]
    async with transaction(database, SYSTEM) as tx:
        lag = await find_lag(tx)
    assert (lag.failed, lag.waiting) == (2, 0)


async def test_what_failed_is_replayed_by_filter_once_mended(database: Database) -> None:
    good = subscriber("good")
    await _fail(database, of(good, subscriber("bad", handle=_broken)))
    mended = of(good, subscriber("bad"))
    async with transaction(database, SYSTEM) as tx:
        for selection in (
            Selection(event_types=("user_registered",)),
            Selection(since=utc_now() + timedelta(days=1)),
            Selection(until=utc_now() - timedelta(days=1)),
            Selection(correlation_id="x"),
            Selection(subscriber="good"),
        ):
            assert await replay(tx, selection, enabled=True, subscribers=mended) == 0
        chosen = Selection(event_types=("campaign_created",), since=utc_now() - timedelta(days=1))
        assert await replay(tx, chosen, enabled=True, subscribers=mended) == 2
    async with dispatching(database, mended):
        await until(database, ALL_DONE)
    assert await ask(database, EFFECTS) == [("a", "bad"), ("a", "good"), ("b", "bad"), ("b", "good")]


async def test_a_new_subscriber_hears_of_what_was_before_it(database: Database) -> None:
    async with dispatching(database, of(subscriber("old"))):
        await write(database, "a", "b")
        await until(database, ALL_DONE)
    both = of(subscriber("old"), subscriber("new"))
    async with transaction(database, SYSTEM) as tx:
        assert await replay(tx, Selection(which=Which.MISSING), enabled=True, subscribers=both) == 2
        assert await replay(tx, Selection(which=Which.MISSING), enabled=True, subscribers=both) == 0
    async with dispatching(database, both):
        await until(database, ALL_DONE)
    assert await ask(database, EFFECTS) == [("a", "new"), ("a", "old"), ("b", "new"), ("b", "old")]
    async with transaction(database, SYSTEM) as tx:
        again = Selection(which=Which.ALL, subscriber="new")
        assert await replay(tx, again, enabled=True, subscribers=both) == 2
    async with dispatching(database, both):
        await until(database, ALL_DONE)
    assert len(await ask(database, EFFECTS)) == 6


async def test_a_replay_that_is_not_allowed_or_not_clear_is_refused(database: Database) -> None:
    known = of(subscriber("one"))
    async with transaction(database, SYSTEM) as tx:
        with pytest.raises(ReplayDisabled, match="enable_event_replay"):
            await replay(tx, Selection(), enabled=False, subscribers=known)
        with pytest.raises(InvalidInput, match="name the subscriber"):
            await replay(tx, Selection(which=Which.ALL), enabled=True, subscribers=known)
        with pytest.raises(InvalidInput, match="known are: one"):
            missing = Selection(which=Which.MISSING, subscriber="gone")
            await replay(tx, missing, enabled=True, subscribers=known)


async def test_a_dead_dispatchers_deliveries_come_back_and_the_deadly_one_ends(database: Database) -> None:
    known = of(subscriber("one"))
    await write(database, "a")
    async with transaction(database, SYSTEM) as tx:
        await delivery_queries.hand_out(tx, list(known.values()), batch=10)
        [held] = await delivery_queries.claim(tx, ["one"], batch=10, lease=0.0)
    async with transaction(database, SYSTEM) as tx:
        assert [found.event_id for found in await delivery_queries.rescue(tx, ["one"], max_attempts=8)] == [
            held.event_id
        ]
        [again] = await delivery_queries.claim(tx, ["one"], batch=10, lease=0.0)
        assert not await delivery_queries.hold(tx, held), "who was taken for dead may not go on"
        assert await delivery_queries.hold(tx, again)
    async with transaction(database, SYSTEM) as tx:
        await delivery_queries.rescue(tx, ["one"], max_attempts=2)
    assert await ask(database, "SELECT processing_status, error FROM events") == [
        ("failed", "one: The dispatcher died while it held this.")
    ]


async def test_who_takes_too_long_is_stopped_and_undone(database: Database) -> None:
    async def endless(tx: Transaction, event: RecordedEvent) -> None:
        await hear(tx, event)
        await asyncio.sleep(3600)

    hasty = replace(ONCE, deadline=0.5)
    async with dispatching(database, of(subscriber("endless", handle=endless)), hasty):
        await write(database, "a")
        await until(database, "SELECT processing_status = 'failed' FROM events")
    assert await ask(database, EFFECTS) == []
    assert await ask(database, "SELECT error FROM event_deliveries") == [("It took too long.",)]


async def test_told_to_stop_it_undoes_what_does_not_end_and_hands_it_back(database: Database) -> None:
    begun = asyncio.Event()

    async def endless(tx: Transaction, event: RecordedEvent) -> None:
        await hear(tx, event)
        begun.set()
        await asyncio.sleep(3600)

    patient = replace(QUICK, deadline=60.0, lease=60.0, stop_within=0.05)
    async with dispatching(database, of(subscriber("endless", handle=endless)), patient):
        await write(database, "a")
        await asyncio.wait_for(begun.wait(), 20)
    assert await ask(database, EFFECTS) == []
    assert await ask(database, "SELECT status FROM event_deliveries") == [("pending",)]


async def test_what_a_subscriber_records_knows_its_cause(database: Database) -> None:
    async def tell(tx: Transaction, event: RecordedEvent) -> None:
        assert current_cause().causation_id == str(event.id)
        await record(tx, UserRegistered(plan="free"), aggregate_id="u", source=Source.USER_ACTION)

    async with dispatching(database, of(subscriber("tell", handle=tell))):
        await write(database, "a")
        await until(database, "SELECT count(*) = 2 FROM events")
    [(cause,), (first,)] = await ask(
        database,
        "SELECT causation_id FROM events WHERE event_type = 'user_registered' UNION ALL"
        " SELECT id::text FROM events WHERE event_type = 'campaign_created'",
    )
    assert cause == first


async def test_a_circle_of_subscribers_ends(database: Database) -> None:
    async def round_again(tx: Transaction, event: RecordedEvent) -> None:
        again = CampaignCreated(name="x", search_type="keyword")
        await record(tx, again, aggregate_id=f"{event.seq}", source=Source.SYSTEM_AUTOMATION)

    async with dispatching(database, of(subscriber("circle", handle=round_again)), ONCE):
        await write(database, "a")
        await until(database, "SELECT bool_or(processing_status = 'failed') FROM events")
    assert await ask(database, "SELECT count(*) FROM events") == [(LONGEST_CHAIN + 1,)]
    [(error,)] = await ask(database, "SELECT error FROM events WHERE processing_status = 'failed'")
    assert "causes its own event" in error


def test_attempts_wait_twice_as_long_each_time_up_to_a_quarter_of_an_hour() -> None:
    assert all(2.0 ** (n - 1) / 2 <= delay_after(n) <= 2.0 ** (n - 1) for n in range(1, 9))
    assert delay_after(60) <= 900


def test_a_subscribers_name_is_its_own() -> None:
    @subscribes(UserRegistered, name="test_registered_once")
    async def first(tx: Transaction, event: RecordedEvent) -> None: ...

    assert known_subscribers()["test_registered_once"].handle is first
    with pytest.raises(ValueError, match="test_registered_once"):
        subscribes(UserRegistered, name="test_registered_once")(first)
