"""A key's successor may wait while its job runs: whoever goes back to the queue then gives way to it."""

from collections.abc import Awaitable, Callable

import pytest

from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.jobs import claim_queries, queries
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Again, ClaimedJob, Done, JobContext, JobResult
from tests.jobs.notes import NOTE, Note, claimed, until, working

GoBack = Callable[[Transaction, ClaimedJob], Awaitable[object]]


@pytest.mark.parametrize(
    "go_back",
    [
        lambda tx, job: queries.again(tx, job, delay=0),
        lambda tx, job: queries.fail(tx, job, error="x", delay=0, final=False),
        lambda tx, _job: claim_queries.rescue(tx, job_types=["note"], lease=100, grace=0),
    ],
    ids=["again", "fail", "rescue"],
)
async def test_who_goes_back_gives_way_to_its_successor(database: Database, go_back: GoBack) -> None:
    await publish_keyed(database, "first")
    (running,) = await claimed(database)
    await publish_keyed(database, "successor")
    async with transaction(database, SYSTEM) as tx:
        await go_back(tx, running)
    assert await statuses(database) == {"first": "cancelled", "successor": "pending"}
    assert [job.payload["word"] for job in await claimed(database)] == ["successor"]


async def test_of_two_lost_with_one_key_the_one_with_retries_left_comes_back(database: Database) -> None:
    for word in ("exhausted", "fresh"):
        async with transaction(database, SYSTEM) as tx:
            await publish(tx, NOTE, Note(word=word), dedupe_key="k")
        await claimed(database, lease=-1)
    async with transaction(database, SYSTEM) as tx:
        await tx.run(
            statement(
                "UPDATE background_jobs SET retry_count = max_retries + 2"
                " WHERE payload ->> 'word' = 'exhausted'"
            )
        )
        await claim_queries.rescue(tx, job_types=["note"], lease=30, grace=5)
    assert await statuses(database) == {"exhausted": "failed", "fresh": "pending"}


async def test_a_successor_that_comes_while_the_job_runs_holds_up_nobody(database: Database) -> None:
    said: list[str] = []

    async def twice(context: JobContext, note: Note) -> JobResult:
        said.append(note.word)
        if note.word == "first":
            await publish_keyed(context.database, "successor")
            return Again()
        return Done()

    await publish_keyed(database, "first")
    async with working(database, twice):
        await until(database, "completed", 1, within=5)
        async with transaction(database, SYSTEM) as tx:
            await publish(tx, NOTE, Note(word="another"))
        await until(database, "completed", 2, within=5)
    assert said == ["first", "successor", "another"]


async def test_jobs_that_wait_for_a_key_do_not_stand_before_the_others(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        await publish(tx, NOTE, Note(word="holder"), lock_key="k")
    await claimed(database)
    async with transaction(database, SYSTEM) as tx:
        for number in range(3):
            await publish(tx, NOTE, Note(word=f"waits {number}"), lock_key="k")
        await publish(tx, NOTE, Note(word="free"), delay=-0.001)
        await tx.run(
            statement("UPDATE background_jobs SET priority = 1 WHERE payload ->> 'word' LIKE 'waits%%'")
        )
    assert [job.payload["word"] for job in await claimed(database, batch=2)] == ["free"]


async def publish_keyed(database: Database, word: str) -> None:
    async with transaction(database, SYSTEM) as tx:
        assert await publish(tx, NOTE, Note(word=word), lock_key="k", dedupe_key="k")


async def statuses(database: Database) -> dict[str, str]:
    async with transaction(database, SYSTEM) as tx:
        return await tx.only(
            statement("SELECT jsonb_object_agg(payload ->> 'word', status) FROM background_jobs", dict)
        )
