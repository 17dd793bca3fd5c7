"""Jobs that are done are written down together: while one statement is under way, the next ones gather.

A worker of short jobs writes many ends in one transaction without waiting for any; one of long jobs writes
each at once. A job holds its place until its end is committed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg.rows import scalar_row
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import JobId
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database, in_transaction
from tastemaker.db.reading import write_all
from tastemaker.events.service import record_many
from tastemaker.events.system_payloads import JobCompleted
from tastemaker.jobs import queries
from tastemaker.jobs.ends import end_event
from tastemaker.jobs.types import ClaimedJob

MOST_AT_ONCE: Final = 500

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DoneJob:
    """A job whose handler has answered. `is_told`: its end is an event."""

    job: ClaimedJob
    result: Mapping[str, Any] | None
    is_told: bool


@dataclass(slots=True)
class Completing:
    """Of one worker."""

    database: Database
    _gathered: list[tuple[DoneJob, asyncio.Future[bool]]] = field(default_factory=list)
    _writer: asyncio.Task[None] | None = None

    async def complete(self, done: DoneJob) -> bool:
        """False: the job was not ours any more, and nothing changed."""
        settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._gathered.append((done, settled))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return await settled

    async def close(self) -> None:
        """Wait until what was gathered is written."""
        if self._writer is not None:
            await self._writer

    async def _write(self) -> None:
        while self._gathered:
            batch, self._gathered = self._gathered[:MOST_AT_ONCE], self._gathered[MOST_AT_ONCE:]
            try:
                await self._write_together(batch)
            except Exception as error:  # noqa: BLE001 - each is tried again by itself, and its job is told
                log.debug("%d ends were not written together: %s", len(batch), type(error).__name__)
                await self._write_singly(batch)
        self._writer = None

    async def _write_together(self, batch: Sequence[tuple[DoneJob, asyncio.Future[bool]]]) -> None:
        ours = await _complete(self.database, [done for done, _ in batch])
        for done, settled in batch:
            if not settled.done():
                settled.set_result(done.job.id in ours)

    async def _write_singly(self, batch: Sequence[tuple[DoneJob, asyncio.Future[bool]]]) -> None:
        """So that a result that cannot be kept is its job's failure and nobody else's."""
        for one in batch:
            try:
                await self._write_together([one])
            except Exception as error:  # noqa: BLE001 - it is raised where the job waits for its end
                if not one[1].done():
                    one[1].set_exception(error)


async def _complete(database: Database, batch: Sequence[DoneJob]) -> set[JobId]:
    """In one round trip where no end is an event."""
    ended = [(done.job, done.result) for done in batch]
    if not any(done.is_told for done in batch):
        rows = await write_all(database, SYSTEM, queries.COMPLETE, queries.ends(ended), row=scalar_row)
        return set(map(JobId, rows))

    async def work(session: AsyncSession) -> set[JobId]:
        ours = await queries.complete(session, ended)
        told = [done.job for done in batch if done.is_told and done.job.id in ours]
        await record_many(
            session,
            [end_event(job, JobCompleted(job_type=job.job_type, attempt=job.attempt)) for job in told],
        )
        return ours

    return await in_transaction(database, SYSTEM, work)
