"""What a worker has to live through: no free connection, no LISTEN, handlers that break while giving up."""

import asyncio
from dataclasses import replace

import pytest

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database, open_database
from tastemaker.db.profiles import LOCAL
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.jobs.types import Done, JobContext, JobResult
from tests.jobs.notes import QUICK, Note, column, publish_words, until, working

NOWHERE = "postgresql://nobody:secret@127.0.0.1:1/nothing"


async def nothing(context: JobContext, note: Note) -> JobResult:
    return Done()


async def test_a_worker_outlives_a_time_without_a_free_connection(app_url: str, database: Database) -> None:
    async def long(context: JobContext, note: Note) -> JobResult:
        await asyncio.sleep(1.5)
        return Done()

    small = replace(LOCAL, min_size=1, max_size=1, wait=0.1)
    async with open_database(app_url, small) as narrow:
        await publish_words(database, ["a"])
        async with working(narrow, long):
            await until(database, "processing", 1)
            taken = await narrow.pool.getconn(timeout=5)
            await asyncio.sleep(0.6)
            await narrow.pool.putconn(taken)
            await publish_words(database, ["b"])
            await until(database, "completed", 2)
    assert await column(database, "attempt") == [1, 1], "the leases were renewed afterwards"


@pytest.mark.parametrize("url", [NOWHERE, "no url at all"])
async def test_a_worker_that_cannot_listen_keeps_what_it_works_on(database: Database, url: str) -> None:
    async def long(context: JobContext, note: Note) -> JobResult:
        await asyncio.sleep(1.5)
        return Done()

    deaf = replace(database, url=url)
    slow = replace(QUICK, lease=3.0, grace=0.2, heartbeat=1.0)
    await publish_words(database, ["a"])
    async with working(deaf, long, settings=slow), working(deaf, long, settings=slow):
        await until(database, "completed", 1)
    assert await column(database, "attempt") == [1]


async def test_the_job_of_a_user_who_is_gone_fails_at_once(database: Database) -> None:
    async def of_somebody(context: JobContext, note: Note) -> JobResult:
        async with transaction(context.database, Tenant(ExternalUserId("gone"))):
            return Done()

    await publish_words(database, ["a"])
    async with working(database, of_somebody):
        await until(database, "failed", 1)
    assert await column(database, "attempt") == [1]
    assert await column(database, "error") == ["There is no user 'gone'."]


async def test_a_handler_that_breaks_while_giving_up_holds_up_nobody(database: Database) -> None:
    async def broken(tx: Transaction, note: Note) -> None:
        await tx.run(statement("SELECT 1 / 0", int))

    await publish_words(database, ["poison"])
    async with transaction(database, SYSTEM) as tx:
        await tx.run(
            statement("""
                UPDATE background_jobs SET status = 'processing', worker = 'gone',
                                           retry_count = max_retries + 2,
                                           lease_until = app_now() - interval '1 s'
            """)
        )
    await publish_words(database, ["after it"])
    async with working(database, nothing, given_up=broken):
        await until(database, "completed", 1, within=5)
    assert sorted(map(str, await column(database, "status"))) == ["completed", "failed"]
