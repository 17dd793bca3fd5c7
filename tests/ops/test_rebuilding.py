"""What the log says of every search and subscription is what their rows say."""

import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.events.names import EventType, Source
from tastemaker.events.payloads import (
    Payload,
    SubscriptionCanceled,
    SubscriptionCreated,
    TrialConverted,
    TrialExpired,
    TrialStarted,
)
from tastemaker.events.reading_queries import list_events
from tastemaker.events.service import record
from tastemaker.ops.rebuilding import compare_states, write_snapshots
from tastemaker.providers.base import ErrorKind, ProviderError
from tastemaker.searches.service import cancel_search
from tests.searches.scripted import Bench, ScriptedProvider, pages_of, working

STARTED = {"plan": "glow_up", "started_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-08T00:00:00Z"}
STANDS = {
    "plan": "glow_up",
    "status": "active",
    "trial_status": "converted",
    "renews_at": "2026-02-08T00:00:00Z",
}

LIFE: list[tuple[Payload, str]] = [
    (
        TrialStarted.model_validate(STARTED),
        "current_plan = 'glow_up', trial_status = 'active', trial_end_date = '2026-01-08'",
    ),
    (
        TrialConverted.model_validate({"plan": "glow_up", "converted_at": "2026-01-08T00:00:00Z"}),
        "trial_status = 'converted', trial_conversion_date = '2026-01-08'",
    ),
    (
        SubscriptionCreated.model_validate({**STANDS, "trial_ends_at": STARTED["ends_at"]}),
        "subscription_status = 'active', subscription_renewal_date = '2026-02-08'",
    ),
    (
        SubscriptionCanceled.model_validate(
            {**STANDS, "status": "canceled", "renews_at": None, "cancels_at": "2026-03-01T00:00:00Z"}
        ),
        """subscription_status = 'canceled', subscription_renewal_date = NULL, trial_end_date = NULL,
           subscription_cancel_date = '2026-03-01'""",
    ),
    (
        TrialExpired.model_validate({"plan": "free", "ended_at": "2026-03-01T00:00:00Z"}),
        "current_plan = 'free', trial_status = 'expired'",
    ),
]


@pytest.fixture
def bench(database: Database, user: CurrentUser) -> Bench:
    return Bench(database, user)


async def change(database: Database, sql: str) -> None:
    async with transaction(database, SYSTEM) as tx:
        await tx.run(statement(sql))


async def test_searches_are_what_their_events_say(bench: Bench) -> None:
    full = await bench.start("chess", target=12)
    async with working(bench.database, ScriptedProvider(pages_of(10, 100))):
        await bench.finish(full)
    failed = await bench.start("other")
    refusal = ProviderError(ErrorKind.AUTH, "no", final=True)
    async with working(bench.database, ScriptedProvider(lambda *_: refusal)):
        await bench.finish(failed)
    cancelled, still_open = await bench.start("third"), await bench.start("fourth")
    async with transaction(bench.database, bench.user.claim) as tx:
        await cancel_search(tx, bench.user, cancelled)
    parked = await bench.start("fifth")
    busy = ProviderError(ErrorKind.QUOTA, "later", final=False, retry_after=3600)
    async with working(bench.database, ScriptedProvider(lambda *_: busy)):
        await bench.finish(parked)
    await change(bench.database, "UPDATE scraping_jobs SET parked_until = NULL")
    found = await compare_states(bench.database)
    assert found.compared == {"job": 5, "subscription": 1}
    assert (found.differences, found.unrecorded) == ([], [])
    await change(bench.database, "UPDATE scraping_jobs SET processed_results = 11 WHERE outcome = 'full'")
    await change(bench.database, "UPDATE scraping_jobs SET status = 'timeout' WHERE status = 'pending'")
    differences = {
        (each.aggregate_id, each.field, each.rebuilt, each.stored)
        for each in (await compare_states(bench.database)).differences
    }
    assert (str(full.id), "stored", 12, 11) in differences
    assert (str(still_open.id), "status", "pending", "timeout") in differences
    assert {each[0] for each in differences} == {str(full.id), str(still_open.id), str(parked.id)}


async def test_a_subscription_is_what_its_events_say_at_every_step(
    database: Database, user: CurrentUser
) -> None:
    for payload, columns in LIFE:
        async with transaction(database, SYSTEM) as tx:
            await tx.run(statement(f"UPDATE user_subscriptions SET {columns}"))  # noqa: S608 - the test's own
            await record(tx, payload, aggregate_id=user.user_id, source=Source.STRIPE_WEBHOOK)
        assert (await compare_states(database)).differences == []
    await change(database, "UPDATE user_subscriptions SET subscription_status = 'active'")
    [difference] = (await compare_states(database)).differences
    assert (difference.field, difference.rebuilt, difference.stored) == (
        "status",
        "canceled",
        "active",
    )


async def test_what_has_no_history_gets_a_beginning(bench: Bench, admin_url: str) -> None:
    done = await bench.start("chess", target=5)
    async with working(bench.database, ScriptedProvider(pages_of(10, 100))):
        await bench.finish(done)
    await bench.start("open")
    with psycopg.connect(admin_url) as admin:
        admin.execute("SET LOCAL tastemaker.events_door = 'archive'")
        admin.execute("DELETE FROM events")
    found = await compare_states(bench.database)
    assert (len(found.unrecorded), found.differences) == (3, [])
    assert await write_snapshots(bench.database, actor="ops") == 3
    assert await write_snapshots(bench.database, actor="ops") == 0
    again = await compare_states(bench.database)
    assert (again.unrecorded, again.differences) == ([], [])
    page = await list_events(bench.database, None, types=[EventType.SEARCH_SNAPSHOT])
    assert [event.metadata for event in page.rows] == [{"actor": "ops"}] * 2


async def test_a_history_without_a_beginning_or_that_cannot_be_read_is_named(
    bench: Bench, admin_url: str
) -> None:
    search = await bench.start("chess")
    async with transaction(bench.database, bench.user.claim) as tx:
        await cancel_search(tx, bench.user, search)
    with psycopg.connect(admin_url) as admin:
        admin.execute("SET LOCAL tastemaker.events_door = 'archive'")
        admin.execute("DELETE FROM events WHERE event_type = 'search_started'")
        admin.execute("SET LOCAL tastemaker.events_door = 'redaction'")
        admin.execute("UPDATE events SET event_data = '{}' WHERE event_type = 'user_registered'")
    differences = (await compare_states(bench.database)).differences
    assert [(each.aggregate, each.field, each.rebuilt) for each in differences] == [
        ("job", "history", "no beginning"),
        ("subscription", "history", "user_registered's data does not fit its model: plan."),
    ]
