"""Transactions, claims and commits, on a real server, directly and as through a pooler."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant, UnknownUser
from tastemaker.db.pool import Database, lend, open_database
from tastemaker.db.profiles import PoolProfile
from tastemaker.db.statements import Statement, statement
from tastemaker.db.transaction import (
    Transaction,
    in_transaction,
    read_many,
    read_one,
    read_together,
    transaction,
    write_together,
)
from tests.conftest import AddUsers

ALICE, BOB = Tenant(ExternalUserId("alice")), Tenant(ExternalUserId("bob"))

INSERT_USER = statement("INSERT INTO users (user_id) VALUES (%(user_id)s)")
COUNT_USERS = statement("SELECT count(*) FROM users", int, not_null="count")
LIST_PLANS = statement("SELECT plan_key FROM subscription_plans", str)
LIST_USERS = statement("SELECT user_id FROM users ORDER BY user_id", str)
FIND_USER = statement("SELECT user_id FROM users WHERE user_id = %(user_id)s", str)
DELETE_USERS = statement("DELETE FROM users")
CHANGE_INDUSTRY = statement("UPDATE users SET industry = %(industry)s WHERE user_id = %(user_id)s")
GET_INDUSTRY = statement("SELECT industry FROM users WHERE user_id = 'alice'", str, nullable=True)
ONE = statement("SELECT 1", int, not_null="?column?")


@pytest.fixture(params=[True, False], ids=["pipeline", "text"])
def profile(request: pytest.FixtureRequest) -> PoolProfile:
    """With a pooler between us statements are neither prepared nor sent as pipelines."""
    return PoolProfile(max_size=1, prepared_statements=request.param)


@pytest.fixture
async def either(app_url: str, profile: PoolProfile) -> AsyncIterator[Database]:
    async with open_database(app_url, replace(profile, max_size=4)) as opened:
        yield opened


@pytest.fixture
async def two_users(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        assert await tx.run_each(INSERT_USER, [{"user_id": "alice"}, {"user_id": "bob"}]) == []


async def test_a_block_that_ends_commits_and_one_that_raises_does_not(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        assert await tx.run(INSERT_USER, user_id="alice") == 1
    with pytest.raises(RuntimeError):
        async with transaction(database, SYSTEM) as tx:
            await tx.run(INSERT_USER, user_id="bob")
            raise RuntimeError
    assert await read_one(database, SYSTEM, COUNT_USERS) == 1


async def test_a_savepoint_undoes_its_block_alone(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        await tx.run(INSERT_USER, user_id="alice")
        with pytest.raises(psycopg.errors.UniqueViolation):
            async with tx.savepoint():
                await tx.run(INSERT_USER, user_id="bob")
                await tx.run(INSERT_USER, user_id="alice")
    assert await read_many(database, SYSTEM, LIST_USERS) == ["alice"]


async def test_a_tenant_sees_and_writes_its_own_rows_only(database: Database, two_users: None) -> None:
    async with transaction(database, BOB) as tx:
        assert await tx.many(LIST_USERS) == ["bob"]
        assert await tx.run(CHANGE_INDUSTRY, user_id="alice", industry="x") == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with transaction(database, BOB) as tx:
            await tx.run(INSERT_USER, user_id="carol")


async def test_a_claim_ends_with_its_transaction(app_url: str, profile: PoolProfile, two_users: None) -> None:
    async with open_database(app_url, profile) as one:
        async with transaction(one, SYSTEM):
            pass
        assert await _left_behind(one) is None
        for _ in range(8):
            await read_many(one, ALICE, LIST_USERS)
            assert await _left_behind(one) is None


@pytest.mark.parametrize("user_id", ["carol", "", "ALICE", "alice "])
async def test_a_user_who_does_not_exist_is_refused(user_id: str, either: Database, two_users: None) -> None:
    """Also what every tenant reads is closed: the catalog, the configuration, the schedules."""
    unknown = Tenant(ExternalUserId(user_id))
    for _ in range(8):
        with pytest.raises(UnknownUser, match="There is no user"):
            await read_many(either, unknown, LIST_PLANS)
        with pytest.raises(UnknownUser):
            await in_transaction(either, unknown, lambda tx: tx.many(LIST_PLANS))
        assert await read_many(either, ALICE, LIST_PLANS)
    assert await _left_behind(either) is None


async def test_missing_and_unknown_parameters_are_refused(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        for params in ({}, {"user_id": "alice", "name": "Alice"}, {"id": "alice"}):
            with pytest.raises(TypeError, match="missing or unknown parameters"):
                await tx.one(FIND_USER, **params)
        with pytest.raises(LookupError, match="no row"):
            await tx.only(FIND_USER, user_id="nobody")
        assert await tx.one(FIND_USER, user_id="nobody") is None


async def test_the_application_does_not_connect_as_a_superuser(admin_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="ignores row-level security"):
        async with open_database(admin_url):
            pass


async def test_a_database_that_is_not_there_is_one_sentence(app_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="does not let us in"):
        async with open_database(app_url.replace("test_", "missing_")):
            pass


async def test_the_application_may_not_change_the_clock_or_the_log(database: Database) -> None:
    for sql in (
        "UPDATE clock_offset SET shift = '1 day'",
        "DELETE FROM events",
        "UPDATE events SET event_data = '{}'",
        "CREATE TABLE mine (id int)",
        "TRUNCATE users",
    ):
        with pytest.raises(psycopg.Error, match=r"permission denied|must be owner"):
            async with transaction(database, SYSTEM) as tx:
                await tx.run(statement(sql))


async def test_a_moved_clock_moves_business_time(database: Database, admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("UPDATE clock_offset SET shift = interval '3 days'")
    ahead = statement("SELECT app_now() - now() = interval '3 days' AS ahead", bool)
    assert await read_one(database, SYSTEM, ahead) is True


async def test_the_victim_of_a_deadlock_is_tried_again(database: Database, two_users: None) -> None:
    both_hold_one = asyncio.Barrier(2)
    attempts: list[str] = []

    async def swap(tx: Transaction, first: str, second: str) -> None:
        attempts.append(first)
        await tx.run(CHANGE_INDUSTRY, industry="x", user_id=first)
        if len(attempts) <= 2:
            await both_hold_one.wait()
        await tx.run(CHANGE_INDUSTRY, industry="y", user_id=second)

    await asyncio.gather(
        in_transaction(database, SYSTEM, lambda tx: swap(tx, "alice", "bob")),
        in_transaction(database, SYSTEM, lambda tx: swap(tx, "bob", "alice")),
    )
    assert len(attempts) >= 3, "who lost tried again"


async def test_sessions_think_in_utc(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        moment = await tx.one(statement("SELECT timestamp '2026-01-02 03:04:05' AS moment", datetime))
        assert moment == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert await tx.one(statement("SHOW timezone", str)) == "UTC"


async def test_a_client_that_stops_after_a_batch_is_ended_by_the_server(database: Database) -> None:
    """psycopg's Flush behind a batch would switch the server's watch over idle transactions off."""
    with pytest.raises(psycopg.Error):
        async with transaction(database, SYSTEM) as tx:
            await tx.run(statement("SET LOCAL idle_in_transaction_session_timeout = '300ms'"))
            await tx.run_each(INSERT_USER, [{"user_id": "alice"}, {"user_id": "bob"}])
            await asyncio.sleep(1.5)
            await tx.one(ONE)


async def test_a_tenant_reads_its_own_rows(either: Database, two_users: None) -> None:
    assert await read_many(either, ALICE, LIST_USERS) == ["alice"]
    assert await read_many(either, SYSTEM, LIST_USERS) == ["alice", "bob"]
    assert await read_one(either, BOB, FIND_USER, user_id="bob") == "bob"
    assert await read_one(either, BOB, FIND_USER, user_id="alice") is None
    both = await read_together(either, ALICE, (LIST_USERS, {}), (FIND_USER, {"user_id": "bob"}))
    assert both == [["alice"], []]


async def test_statements_written_together_commit_together(either: Database) -> None:
    added = await write_together(
        either, SYSTEM, (INSERT_USER, {"user_id": "alice"}), (COUNT_USERS, {}), (LIST_USERS, {})
    )
    assert added == [[], [1], ["alice"]]
    twice: list[tuple[Statement[None], dict[str, str]]] = [(INSERT_USER, {"user_id": "bob"})] * 2
    with pytest.raises(psycopg.errors.UniqueViolation):
        await write_together(either, SYSTEM, *twice)
    assert await read_many(either, SYSTEM, LIST_USERS) == ["alice"], "and the connection is whole"


async def test_reading_cannot_write(either: Database, two_users: None) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await read_many(either, ALICE, statement("DELETE FROM users RETURNING user_id", str))
    async with transaction(either, ALICE) as tx:
        assert await tx.run(CHANGE_INDUSTRY, industry="x", user_id="alice") == 1


async def test_an_error_leaves_nothing_behind(app_url: str, profile: PoolProfile, two_users: None) -> None:
    async with open_database(app_url, profile) as one:
        for broken in ("SELECT 1 / 0 AS broken", "SELECT no_such_column FROM users", "SELEC"):
            with pytest.raises(psycopg.Error):
                await read_many(one, ALICE, statement(broken, int))
            assert await _left_behind(one) is None
            assert await read_many(one, BOB, LIST_USERS) == ["bob"]


async def test_a_cancelled_question_leaves_nothing_behind(
    app_url: str, profile: PoolProfile, two_users: None
) -> None:
    sleep = statement("SELECT pg_sleep(30)")

    async def in_a_transaction(one: Database) -> None:
        async with transaction(one, ALICE) as tx:
            await tx.run(sleep)

    async with open_database(app_url, profile) as one:
        for work in (lambda: read_many(one, ALICE, sleep), lambda: in_a_transaction(one)):
            for delay in (0.0, 0.001, 0.2):
                asking = asyncio.ensure_future(work())
                await asyncio.sleep(delay)
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
                assert await _left_behind(one) is None
                assert await read_many(one, BOB, LIST_USERS) == ["bob"]


async def test_transactions_and_questions_share_a_connection(
    app_url: str, profile: PoolProfile, two_users: None
) -> None:
    async with open_database(app_url, profile) as one:
        for number in range(8):
            await read_many(one, ALICE, LIST_USERS)
            with pytest.raises(RuntimeError):
                async with transaction(one, ALICE) as tx:
                    await tx.run(CHANGE_INDUSTRY, industry="lost", user_id="alice")
                    raise RuntimeError
            async with transaction(one, ALICE) as tx:
                await tx.run(CHANGE_INDUSTRY, industry=str(number), user_id="alice")
        assert await read_one(one, ALICE, GET_INDUSTRY) == "7"


async def test_times_and_ids_arrive_as_what_they_are(either: Database, two_users: None) -> None:
    number = uuid4()
    asked = statement("SELECT %(id)s::uuid AS id", UUID)
    assert await read_one(either, ALICE, asked, id=number) == number


async def test_what_is_asked_is_data_not_sql(either: Database, two_users: None) -> None:
    hostile = "'; DROP TABLE users; -- \\ %s {}"
    text = statement("SELECT %(text)s::text || '100%%' AS text", str)
    assert await read_one(either, ALICE, text, text=hostile) == f"{hostile}100%"
    texts: Statement[list[str]] = statement("SELECT %(list)s::text[] AS list", list[str])
    assert await read_one(either, ALICE, texts, list=[hostile, "b"]) == [hostile, "b"]


async def test_a_claim_is_data_not_sql(either: Database, two_users: None, add_users: AddUsers) -> None:
    odd = Tenant(ExternalUserId("o'neill\\'); SELECT 1; --"))
    add_users(odd.user_id)
    assert await read_many(either, odd, LIST_USERS) == [odd.user_id]
    assert await read_many(either, odd, statement("SELECT app_tenant()", str)) == [odd.user_id]


async def _left_behind(database: Database) -> str | None:
    """Whose claim the next connection carries, outside any transaction."""
    async with lend(database) as connection:
        row = await (await connection.execute("SELECT app_tenant()")).fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]  # a text or NULL
