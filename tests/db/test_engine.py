"""Connections, claims and commits, on a real server."""

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.engine import Database, driver_connection, in_transaction, open_database, session_scope
from tastemaker.db.profiles import PoolProfile

ALICE, BOB = Tenant(ExternalUserId("alice")), Tenant(ExternalUserId("bob"))

INSERT_USER = text("INSERT INTO users (user_id) VALUES (:user_id)")
COUNT_USERS = text("SELECT count(*) FROM users")


async def test_a_block_that_ends_commits_and_one_that_raises_does_not(database: Database) -> None:
    async with session_scope(database, ALICE) as session:
        await session.execute(INSERT_USER, {"user_id": "alice"})
    with pytest.raises(RuntimeError):
        async with session_scope(database, BOB) as session:
            await session.execute(INSERT_USER, {"user_id": "bob"})
            raise RuntimeError
    async with session_scope(database, SYSTEM) as session:
        assert await session.scalar(COUNT_USERS) == 1


async def test_a_tenant_sees_and_writes_its_own_rows_only(database: Database) -> None:
    async with session_scope(database, ALICE) as session:
        await session.execute(INSERT_USER, {"user_id": "alice"})
    async with session_scope(database, BOB) as session:
        assert await session.scalar(COUNT_USERS) == 0
        assert (await session.execute(text("DELETE FROM users"))).rowcount == 0
    with pytest.raises(DBAPIError, match="row-level security"):
        async with session_scope(database, BOB) as session:
            await session.execute(INSERT_USER, {"user_id": "carol"})


async def test_a_claim_ends_with_its_transaction(app_url: str) -> None:
    async with open_database(app_url, PoolProfile(max_size=1)) as database:
        async with session_scope(database, SYSTEM):
            pass
        async with database.pool.connection() as connection:
            cursor = await connection.execute("SELECT app_tenant(), app_is_system(), count(*) FROM users")
            assert await cursor.fetchone() == (None, False, 0)


async def test_the_application_does_not_connect_as_a_superuser(admin_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="ignores row-level security"):
        async with open_database(admin_url):
            pass


async def test_a_database_that_is_not_there_is_one_sentence(app_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="does not let us in"):
        async with open_database(app_url.replace("test_", "missing_")):
            pass


async def test_the_application_may_not_change_the_clock_or_the_log(database: Database) -> None:
    for statement in (
        "UPDATE clock_offset SET shift = '1 day'",
        "DELETE FROM events",
        "UPDATE events SET event_data = '{}'",
        "CREATE TABLE mine (id int)",
        "TRUNCATE users",
    ):
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            async with session_scope(database, SYSTEM) as session:
                await session.execute(text(statement))


async def test_a_moved_clock_moves_business_time(database: Database, admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("UPDATE clock_offset SET shift = interval '3 days'")
    async with session_scope(database, SYSTEM) as session:
        ahead = await session.scalar(text("SELECT app_now() - now() = interval '3 days'"))
    assert ahead is True


async def test_the_victim_of_a_deadlock_is_tried_again(database: Database) -> None:
    async with session_scope(database, SYSTEM) as session:
        for name in ("alice", "bob"):
            await session.execute(INSERT_USER, {"user_id": name})
    both_hold_one = asyncio.Barrier(2)
    attempts: list[str] = []

    async def swap(session: AsyncSession, first: str, second: str) -> None:
        attempts.append(first)
        await session.execute(text("UPDATE users SET industry = 'x' WHERE user_id = :u"), {"u": first})
        if len(attempts) <= 2:
            await both_hold_one.wait()
        await session.execute(text("UPDATE users SET industry = 'y' WHERE user_id = :u"), {"u": second})

    await asyncio.gather(
        in_transaction(database, SYSTEM, lambda session: swap(session, "alice", "bob")),
        in_transaction(database, SYSTEM, lambda session: swap(session, "bob", "alice")),
    )
    assert len(attempts) >= 3, "who lost tried again"


async def test_a_victim_of_the_drivers_own_statements_too(database: Database) -> None:
    attempts: list[int] = []

    async def fall(session: AsyncSession) -> None:
        attempts.append(len(attempts))
        connection = await driver_connection(session)
        if len(attempts) == 1:
            await connection.execute("DO $$ BEGIN RAISE deadlock_detected; END $$")

    await in_transaction(database, SYSTEM, fall)
    assert attempts == [0, 1]


async def test_sessions_think_in_utc(database: Database) -> None:
    async with session_scope(database, SYSTEM) as session:
        moment = await session.scalar(text("SELECT timestamp '2026-01-02 03:04:05'"))
        assert moment == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert await session.scalar(text("SHOW timezone")) == "UTC"
