"""A worker's turn: what ended is written and what comes next is taken in one transaction, planned once."""

import asyncio
import re
from collections import Counter
from dataclasses import replace

import psycopg
import pytest

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction, write_together
from tastemaker.jobs import claim_queries
from tastemaker.jobs.completion import BatchCompleter, CompletedJob
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType, Registered
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tests.jobs.notes import NOTE, Note, claimed, column, publish_words, until, working

QUIET = JobType(name="note", payload=Note, records_end=False)
ENDED_WHERE_ANOTHER_BEGAN = statement(
    """
    SELECT count(*) FROM background_jobs ended
    JOIN background_jobs begun ON begun.xmin::text = ended.xmin::text
    WHERE ended.status = 'completed' AND begun.status = 'processing'
""",
    int,
)
TOLD = statement("SELECT count(*) FROM events WHERE event_type = 'job_completed'", int)
TOLD_APART = statement(
    """
    SELECT count(*) FROM background_jobs job LEFT JOIN events told
      ON told.aggregate_id = job.id::text AND told.xmin::text = job.xmin::text
    WHERE told.id IS NULL
""",
    int,
)
TYPES = {"worker": "text", "job_types": "text[]", "batch": "integer", "lease": "float8", "only": "text[]"}


@pytest.fixture(params=[True, False], ids=["pipeline", "one message"])
def either(request: pytest.FixtureRequest, database: Database) -> Database:
    return replace(database, prepares=request.param)


async def nothing(_: JobContext, __: Note) -> JobResult:
    return Done()


async def test_an_end_and_the_next_beginning_are_one_transaction(either: Database) -> None:
    together: list[int | None] = []

    async def look(context: JobContext, _: Note) -> JobResult:
        async with transaction(context.database, SYSTEM) as tx:
            together.append(await tx.only(ENDED_WHERE_ANOTHER_BEGAN))
        return Done()

    async with transaction(either, SYSTEM) as tx:
        for delay, name in ((-1, "anna"), (0, "bert")):
            await publish(tx, NOTE, Note(word="x"), tenant_id=ExternalUserId(name), delay=delay)
    async with working(either, look, settings=WorkerSettings(concurrency=1, poll=0.05)):
        await until(either, "completed", 2)
    assert together == [0, 1]
    async with transaction(either, SYSTEM) as tx:
        assert await tx.only(TOLD_APART) == 0


async def test_an_end_that_is_not_ours_is_not_told_and_no_end_is_told_twice(either: Database) -> None:
    await publish_words(either, ["a"])
    (before,) = await claimed(either, lease=-1)
    async with transaction(either, SYSTEM) as tx:
        await claim_queries.rescue(tx, job_types=["note"], lease=30, grace=5)
    (after,) = await claimed(either)
    completing = BatchCompleter(either)
    assert not await completing.complete(CompletedJob(before, None, records_event=True))
    async with transaction(either, SYSTEM) as tx:
        assert await tx.only(TOLD) == 0
    assert await completing.complete(CompletedJob(after, None, records_event=True))
    assert not await completing.complete(CompletedJob(after, None, records_event=True))
    async with transaction(either, SYSTEM) as tx:
        assert await tx.only(TOLD) == 1


async def test_claims_of_one_instant_take_no_two_that_may_have_killed_workers(database: Database) -> None:
    await publish_words(database, ["poison", "bystander"])
    for _ in range(claim_queries.SUSPICIOUS_FROM):
        assert len(await claimed(database, lease=-1)) == 2
        async with transaction(database, SYSTEM) as tx:
            await claim_queries.rescue(tx, job_types=["note"], lease=30, grace=5)
    async with transaction(database, SYSTEM) as tx:
        asked = claim_queries.claim_parameters("x", ["note"], 1, 30.0)
        assert len(await tx.many(claim_queries.CLAIM, **asked)) == 1
        assert await claimed(database) == [], "the first claim is not seen yet"
    assert await claimed(database) == [], "now it is"


async def test_more_are_begun_at_once_than_are_claimed_at_once(database: Database) -> None:
    together = asyncio.Barrier(5)

    async def meet(_: JobContext, __: Note) -> JobResult:
        await together.wait()
        return Done()

    await publish_words(database, [str(number) for number in range(5)])
    async with working(database, meet, settings=WorkerSettings(concurrency=5, batch=2, poll=30)):
        await until(database, "completed", 5, within=5)
    claims = Counter(await column(database, "started_at"))
    assert max(claims.values()) <= 2


async def test_a_result_that_cannot_be_kept_stops_nobody_where_no_end_is_told(database: Database) -> None:
    async def handle(_: JobContext, note: Note) -> JobResult:
        return Done({"found": "a\x00b" if note.word == "nul" else note.word})

    async with transaction(database, SYSTEM) as tx:
        for word in ("one", "nul", "two"):
            await publish(tx, QUIET, Note(word=word))
    stopping = asyncio.Event()
    task = asyncio.create_task(
        run_worker(
            database,
            {"note": Registered(QUIET, handle)},
            stopping=stopping,
            config=Configuration.of_defaults(),
            settings=WorkerSettings(poll=0.05),
        )
    )
    await until(database, "completed", 2, within=5)
    await until(database, "failed", 1, within=5)
    stopping.set()
    await task


async def test_jobs_of_one_key_never_run_at_once_and_all_run(database: Database) -> None:
    running: Counter[str] = Counter()

    async def alone(_: JobContext, note: Note) -> JobResult:
        running[note.word] += 1
        assert running[note.word] == 1
        await asyncio.sleep(0.002)
        running[note.word] -= 1
        return Done()

    async with transaction(database, SYSTEM) as tx:
        for number in range(60):
            word = str(number % 6)
            await publish(tx, NOTE, Note(word=word), lock_key=word)
    fast = WorkerSettings(concurrency=8, batch=3, poll=0.05)
    async with working(database, alone, settings=fast), working(database, alone, settings=fast):
        await until(database, "completed", 60, within=20)
    assert await column(database, "DISTINCT attempt") == [1]


async def test_a_claim_walks_its_index_before_the_table_was_ever_analysed(
    database: Database, admin_url: str
) -> None:
    """Its plan is kept, and has to fit whatever comes."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("""
            INSERT INTO background_jobs (job_type, payload, priority, scheduled_for, waits_for, status)
            SELECT 'note', '{"word": "x"}', 1, now(), CASE WHEN number > 3000 THEN 'time' END,
                   CASE WHEN number % 3 = 0 THEN 'completed' ELSE 'pending' END
            FROM generate_series(1, 6000) AS number
        """)
    names = list(TYPES)
    claim = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", claim_queries.CLAIM.sql)
    *_, plan, _ = await write_together(
        database,
        SYSTEM,
        (statement(f"PREPARE a_claim ({', '.join(TYPES.values())}) AS {claim}"), {}),
        (statement("EXPLAIN (ANALYZE, BUFFERS OFF) EXECUTE a_claim('x', '{note}', 10, 30, NULL)", str), {}),
        (statement("DEALLOCATE a_claim"), {}),
    )
    told = "\n".join(plan)
    assert "idx_background_jobs_ready" in told, told
    assert "Seq Scan on background_jobs" not in told, told
    assert "Rows Removed" not in told, told
