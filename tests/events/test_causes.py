"""Events know the job that they were recorded in, and jobs the chain that they were published in."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
import pytest
from pydantic import BaseModel

from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.events.context import caused_by, current_cause
from tastemaker.events.names import Source
from tastemaker.events.service import record
from tastemaker.jobs.registry import registered_handlers
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Done, Handlers, JobContext, JobResult, JobType, Registered
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.ops.tasks import CHECK_EVENT_LAG
from tests.events.dispatching import ask, campaign, of, subscriber, until, write


class Step(BaseModel):
    last: bool


STEP = JobType("test_step", Step)


@asynccontextmanager
async def working(database: Database, handlers: Handlers) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    worker = asyncio.create_task(
        run_worker(database, handlers, stopping=stopping, settings=WorkerSettings(poll=0.1))
    )
    try:
        yield
    finally:
        stopping.set()
        await worker


async def test_a_request_its_jobs_and_their_events_are_one_chain(database: Database) -> None:
    async def step(context: JobContext, message: Step) -> JobResult:
        async with transaction(context.database, SYSTEM) as tx:
            new = campaign(f"{context.job.id}")
            await record(tx, new.payload, aggregate_id=new.aggregate_id, source=Source.QSTASH_JOB)
            if not message.last:
                await publish(tx, STEP, Step(last=True))
        return Done()

    with caused_by(correlation_id="request-7"):
        async with transaction(database, SYSTEM) as tx:
            await publish(tx, STEP, Step(last=False))
    async with working(database, {STEP.name: Registered(STEP, step)}):
        await until(database, "SELECT count(*) = 2 FROM background_jobs WHERE status = 'completed'")
    told = await ask(
        database,
        "SELECT correlation_id, causation_id, aggregate_id FROM events WHERE event_type <> 'job_completed'",
    )
    assert [correlation for correlation, _, _ in told] == ["request-7"] * 2
    assert [cause for _, cause, _ in told] == [job for _, _, job in told]
    assert current_cause().correlation_id is None, "nothing leaks out of the block"


async def test_a_job_warns_of_events_that_nobody_delivers(
    database: Database,
    admin_url: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tastemaker.ops.tasks.known_subscribers", lambda: of(subscriber("one")))
    await write(database, "a")
    with psycopg.connect(admin_url) as admin:
        admin.execute("UPDATE clock_offset SET shift = %s", (timedelta(minutes=10),))
    async with transaction(database, SYSTEM) as tx:
        await publish(tx, CHECK_EVENT_LAG, Nothing())
    with caplog.at_level(logging.WARNING, "tastemaker.events.delivery_queries"):
        async with working(database, registered_handlers({})):
            await until(database, "SELECT status = 'completed' FROM background_jobs")
    assert re.search(r"events are 6\d\d s behind: 1 to be handed out", caplog.text)
    [(result,)] = await ask(database, "SELECT result FROM background_jobs")
    assert result["pending"] == 1


async def test_a_job_closes_new_events_where_nothing_subscribes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemaker.ops.tasks.known_subscribers", dict)
    await write(database, "a", "b")
    async with transaction(database, SYSTEM) as tx:
        await publish(tx, CHECK_EVENT_LAG, Nothing())
    async with working(database, registered_handlers({})):
        await until(database, "SELECT status = 'completed' FROM background_jobs")
    assert await ask(database, "SELECT DISTINCT processing_status FROM events") == [("completed",)]
    [(result,)] = await ask(database, "SELECT result FROM background_jobs")
    assert result["pending"] == 0
