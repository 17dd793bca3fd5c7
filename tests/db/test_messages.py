"""Several statements in one message do what they would do one by one."""

import asyncio
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database, in_transaction, session_scope
from tastemaker.db.messages import in_one_message

ONE = text("SELECT CAST(:name AS text) AS said, 7 % 4 AS rest")
COUNT = text("SELECT count(*) AS found FROM provider_gates")
ADD = text("INSERT INTO provider_gates (name, free_at) VALUES (:name, app_now())")


@pytest.fixture(params=[True, False], ids=["pipeline", "one by one"])
def either(request: pytest.FixtureRequest, database: Database) -> Database:
    """With a pooler between us statements cannot be sent as pipelines."""
    return replace(database, prepares=request.param)


async def test_each_sees_what_those_before_it_did(either: Database) -> None:
    async with session_scope(either, SYSTEM) as session:
        async with in_one_message(session) as message:
            said = await message.ask(ONE, {"name": "one"})
            await message.ask(ADD, {"name": "a gate"})
            counted = await message.ask(COUNT, {})
        assert await said.fetchall() == [{"said": "one", "rest": 3}]
        assert await counted.fetchone() == {"found": 1}
    async with session_scope(either, SYSTEM) as session:
        assert (await session.execute(COUNT)).scalar_one() == 1


async def test_a_statement_that_fails_undoes_the_transaction(either: Database) -> None:
    async def work(session: object) -> None:
        async with in_one_message(session) as message:  # type: ignore[arg-type]  # the scope's session
            await message.ask(ADD, {"name": "twice"})
            await message.ask(ADD, {"name": "twice"})

    with pytest.raises(psycopg.errors.UniqueViolation):
        await in_transaction(either, SYSTEM, work)
    async with session_scope(either, SYSTEM) as session:
        assert (await session.execute(COUNT)).scalar_one() == 0, "and the connection is whole"


async def test_the_last_message_commits(either: Database) -> None:
    async with session_scope(either, SYSTEM) as session:
        async with in_one_message(session, is_last=True) as message:
            await message.ask(ADD, {"name": "a gate"})
        async with session_scope(either, SYSTEM) as other:
            assert (await other.execute(COUNT)).scalar_one() == 1, "before the scope has ended"


async def test_a_last_message_that_fails_commits_nothing(either: Database) -> None:
    async def work(session: object) -> None:
        async with in_one_message(session, is_last=True) as message:  # type: ignore[arg-type]  # the scope's session
            await message.ask(ADD, {"name": "twice"})
            await message.ask(ADD, {"name": "twice"})

    with pytest.raises(psycopg.errors.UniqueViolation):
        await in_transaction(either, SYSTEM, work)
    async with session_scope(either, SYSTEM) as session:
        assert (await session.execute(COUNT)).scalar_one() == 0, "and the connection is whole"


async def test_nothing_can_be_read_behind_the_last_message(either: Database) -> None:
    """The claim ended with its transaction: a statement that comes too late is nobody's."""
    async with session_scope(either, SYSTEM) as session:
        async with in_one_message(session, is_last=True) as message:
            await message.ask(ADD, {"name": "a gate"})
        assert (await session.execute(COUNT)).scalar_one() == 0


async def test_who_stops_after_a_message_is_ended_by_the_server(database: Database) -> None:
    """A Flush behind the last Sync would switch the server's watch over idle transactions off."""
    with pytest.raises((psycopg.Error, DBAPIError)):
        async with session_scope(database, SYSTEM) as session:
            await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '300ms'"))
            async with in_one_message(session) as message:
                await message.ask(text("SELECT :number"), {"number": "1"})
                await message.ask(text("SELECT :number"), {"number": "2"})
            await asyncio.sleep(1.5)
            await session.execute(text("SELECT 1"))
