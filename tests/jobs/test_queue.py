"""The queue's promises, one by one, on a real server as the application's role."""

import asyncio

import pytest

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.jobs import claim_queries, queries
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Again, Done, JobContext, JobResult, JobType
from tastemaker.jobs.worker_state import WorkerSettings
from tests.conftest import AddUsers
from tests.jobs.notes import NOTE, Note, claimed, column, publish_words, until, working


async def test_a_job_is_seen_only_when_its_transaction_commits(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        await publish(tx, NOTE, Note(word="kept"))
        assert await claimed(database) == []
    with pytest.raises(RuntimeError, match="changed my mind"):
        async with transaction(database, SYSTEM) as tx:
            await publish(tx, NOTE, Note(word="lost"))
            raise RuntimeError("changed my mind")
    assert [job.payload["word"] for job in await claimed(database)] == ["kept"]


async def test_urgent_first_then_by_time_and_never_before_it_is_due(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        for word, priority, delay in [
            ("late", 1, 60.0),
            ("second", 5, 0.0),
            ("first", 1, 0.0),
            ("last", 9, 0.0),
        ]:
            await queries.enqueue(tx, "note", {"word": word}, priority=priority, max_retries=3, delay=delay)
    words = [(await claimed(database, batch=1))[0].payload["word"] for _ in range(3)]
    assert words == ["first", "second", "last"]
    assert await claimed(database) == []


async def test_two_workers_never_hold_the_same_job(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        for number in range(60):
            await publish(tx, NOTE, Note(word=str(number)))
    batches = await asyncio.gather(*(claimed(database, batch=7) for _ in range(12)))
    ids = [job.id for batch in batches for job in batch]
    assert len(ids) == len(set(ids)) == 60


async def test_one_of_a_key_waits_and_one_of_a_key_runs(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        first = await publish(tx, NOTE, Note(word="a"), lock_key="k", dedupe_key="k")
        assert await publish(tx, NOTE, Note(word="b"), lock_key="k", dedupe_key="k") is None
    (running,) = await claimed(database)
    assert running.id == first
    async with transaction(database, SYSTEM) as tx:
        assert await publish(tx, NOTE, Note(word="successor"), lock_key="k", dedupe_key="k")
    assert await claimed(database) == [], "the key is held"
    async with transaction(database, SYSTEM) as tx:
        await queries.complete(tx, [(running, None)])
    assert [job.payload["word"] for job in await claimed(database)] == ["successor"]


async def test_only_the_holder_of_the_attempt_may_end_the_job(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        await publish(tx, NOTE, Note(word="a"))
    (before,) = await claimed(database, lease=-1)
    async with transaction(database, SYSTEM) as tx:
        assert len(await claim_queries.rescue(tx, job_types=["note"], lease=30, grace=5)) == 1
    (after,) = await claimed(database)
    async with transaction(database, SYSTEM) as tx:
        assert not await queries.complete(tx, [(before, {"by": "the frozen one"})])
        assert not await queries.again(tx, before, delay=0)
        assert await queries.fail(tx, before, error="x", delay=0, final=True) is None
        assert await queries.complete(tx, [(after, {"by": "the new one"})])
    assert await column(database, "result") == [{"by": "the new one"}]


async def test_a_job_that_keeps_killing_its_worker_is_given_up(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        await publish(tx, NOTE, Note(word="poison"))
    for _ in range(1 + NOTE.max_retries + claim_queries.MORE_AFTER_A_LOSS):
        assert len(await claimed(database, lease=-1)) == 1
        async with transaction(database, SYSTEM) as tx:
            await claim_queries.rescue(tx, job_types=["note"], lease=30, grace=5)
    assert await claimed(database) == []
    assert await column(database, "status") == ["failed"]


async def test_two_that_may_have_killed_workers_never_run_at_once(database: Database) -> None:
    """So that the one which merely stood beside the poison gets through."""
    await publish_words(database, ["poison", "bystander"])
    for _ in range(claim_queries.SUSPICIOUS_FROM):
        assert len(await claimed(database, lease=-1)) == 2
        async with transaction(database, SYSTEM) as tx:
            await claim_queries.rescue(tx, job_types=["note"], lease=30, grace=5)
    await publish_words(database, ["above suspicion"])
    (suspect,) = [job for job in await claimed(database) if job.payload["word"] != "above suspicion"]
    assert await claimed(database) == []
    async with transaction(database, SYSTEM) as tx:
        assert await queries.complete(tx, [(suspect, None)])
    (other,) = await claimed(database)
    assert {suspect.payload["word"], other.payload["word"]} == {"poison", "bystander"}


async def test_a_worker_runs_what_is_due_and_keeps_its_results(database: Database) -> None:
    async def shout(context: JobContext, note: Note) -> JobResult:
        return Done({"said": note.word.upper()})

    await publish_words(database, ["a", "b", "c"])
    async with working(database, shout):
        await until(database, "completed", 3)
    assert sorted(str(result) for result in await column(database, "result")) == [
        "{'said': 'A'}",
        "{'said': 'B'}",
        "{'said': 'C'}",
    ]


async def test_an_insert_wakes_a_sleeping_worker(database: Database) -> None:
    async def nothing(context: JobContext, note: Note) -> JobResult:
        return Done()

    sleepy = WorkerSettings(poll=30, stop_within=1.0)
    async with working(database, nothing, settings=sleepy):
        await asyncio.sleep(0.3)
        await publish_words(database, ["a"])
        await until(database, "completed", 1, within=3)


async def test_failures_are_retried_and_then_given_up_with_their_error(database: Database) -> None:
    async def break_down(context: JobContext, note: Note) -> JobResult:
        raise RuntimeError("no luck with it")

    async with transaction(database, SYSTEM) as tx:
        await publish(tx, JobType(name="note", payload=Note, max_retries=0), Note(word="a"))
    async with working(database, break_down):
        await until(database, "failed", 1)
    assert await column(database, "error") == ["RuntimeError: no luck with it"]
    assert await column(database, "failed_at") != [None]


async def test_a_payload_that_does_not_fit_is_given_up_at_once(database: Database) -> None:
    async def nothing(context: JobContext, note: Note) -> JobResult:
        return Done()

    async with transaction(database, SYSTEM) as tx:
        await queries.enqueue(tx, "note", {"wrong": 1}, priority=1, max_retries=5)
    async with working(database, nothing):
        await until(database, "failed", 1)
    assert await column(database, "retry_count") == [1]


async def test_again_is_no_failure(database: Database) -> None:
    calls: list[int] = []

    async def three_times(context: JobContext, note: Note) -> JobResult:
        calls.append(context.job.attempt)
        return Done() if len(calls) == 3 else Again(0.01)

    await publish_words(database, ["a"])
    async with working(database, three_times):
        await until(database, "completed", 1)
    assert calls == [1, 2, 3]
    assert await column(database, "retry_count") == [0]


async def test_a_lease_is_kept_while_the_job_runs(database: Database) -> None:
    async def long(context: JobContext, note: Note) -> JobResult:
        await asyncio.sleep(2.0)
        return Done()

    await publish_words(database, ["a"])
    async with working(database, long), working(database, long):
        await until(database, "completed", 1)
    assert await column(database, "attempt") == [1]


async def test_stopping_hands_back_what_does_not_end_in_time(database: Database) -> None:
    started = asyncio.Event()

    async def endless(context: JobContext, note: Note) -> JobResult:
        started.set()
        await asyncio.sleep(60)
        return Done()

    await publish_words(database, ["a"])
    async with working(database, endless):
        await started.wait()
    assert await column(database, "status") == ["pending"]
    assert await column(database, "retry_count") == [0]


async def test_jobs_of_another_tenant_are_not_there(database: Database, add_users: AddUsers) -> None:
    add_users("alice", "bob")
    async with transaction(database, Tenant(ExternalUserId("alice"))) as tx:
        await publish(tx, NOTE, Note(word="mine"), tenant_id=ExternalUserId("alice"))
    async with transaction(database, Tenant(ExternalUserId("bob"))) as tx:
        assert await tx.only(statement("SELECT count(*) FROM background_jobs", int)) == 0
