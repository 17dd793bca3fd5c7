"""What an operator sees of the queue and does to it; time-outs, progress, ends, fairness."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from tastemaker.config_store.hot_reload import Configuration, Values
from tastemaker.config_store.keys import (
    CANCELLED_JOBS_RETENTION,
    DEFAULT_RETRY_DELAY,
    JOB_TIMEOUT,
    MAX_CONCURRENT_JOBS,
)
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.jobs import claim_queries, queries
from tastemaker.jobs.maintenance import PRUNE_JOBS
from tastemaker.jobs.queries import cancel_job, list_jobs, retry_failed
from tastemaker.jobs.registry import handles, registered_handlers
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.service import PayloadTooLarge, publish, report_progress
from tastemaker.jobs.types import Again, Done, JobContext, JobResult, JobType, Registered
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tests.jobs.notes import NOTE, QUICK, Note, claimed, column, publish_words, until, working


async def ends(database: Database) -> list[str]:
    async with transaction(database, SYSTEM) as tx:
        return await tx.many(
            statement("SELECT event_type FROM events WHERE event_type LIKE 'job%%' ORDER BY seq", str)
        )


async def work_off(
    database: Database,
    handlers: dict[str, Registered],
    status: str,
    count: int,
    *,
    changed: Values | None = None,
) -> None:
    """A worker until `count` jobs have the status."""
    stopping = asyncio.Event()
    config = Configuration.of_defaults({DEFAULT_RETRY_DELAY: timedelta(0), **(changed or {})})
    task = asyncio.create_task(
        run_worker(database, handlers, stopping=stopping, config=config, settings=QUICK)
    )
    try:
        await until(database, status, count)
    finally:
        stopping.set()
        await task


async def test_an_end_is_an_event_but_not_of_what_continues_itself(database: Database) -> None:
    async def handle(context: JobContext, note: Note) -> JobResult:
        return Done() if context.job.attempt > 2 or note.word == "short" else Again()

    await publish_words(database, ["short", "long"])
    async with working(database, handle):
        await until(database, "completed", 2)
    assert await ends(database) == ["job_completed", "job_completed"], "one each, not one for each turn"

    quiet = JobType(name="quiet", payload=Note, records_end=False)
    async with transaction(database, SYSTEM) as tx:
        await publish(tx, quiet, Note(word="x"))
    await work_off(database, {"quiet": Registered(quiet, handle)}, "completed", 3)
    assert len(await ends(database)) == 2


async def test_what_failed_for_good_is_seen_and_tried_again(database: Database) -> None:
    is_well = False

    async def handle(context: JobContext, note: Note) -> JobResult:
        if not is_well:
            raise RuntimeError(f"no luck with {note.word}")
        return Done({"word": note.word})

    await publish_words(database, ["a"])
    handlers = {"note": Registered(NOTE, handle)}
    await work_off(database, handlers, "failed", 1)
    async with transaction(database, SYSTEM) as tx:
        (dead,) = await list_jobs(tx, status="failed", job_type=None, limit=10)  # type: ignore[arg-type]  # the word itself
        assert (dead.attempt, dead.error) == (3, "RuntimeError: no luck with a")
        assert await retry_failed(tx, job_id=None, job_type="other") == 0
        assert await retry_failed(tx, job_id=dead.id, job_type=None) == 1
        assert await retry_failed(tx, job_id=dead.id, job_type=None) == 0
    is_well = True
    await work_off(database, handlers, "completed", 1)
    assert await ends(database) == ["job_failed", "job_completed"]


async def test_of_twins_that_failed_one_goes_back_and_none_beside_a_waiting_one(database: Database) -> None:
    for _ in range(2):
        async with transaction(database, SYSTEM) as tx:
            await publish(tx, NOTE, Note(word="a"), dedupe_key="k")
        (job,) = await claimed(database)
        async with transaction(database, SYSTEM) as tx:
            await queries.fail(tx, job, error="x", delay=0, final=True)
    async with transaction(database, SYSTEM) as tx:
        assert await retry_failed(tx, job_id=None, job_type="note") == 1
        assert await retry_failed(tx, job_id=None, job_type="note") == 0
    assert sorted(map(str, await column(database, "status"))) == ["failed", "pending"]


async def test_a_run_that_takes_too_long_is_a_failure(database: Database) -> None:
    async def handle(_: JobContext, __: Note) -> JobResult:
        await asyncio.sleep(30)
        return Done()

    brief = JobType(name="brief", payload=Note, max_retries=0, timeout=0.1)
    async with transaction(database, SYSTEM) as tx:
        await publish(tx, brief, Note(word="a"))
        await publish(tx, NOTE, Note(word="b"))
    handlers = {"brief": Registered(brief, handle), "note": Registered(NOTE, handle)}
    await work_off(database, handlers, "failed", 2, changed={JOB_TIMEOUT: timedelta(seconds=0.2)})
    errors = set(await column(database, "error"))
    assert errors == {"It took longer than 0.1 seconds.", "It took longer than 0.2 seconds."}


async def test_a_job_that_runs_is_cancelled_and_settles_nothing(database: Database) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def handle(context: JobContext, _: Note) -> JobResult:
        await report_progress(context, 40)
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()
        return Done()

    await publish_words(database, ["a"])
    async with working(database, handle):
        await begun.wait()
        assert await column(database, "progress") == [40]
        async with transaction(database, SYSTEM) as tx:
            (job,) = await list_jobs(tx, status=None, job_type="note", limit=1)
            assert await cancel_job(tx, job.id)
            assert not await cancel_job(tx, job.id)
        async with asyncio.timeout(10):
            await ended.wait()
    assert await column(database, "status") == ["cancelled"]
    assert await ends(database) == []


async def test_a_payload_that_is_too_large_is_refused_where_it_is_published(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        with pytest.raises(PayloadTooLarge, match="20,000,011 bytes"):
            await publish(tx, NOTE, Note(word="x" * 20_000_000))
        assert await publish(tx, NOTE, Note(word="small"))
    assert len(await column(database, "id")) == 1


async def test_a_type_that_nobody_here_knows_is_set_aside_for_who_does(database: Database) -> None:
    async def handle(_: JobContext, __: Note) -> JobResult:
        return Done()

    async with transaction(database, SYSTEM) as tx:
        await publish(tx, JobType(name="of_tomorrow", payload=Note, priority=1), Note(word="a"))
        await publish(tx, JobType(name="of_tomorrow", payload=Note), Note(word="c"), delay=0.5)
    await publish_words(database, ["b"])
    await work_off(database, {"note": Registered(NOTE, handle)}, "completed", 1)
    assert sorted(map(str, await column(database, "status"))) == ["completed", "pending", "pending"]
    assert sorted(map(str, await column(database, "waits_for"))) == ["None", "time", "worker"]
    tomorrow = JobType(name="of_tomorrow", payload=Note)
    await work_off(database, {"of_tomorrow": Registered(tomorrow, handle)}, "completed", 3)


async def test_a_type_that_nobody_knows_is_set_aside_at_once(database: Database) -> None:
    async def handle(_: JobContext, __: Note) -> JobResult:
        return Done()

    async with working(database, handle):
        await publish_words(database, ["known"])
        await until(database, "completed", 1)
        async with transaction(database, SYSTEM) as tx:
            await publish(tx, JobType(name="of_tomorrow", payload=Note), Note(word="a"))
        async with asyncio.timeout(2):
            while "worker" not in await column(database, "waits_for"):
                await asyncio.sleep(0.02)


async def test_a_type_that_another_worker_runs_is_not_set_aside(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        await publish(tx, PRUNE_JOBS, Nothing())
        assert await claim_queries.park(tx, {"note"}) == ["prune_jobs"]
        await claim_queries.unpark(tx, {"note", "prune_jobs"})
        assert await claim_queries.park(tx, {"note", "prune_jobs"}) == []
    assert await column(database, "waits_for") == [None]


class Printer:
    pass


async def test_a_handler_runs_only_where_what_it_needs_is(database: Database) -> None:
    printing = JobType(name="printing", payload=Note)
    printer, used = Printer(), []

    @handles(printing, needs=(Printer,))
    async def print_note(context: JobContext, _: Note) -> JobResult:
        used.append(context.resource(Printer))
        return Done()

    assert "printing" not in registered_handlers({})
    with pytest.raises(ValueError, match="two handlers"):
        handles(printing)(Printer)  # type: ignore[arg-type]  # any other function
    async with transaction(database, SYSTEM) as tx:
        await publish(tx, printing, Note(word="a"))
    one = registered_handlers({Printer: printer})["printing"]
    await work_off(database, {"printing": one}, "completed", 1)
    assert used == [printer]


async def test_what_broke_is_kept_as_text_and_wrong_fields_are_named(database: Database) -> None:
    async def handle(_: JobContext, __: Note) -> JobResult:
        raise RuntimeError("one\x00two")

    async with transaction(database, SYSTEM) as tx:
        await publish(tx, NOTE, Note(word="a"))
        await tx.run(
            statement(
                "INSERT INTO background_jobs (job_type, payload) VALUES ('note', '{\"wort\": \"secret\"}')"
            )
        )
    await work_off(database, {"note": Registered(NOTE, handle)}, "failed", 2)
    assert sorted(map(str, await column(database, "error"))) == [
        "RuntimeError: onetwo",
        "The payload does not fit: word (Field required).",
    ]


async def test_a_result_that_cannot_be_kept_is_the_failure_of_its_job_alone(database: Database) -> None:
    bad = {"nul": {"found": "a\x00b"}, "odd": {"found": object()}}

    async def handle(_: JobContext, note: Note) -> JobResult:
        await asyncio.sleep(0.05)
        return Done(bad.get(note.word, {"found": note.word}))

    await publish_words(database, ["one", "nul", "two", "odd", "three"])
    async with working(database, handle):
        await until(database, "completed", 3)
        await until(database, "failed", 2)
    kept = [row for row in await column(database, "result ->> 'found'") if row]
    assert sorted(map(str, kept)) == ["one", "three", "two"]
    assert sorted(await ends(database)) == ["job_completed"] * 3 + ["job_failed"] * 2


async def test_ends_that_come_together_are_written_together(database: Database) -> None:
    go = asyncio.Event()

    async def handle(_: JobContext, __: Note) -> JobResult:
        await go.wait()
        return Done()

    await publish_words(database, [str(number) for number in range(40)])
    async with working(database, handle):
        await until(database, "processing", 40)
        go.set()
        await until(database, "completed", 40)
    transactions = await column(database, "xmin::text")
    assert len(set(transactions)) <= 4


async def test_a_handler_that_will_not_stop_does_not_keep_the_worker(database: Database) -> None:
    begun, enough = asyncio.Event(), asyncio.Event()

    async def handle(_: JobContext, __: Note) -> JobResult:
        begun.set()
        while not enough.is_set():
            with suppress(asyncio.CancelledError):
                await enough.wait()
        return Done()

    await publish_words(database, ["stubborn"])
    settings = WorkerSettings(poll=0.05, stop_within=0.2)
    async with asyncio.timeout(8):
        async with working(database, handle, settings=settings):
            await begun.wait()
    assert await column(database, "status") == ["pending"]
    enough.set()
    await asyncio.sleep(0.2)
    assert await column(database, "status") == ["pending"], "what it says then counts for nothing"


PLAN = "EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF) "


async def plan_of_a_claim(database: Database) -> str:
    async with transaction(database, SYSTEM) as tx:
        asked = claim_queries.claim_parameters("x", ["note"], 10, 30, None)
        plan = "\n".join(await tx.many(statement(PLAN + claim_queries.CLAIM.sql, str), **asked))
        await tx.connection.rollback()
    return plan


async def test_urgent_jobs_of_a_later_time_are_not_walked_over(database: Database, admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("""
            INSERT INTO background_jobs (job_type, payload, priority, scheduled_for, waits_for)
            SELECT 'note', '{"word": "later"}', 1, now() + interval '1 day', 'time'
            FROM generate_series(1, 20000)
        """)
        await publish_words(database, ["now"])
        admin.execute("ANALYZE background_jobs")
    plan = await plan_of_a_claim(database)
    assert "rows=20000" not in plan, plan
    assert "Rows Removed" not in plan, plan
    assert "idx_background_jobs_ready" in plan, plan
    (job,) = await claimed(database, batch=10)
    assert job.payload["word"] == "now"


async def test_what_waited_for_its_time_goes_first_if_it_is_urgent(
    database: Database, admin_url: str
) -> None:
    order: list[str] = []

    async def handle(_: JobContext, note: Note) -> JobResult:
        order.append(note.word)
        return Done()

    async with transaction(database, SYSTEM) as tx:
        await publish(tx, NOTE, Note(word="urgent"), delay=3600, priority=1)
        await publish(tx, NOTE, Note(word="plain"))
    assert sorted(map(str, await column(database, "waits_for"))) == ["None", "time"]
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("UPDATE clock_offset SET shift = interval '2 hours'")
    async with working(database, handle, settings=WorkerSettings(concurrency=1, poll=0.05)):
        await until(database, "completed", 2)
    assert order == ["urgent", "plain"]


async def test_the_number_of_places_is_configured(database: Database) -> None:
    running, most = 0, 0

    async def handle(_: JobContext, __: Note) -> JobResult:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return Done()

    await publish_words(database, list("abcdefgh"))
    await work_off(
        database, {"note": Registered(NOTE, handle)}, "completed", 8, changed={MAX_CONCURRENT_JOBS: 2}
    )
    assert most == 2


async def test_what_ended_long_ago_is_removed_and_the_rest_stays(database: Database, admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("ALTER TABLE background_jobs DISABLE TRIGGER touch_updated_at")
        admin.execute("""
            INSERT INTO background_jobs (job_type, payload, status, updated_at)
            SELECT 'note', '{}', status, timezone('UTC', now()) - days * interval '1 day'
            FROM unnest(ARRAY['completed', 'failed', 'cancelled', 'pending', 'processing']) AS status,
                 unnest(ARRAY[1, 8, 29, 31, 400, 0.4, 0.6]) AS days
        """)
        admin.execute("ALTER TABLE background_jobs ENABLE TRIGGER touch_updated_at")
    async with transaction(database, SYSTEM) as tx:
        await publish(tx, PRUNE_JOBS, Nothing())
    stopping = asyncio.Event()
    worker = asyncio.create_task(
        run_worker(
            database,
            {"prune_jobs": registered_handlers({})["prune_jobs"]},
            stopping=stopping,
            config=Configuration.of_defaults({CANCELLED_JOBS_RETENTION: Decimal("0.5")}),
            settings=QUICK,
        )
    )
    async with asyncio.timeout(10):
        while {"removed": 2 + 4 + 6} not in await column(database, "result"):
            await asyncio.sleep(0.02)
    stopping.set()
    await worker
    left = Counter(map(str, await column(database, "status")))
    assert left == {"completed": 5 + 1, "failed": 3, "cancelled": 1, "pending": 7, "processing": 7}
