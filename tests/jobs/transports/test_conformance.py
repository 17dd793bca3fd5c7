"""What holds for every transport: real HTTP where it is one, and the ledger asked by SQL afterwards."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from tastemaker.core.clock import monotonic
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import JobStatus
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.events.context import current_cause
from tastemaker.jobs import queries
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Again, Done, Handlers, JobContext, JobResult, JobType, Registered
from tests.jobs.notes import NOTE, Note, column, publish_words, until
from tests.jobs.transports.lines import QUICK, Line

BROKEN_PROMISES = {
    "a job that is neither done nor waiting": "SELECT id FROM background_jobs WHERE status = 'processing'",
    "an attempt that was not counted": """
        SELECT id FROM background_jobs WHERE status = 'completed' AND attempt < 1""",
    "an end that is told twice, or not": """
        SELECT j.id FROM background_jobs j WHERE j.status IN ('completed', 'failed') AND 1 <> (
            SELECT count(*) FROM events e WHERE e.aggregate_id = j.id::text
              AND e.event_type IN ('job_completed', 'job_failed'))""",
    "a message in a relay's hands": "SELECT id FROM outbox_messages WHERE status = 'sending'",
}


async def assert_promises(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        for promise, violation in BROKEN_PROMISES.items():
            assert await tx.many(statement(violation, object)) == [], promise


class Heard:
    """A handler that keeps what it heard, and does as it was told for a word."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.given_up: list[str] = []
        self.at_once = self.most_at_once = 0
        self.pause = 0.0

    async def __call__(self, context: JobContext, note: Note) -> JobResult:
        self.words.append(note.word)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.pause)
        finally:
            self.at_once -= 1
        times = Counter(self.words)[note.word]
        if note.word.startswith("fails") or (note.word.startswith("stumbles") and times == 1):
            raise ValueError("as told")
        if note.word.startswith("again") and times < 3:
            return Again(0.05)
        return Done({"said": note.word.upper(), "attempt": context.job.attempt})

    async def forget(self, tx: Transaction, note: Note) -> None:
        self.given_up.append(note.word)

    @property
    def handlers(self) -> Handlers:
        return {NOTE.name: Registered(NOTE, self, self.forget)}


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def test_each_job_runs_once_and_keeps_its_result(line: Line, heard: Heard) -> None:
    words = [f"word {number}" for number in range(25)]
    await publish_words(line.database, words)
    async with line.working(heard.handlers):
        await until(line.database, "completed", 25)
    assert Counter(heard.words) == Counter(words)
    assert {str(result) for result in await column(line.database, "result")} == {
        str({"said": word.upper(), "attempt": 1}) for word in words
    }
    await assert_promises(line.database)


async def test_what_is_published_while_it_works_begins_at_once(line: Line, heard: Heard) -> None:
    async with line.working(heard.handlers):
        await asyncio.sleep(0.3)
        await publish_words(line.database, ["now"])
        await until(line.database, "completed", 1)
    assert heard.words == ["now"]


async def test_nothing_begins_before_its_time(line: Line, heard: Heard) -> None:
    async with transaction(line.database, SYSTEM) as tx:
        await publish(tx, NOTE, Note(word="later"), delay=1.2)
        await publish(tx, NOTE, Note(word="in a year"), delay=timedelta(days=365).total_seconds())
    begun = monotonic()
    async with line.working(heard.handlers):
        await until(line.database, "completed", 1)
    assert monotonic() - begun > 1.0
    assert heard.words == ["later"]


async def test_once_more_is_no_failure(line: Line, heard: Heard) -> None:
    await publish_words(line.database, ["again"])
    async with line.working(heard.handlers):
        await until(line.database, "completed", 1)
    assert heard.words == ["again"] * 3
    assert await column(line.database, "retry_count") == [0]
    assert await column(line.database, "attempt") == [3]
    await assert_promises(line.database)


async def test_a_failure_is_retried_and_forgotten(line: Line, heard: Heard) -> None:
    await publish_words(line.database, ["stumbles"])
    async with line.working(heard.handlers):
        await until(line.database, "completed", 1)
    assert heard.words == ["stumbles"] * 2
    assert await column(line.database, "error") == [None]


async def test_what_always_fails_is_a_dead_letter_that_can_be_replayed(line: Line, heard: Heard) -> None:
    await publish_words(line.database, ["fails", "goes on"])
    async with line.working(heard.handlers):
        await until(line.database, "failed", 1)
        await until(line.database, "completed", 1)
        assert heard.words.count("fails") == 1 + NOTE.max_retries
        assert heard.given_up == ["fails"]
        async with transaction(line.database, SYSTEM) as tx:
            (dead,) = await queries.list_jobs(tx, status=JobStatus.FAILED, job_type=None, limit=10)
            assert "as told" in (dead.error or "")
            heard.words.clear()
            assert await queries.retry_failed(tx, job_id=dead.id, job_type=None) == 1
        await until(line.database, "failed", 1)
        async with asyncio.timeout(10):
            while heard.given_up != ["fails"] * 2:
                await asyncio.sleep(0.02)
    assert heard.words.count("fails") == 1 + NOTE.max_retries


async def test_one_of_a_key_runs_at_a_time(line: Line, heard: Heard) -> None:
    heard.pause = 0.1
    async with transaction(line.database, SYSTEM) as tx:
        for number in range(4):
            await publish(tx, NOTE, Note(word=f"{number}"), lock_key="one")
    async with line.working(heard.handlers):
        await until(line.database, "completed", 4, within=30)
    assert sorted(heard.words) == ["0", "1", "2", "3"]
    assert heard.most_at_once == 1
    await assert_promises(line.database)


async def test_a_job_that_takes_longer_than_its_lease_stays_with_its_holder(line: Line, heard: Heard) -> None:
    heard.pause = 2.5
    await publish_words(line.database, ["slow"])
    async with line.working(heard.handlers):
        await until(line.database, "completed", 1)
    assert heard.words == ["slow"]


async def test_what_a_dead_process_held_begins_again(line: Line, heard: Heard) -> None:
    """The row says that somebody has it; nobody has."""
    await publish_words(line.database, ["left behind"])
    async with transaction(line.database, SYSTEM) as tx:
        await tx.run(
            statement("UPDATE background_jobs SET status = 'processing', attempt = 1, worker = 'nobody:0:x',"
                 " lease_until = app_now() + interval '1 second'")
        )  # fmt: skip
    async with line.working(heard.handlers):
        await until(line.database, "completed", 1)
    assert heard.words == ["left behind"]
    assert await column(line.database, "attempt") == [2]


async def test_told_to_stop_it_hands_back_what_does_not_end(line: Line, heard: Heard) -> None:
    heard.pause = 60
    await publish_words(line.database, ["endless"])
    async with line.working(heard.handlers):
        async with asyncio.timeout(10):
            while not heard.words:
                await asyncio.sleep(0.02)
    assert await column(line.database, "status") == ["pending"]
    assert await column(line.database, "retry_count") == [0]


async def test_a_cancelled_job_is_not_run(line: Line, heard: Heard) -> None:
    async with transaction(line.database, SYSTEM) as tx:
        job_id = await publish(tx, NOTE, Note(word="cancelled"), delay=0.8)
        await publish(tx, NOTE, Note(word="kept"), delay=0.8)
        assert job_id is not None
    async with line.working(heard.handlers):
        await asyncio.sleep(0.3)
        async with transaction(line.database, SYSTEM) as tx:
            assert await queries.cancel_job(tx, job_id)
        await until(line.database, "completed", 1)
    assert heard.words == ["kept"]


async def test_a_job_works_in_the_chain_and_for_the_tenant_that_published_it(line: Line) -> None:
    told: list[tuple[str | None, ExternalUserId | None]] = []

    async def listen(context: JobContext, note: Note) -> JobResult:
        told.append((current_cause().correlation_id, context.job.tenant_id))
        return Done()

    async with transaction(line.database, SYSTEM) as tx:
        await publish(tx, NOTE, Note(word="x"), tenant_id=ExternalUserId("anna"), correlation_id="chain 1")
    async with line.working({NOTE.name: Registered(NOTE, listen)}):
        await until(line.database, "completed", 1)
    assert told == [("chain 1", "anna")]


async def test_a_payload_that_does_not_fit_has_failed_for_good(line: Line, heard: Heard) -> None:
    other = JobType(name=NOTE.name, payload=type("Other", (Note,), {}))
    async with transaction(line.database, SYSTEM) as tx:
        await publish(tx, other, Note(word="x"))
        await tx.run(statement("UPDATE background_jobs SET payload = '{\"word\": 5}'"))
    async with line.working(heard.handlers):
        await until(line.database, "failed", 1)
    assert heard.words == []


async def test_what_this_process_does_not_know_waits_for_another(line: Line, heard: Heard) -> None:
    unknown = JobType(name="unknown_here", payload=Note)
    async with transaction(line.database, SYSTEM) as tx:
        await publish(tx, unknown, Note(word="waits"))
    await publish_words(line.database, ["known"])
    async with line.working(heard.handlers):
        await until(line.database, "completed", 1)
        await asyncio.sleep(0.3)
    assert sorted(str(status) for status in await column(line.database, "status")) == ["completed", "pending"]


async def test_a_frozen_process_that_wakes_up_changes_nothing(line: Line, heard: Heard) -> None:
    """Its job was taken over: what it says of its end is not believed."""
    asleep, woken = asyncio.Event(), asyncio.Event()

    async def freeze(context: JobContext, note: Note) -> JobResult:
        if context.job.attempt == 1:
            async with transaction(line.database, SYSTEM) as tx:
                await tx.run(
                    statement(
                        "UPDATE background_jobs SET worker = NULL, lease_until = app_now() - interval '1 h'"
                    )
                )
            asleep.set()
            await woken.wait()
            return Done({"by": "the frozen one"})
        woken.set()
        return Done({"by": "the new one"})

    frozen = {NOTE.name: Registered(NOTE, freeze)}
    await publish_words(line.database, ["x"])
    calm = type(line)(line.database, line.transport, line.twin, line.config)
    silent = replace(QUICK, heartbeat=60)
    async with line.working(frozen, settings=silent), calm.working(frozen, settings=silent):
        await asleep.wait()
        await until(line.database, "completed", 1)
        await asyncio.sleep(0.3)
    assert await column(line.database, "result") == [{"by": "the new one"}]
    assert await column(line.database, "attempt") == [2]
