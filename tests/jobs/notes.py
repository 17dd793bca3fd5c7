"""Jobs that carry a word, and the verbs that tests of the queue share."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

from pydantic import BaseModel

from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.jobs import claim_queries
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import ClaimedJob, GivenUp, Handler, JobType, Registered
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings

QUICK = WorkerSettings(poll=0.05, heartbeat=0.2, lease=1.0, grace=0.6, stop_within=1.0)


class Note(BaseModel):
    word: str


NOTE = JobType(name="note", payload=Note, max_retries=2)


async def claimed(
    database: Database, *, batch: int = 100, lease: float = 30, only: Collection[str] | None = None
) -> list[ClaimedJob]:
    return await claim_queries.claim(
        database, worker="test", job_types=["note"], batch=batch, lease=lease, only=only
    )


async def publish_words(database: Database, words: Sequence[str]) -> None:
    async with transaction(database, SYSTEM) as tx:
        for word in words:
            await publish(tx, NOTE, Note(word=word))


async def column(database: Database, name: str) -> list[object]:
    async with transaction(database, SYSTEM) as tx:
        return await tx.many(statement(f"SELECT {name} FROM background_jobs", object))  # noqa: S608 - a literal of this file


async def until(database: Database, status: str, count: int, *, within: float = 40) -> None:
    async with asyncio.timeout(within):
        while (await column(database, "status")).count(status) < count:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def working(
    database: Database,
    handler: Handler,
    *,
    settings: WorkerSettings = QUICK,
    given_up: GivenUp | None = None,
) -> AsyncIterator[None]:
    """A worker beside the block."""
    stopping = asyncio.Event()
    handlers = {"note": Registered(NOTE, handler, given_up)}
    task = asyncio.create_task(run_worker(database, handlers, stopping=stopping, settings=settings))
    try:
        yield
    finally:
        stopping.set()
        await task
