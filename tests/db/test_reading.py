"""One question, one round trip, one claim; and the connection as it was before."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row, scalar_row
from sqlalchemy import text

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.engine import Database, open_database, session_scope
from tastemaker.db.profiles import PoolProfile
from tastemaker.db.reading import read_all, read_one

ALICE, BOB = Tenant(ExternalUserId("alice")), Tenant(ExternalUserId("bob"))
WHO_IS_THERE = "SELECT user_id FROM users ORDER BY user_id"


@pytest.fixture(params=[True, False], ids=["pipeline", "one message"])
def profile(request: pytest.FixtureRequest) -> PoolProfile:
    return PoolProfile(max_size=1, prepared_statements=request.param)


@pytest.fixture
async def database(app_url: str, profile: PoolProfile) -> AsyncIterator[Database]:
    async with open_database(app_url, replace(profile, max_size=4)) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def two_users(database: Database) -> None:
    async with session_scope(database, SYSTEM) as session:
        await session.execute(text("INSERT INTO users (user_id) VALUES ('alice'), ('bob')"))


async def test_a_tenant_reads_its_own_rows(database: Database) -> None:
    assert await read_all(database, ALICE, WHO_IS_THERE, row=scalar_row) == ["alice"]
    assert await read_all(database, SYSTEM, WHO_IS_THERE, row=scalar_row) == ["alice", "bob"]
    named = "SELECT user_id FROM users WHERE user_id = %(user_id)s"
    assert await read_one(database, BOB, named, {"user_id": "bob"}, row=dict_row) == {"user_id": "bob"}
    assert await read_one(database, BOB, named, {"user_id": "alice"}, row=dict_row) is None


async def test_the_claim_is_gone_with_the_answer_each_time(app_url: str, profile: PoolProfile) -> None:
    async with open_database(app_url, profile) as one:
        for _ in range(8):
            assert await read_all(one, ALICE, WHO_IS_THERE, row=scalar_row) == ["alice"]
            assert await read_all(one, BOB, WHO_IS_THERE, row=scalar_row) == ["bob"]
            async with one.pool.connection() as connection:
                cursor = await connection.execute("SELECT count(*), app_tenant() FROM users")
                assert await cursor.fetchone() == (0, None)


async def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await read_all(database, ALICE, "DELETE FROM users RETURNING user_id", row=scalar_row)
    async with session_scope(database, ALICE) as session:
        await session.execute(text("UPDATE users SET industry = 'x' WHERE user_id = 'alice'"))


async def test_an_error_leaves_nothing_behind(app_url: str, profile: PoolProfile) -> None:
    async with open_database(app_url, profile) as one:
        for statement in ("SELECT 1 / 0 AS broken", "SELECT no_such_column FROM users", "SELEC"):
            with pytest.raises(psycopg.Error):
                await read_all(one, ALICE, statement, row=scalar_row)
            assert await _state(one) == (False, None)
            assert await read_all(one, BOB, WHO_IS_THERE, row=scalar_row) == ["bob"]


async def test_a_cancelled_question_leaves_nothing_behind(app_url: str, profile: PoolProfile) -> None:
    async with open_database(app_url, profile) as one:
        for delay in (0.0, 0.001, 0.2):
            asking = asyncio.create_task(read_all(one, ALICE, "SELECT pg_sleep(30)", row=scalar_row))
            await asyncio.sleep(delay)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert await _state(one) == (False, None)
            assert await read_all(one, BOB, WHO_IS_THERE, row=scalar_row) == ["bob"]


async def test_sessions_and_questions_share_a_connection(app_url: str, profile: PoolProfile) -> None:
    async with open_database(app_url, profile) as one:
        for number in range(8):
            await read_all(one, ALICE, WHO_IS_THERE, row=scalar_row)
            with pytest.raises(RuntimeError):
                async with session_scope(one, ALICE) as session:
                    await session.execute(text("UPDATE users SET industry = 'lost'"))
                    raise RuntimeError
            async with session_scope(one, ALICE) as session:
                changed = text("UPDATE users SET full_name = :n WHERE user_id = 'alice'")
                await session.execute(changed, {"n": str(number)})
        kept = "SELECT full_name, industry FROM users WHERE user_id = 'alice'"
        assert await read_one(one, ALICE, kept, row=dict_row) == {"full_name": "7", "industry": None}


async def test_times_and_ids_arrive_as_what_they_are(database: Database) -> None:
    asked = "SELECT timestamp '2026-02-03 04:05:06' AS at, %(id)s::uuid AS id"
    number = uuid4()
    answer = await read_one(database, ALICE, asked, {"id": number}, row=dict_row)
    assert answer == {"at": datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), "id": UUID(str(number))}


async def test_what_is_asked_is_data_not_sql(database: Database) -> None:
    asked = "SELECT %(text)s::text AS text, %(list)s::text[] AS list, %(none)s::text AS none, '100%%' AS sign"
    hostile = "'; DROP TABLE users; -- \\ %s {}"
    params = {"text": hostile, "list": [hostile, "b"], "none": None}
    assert await read_one(database, ALICE, asked, params, row=dict_row) == {**params, "sign": "100%"}
    assert await read_one(database, ALICE, "SELECT '100%' AS sign", row=dict_row) == {"sign": "100%"}


async def test_a_claim_is_data_not_sql(database: Database) -> None:
    odd = Tenant(ExternalUserId("o'neill\\'); SELECT 1; --"))
    assert await read_all(database, odd, WHO_IS_THERE, row=scalar_row) == []
    assert await read_all(database, odd, "SELECT app_tenant()", row=scalar_row) == [odd.user_id]


async def _state(database: Database) -> tuple[bool, str | None]:
    """Of the next connection: whether it commits by itself, and whose claim it carries."""
    async with database.pool.connection() as connection:
        row = await (await connection.execute("SELECT app_tenant()")).fetchone()
        assert row is not None
        return connection.autocommit, row[0]
