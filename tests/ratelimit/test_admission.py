"""The shared limits on real rows: whoever asks, from whichever worker, they hold."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.ratelimit import queries, service
from tastemaker.ratelimit.budget import UNLIMITED, Budget, find_spent
from tastemaker.ratelimit.limiter import Limits, Permit, Wait
from tastemaker.ratelimit.service import Quota, admit

ALICE, BOB = ExternalUserId("alice"), ExternalUserId("bob")
FAST = Limits(calls_per_second=1000, burst=100, at_once=5, deadline=30, trips_after=3)

Result = TypeVar("Result")

CALL = statement("""
    INSERT INTO provider_calls (tenant_id, provider, operation, estimated_units, estimated_micros_usd,
                                started_at, gate)
    VALUES (%(user_id)s, 'one', 'search_keyword', 1, %(micros)s, app_now(), 'one')
""")
SETTLE = statement("""
    UPDATE provider_calls SET status = %(status)s, micros_usd = %(micros)s
    WHERE id = (SELECT id FROM provider_calls WHERE status = 'estimated' LIMIT 1)
""")


async def system(database: Database, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
    return await in_transaction(database, SYSTEM, work)


async def ask(
    database: Database,
    *,
    limits: Limits = FAST,
    user_id: ExternalUserId = ALICE,
    micros: int = 0,
    quotas: tuple[Quota, ...] = (),
    budget: Budget | None = None,
) -> Permit | Wait:
    """Ask and, when let through, write the call into the ledger, as a runner does."""

    async def work(tx: Transaction) -> Permit | Wait:
        decision = await admit(
            tx, "one", limits, user_id=user_id, micros_usd=micros, quotas=quotas, budget=budget
        )
        if isinstance(decision, Permit):
            await tx.run(CALL, user_id=user_id, micros=micros)
        return decision

    return await system(database, work)


async def settle(database: Database, *, status: str = "charged", micros: int = 0) -> None:
    async def work(tx: Transaction) -> None:
        assert await tx.run(SETTLE, status=status, micros=micros) == 1

    await system(database, work)


async def test_twenty_at_once_are_five_at_once(database: Database) -> None:
    answers = await asyncio.gather(*(ask(database) for _ in range(20)))
    assert sum(isinstance(answer, Permit) for answer in answers) == 5
    await settle(database)
    assert isinstance(await ask(database), Permit), "a call that ended makes room"
    assert isinstance(await ask(database), Wait)


async def test_a_dead_workers_call_blocks_nobody_for_longer_than_its_deadline(
    database: Database, admin_url: str
) -> None:
    for _ in range(5):
        await ask(database)
    assert isinstance(await ask(database), Wait)
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("UPDATE clock_offset SET shift = interval '31 seconds'")
    assert isinstance(await ask(database), Permit)


async def test_workers_keep_one_pace_between_them(database: Database) -> None:
    slow = Limits(calls_per_second=0.01, burst=2, at_once=100, deadline=30)
    answers = await asyncio.gather(*(ask(database, limits=slow) for _ in range(8)))
    assert sum(isinstance(answer, Permit) for answer in answers) == 2
    pauses = [answer.seconds for answer in answers if isinstance(answer, Wait)]
    assert all(50 < pause <= 100 for pause in pauses)


async def test_a_pause_and_a_success_are_everybodys(database: Database) -> None:
    await system(database, lambda s: service.pause_calls(s, "one", seconds=60, reason="asked for a minute"))
    await system(database, lambda s: service.pause_calls(s, "one", seconds=5, reason="asked for less"))
    told = await ask(database)
    assert isinstance(told, Wait)
    assert 55 < told.seconds <= 60, "the longer pause stays"

    for _ in range(3):
        await system(database, lambda s: service.failed(s, "two", FAST))
    (gate,) = [g for g in await system(database, queries.list_limiters) if g.name == "two"]
    assert (gate.failures, gate.trips, gate.open_until is not None) == (3, 1, True)
    await system(database, lambda s: service.succeeded(s, "two"))
    (gate,) = [g for g in await system(database, queries.list_limiters) if g.name == "two"]
    assert (gate.failures, gate.trips, gate.open_until) == (0, 0, None)


def quota(name: str, allowed: int, amount: int = 1) -> Quota:
    return Quota(name=name, amount=amount, allowed=allowed, zone="America/Los_Angeles")


async def test_a_quota_is_never_passed_and_begins_again_with_its_day(
    database: Database, admin_url: str
) -> None:
    roomy = Limits(calls_per_second=1000, burst=100, at_once=100, deadline=30)
    asked = [ask(database, limits=roomy, quotas=(quota("searches", 3),)) for _ in range(9)]
    answers = await asyncio.gather(*asked)
    assert sum(isinstance(answer, Permit) for answer in answers) == 3
    (told,) = {answer.reason for answer in answers if isinstance(answer, Wait) and answer.is_used_up}
    assert told == "the provider's searches of today, 3, are used up"
    (pause, *_) = [answer.seconds for answer in answers if isinstance(answer, Wait)]
    assert 0 < pause <= 25 * 3600
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("UPDATE clock_offset SET shift = make_interval(secs => %s)", (pause + 1,))
    assert isinstance(await ask(database, limits=roomy, quotas=(quota("searches", 3),)), Permit)
    assert await system(database, lambda s: queries.forget_quotas(s, days=0)) == 2


async def test_two_quotas_are_taken_together_or_not_at_all(database: Database) -> None:
    both = (quota("searches", 100), quota("units", 3, amount=2))
    assert isinstance(await ask(database, quotas=both), Permit)
    assert isinstance(await ask(database, quotas=both), Wait)
    async with database.pool.connection() as connection, connection.transaction():
        await connection.execute(
            "SELECT set_config('request.jwt.claims', '{\"role\": \"tastemaker_system\"}', true)"
        )
        rows = await (
            await connection.execute("SELECT quota, used FROM provider_quotas ORDER BY 1")
        ).fetchall()
    assert rows == [("searches", 1), ("units", 2)]


@pytest.mark.parametrize(
    ("budget", "who", "whose"),
    [(Budget(installation=5000), BOB, "this installation's"), (Budget(user=5000), ALICE, "your")],
)
async def test_a_months_budget_counts_what_is_open_and_what_was_paid(
    database: Database, budget: Budget, who: ExternalUserId, whose: str
) -> None:
    for _ in range(2):
        assert isinstance(await ask(database, micros=2000, budget=budget), Permit)
    told = await ask(database, micros=2000, budget=budget, user_id=who)
    assert isinstance(told, Wait)
    assert told.reason == f"{whose} budget for providers this month, $0.005, is used up"
    assert told.is_used_up
    assert 0 < told.seconds <= 31 * 86_400
    await settle(database, micros=900)
    assert isinstance(await ask(database, micros=2000, budget=budget, user_id=who), Permit)
    if budget.user != UNLIMITED:
        assert isinstance(await ask(database, micros=2000, budget=budget, user_id=BOB), Permit)


async def test_spending_equals_the_ledger_however_a_call_ends(database: Database, user: CurrentUser) -> None:
    roomy = Limits(calls_per_second=1000, burst=100, at_once=100, deadline=30)
    for status, micros in (("charged", 1880), ("failed", 0), ("abandoned", 0), ("charged", 5000)):
        await ask(database, limits=roomy, micros=2000)
        await settle(database, status=status, micros=micros)
    await ask(database, limits=roomy, micros=2000, user_id=BOB)
    spent = await system(database, lambda s: find_spent(s, ALICE))
    assert (spent.everybody, spent.own) == (1880 + 0 + 2000 + 5000 + 2000, 1880 + 0 + 2000 + 5000)


async def test_a_rest_for_want_of_credits_ends_with_one_call_or_by_hand(database: Database) -> None:
    for _ in range(2):
        await system(
            database, lambda s: service.open_breaker(s, "one", seconds=60, reason="there are no credits")
        )
    waits = await ask(database)
    assert isinstance(waits, Wait)
    assert (50 < waits.seconds <= 60, waits.reason) == (True, "there are no credits")
    await system(database, service.close_breakers)
    assert isinstance(await ask(database), Permit)
    await system(database, lambda s: service.pause_calls(s, "one", seconds=60, reason="asked for a minute"))
    await system(database, service.close_breakers)
    assert isinstance(await ask(database), Wait), "what the provider asked for stays"


async def test_pauses_and_rests_are_each_told_once(database: Database) -> None:
    for _ in range(2):
        await system(database, lambda s: service.open_breaker(s, "one", seconds=60, reason="no credits"))
        await system(
            database, lambda s: service.pause_calls(s, "one", seconds=60, reason="no quota", is_told=True)
        )
    await system(database, lambda tx: queries.release(tx, "one"))
    await system(database, lambda s: service.open_breaker(s, "one", seconds=60, reason="no credits"))
    for _ in range(FAST.trips_after + 1):
        await system(database, lambda tx: service.failed(tx, "two", FAST))

    async def told(tx: Transaction) -> list[tuple[str, str]]:
        cursor = await tx.connection.execute(
            "SELECT aggregate_id, event_data ->> 'reason' FROM events"
            " WHERE event_type = 'provider_paused' ORDER BY seq"
        )
        return await cursor.fetchall()

    assert await system(database, told) == [
        ("one", "no credits"),
        ("one", "no quota"),
        ("one", "no credits"),
        ("two", "it failed 3 times in a row"),
    ]
