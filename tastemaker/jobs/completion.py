"""Jobs that are done are written down together: while one statement is under way, the next ones gather.

A worker of short jobs writes many ends in one transaction without waiting for any; one of long jobs writes
each at once. A job holds its place until its end is committed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import TextClause

from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database
from tastemaker.db.reading import write_all
from tastemaker.events.service import all_together
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


@dataclass(frozen=True, slots=True)
class Ending:
    """A job that is done, and who waits for it to be written. False: it was not ours any more."""

    done: DoneJob
    settled: asyncio.Future[bool]


@dataclass(slots=True)
class Completing:
    """Of one worker. `wake` calls whoever takes what has gathered; without it, it is written here."""

    database: Database
    wake: asyncio.Event | None = None
    gathered: list[Ending] = field(default_factory=list)
    _writer: asyncio.Task[None] | None = None

    async def complete(self, done: DoneJob) -> bool:
        """False: the job was not ours any more, and nothing changed."""
        ending = Ending(done, asyncio.get_running_loop().create_future())
        self.gathered.append(ending)
        self._call()
        return await ending.settled

    def take(self) -> list[Ending]:
        """What has gathered; it is the caller's to write."""
        taken, self.gathered = self.gathered[:MOST_AT_ONCE], self.gathered[MOST_AT_ONCE:]
        return taken

    def write_here(self) -> None:
        """Nobody takes any more what gathers."""
        self.wake = None
        if self.gathered:
            self._call()

    async def close(self) -> None:
        """Wait until what was gathered is written."""
        if self._writer is not None:
            await self._writer

    def _call(self) -> None:
        if self.wake is not None:
            self.wake.set()
        elif self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self.gathered:
            await write(self.database, self.take())
        self._writer = None


async def write(database: Database, endings: Sequence[Ending]) -> None:
    """In one round trip, or else one by one: a result that cannot be kept is its job's failure alone."""
    if not endings:
        return
    try:
        await _write_together(database, endings)
    except Exception as error:  # noqa: BLE001 - each is tried again by itself, and its job is told
        log.debug("%d ends were not written together: %s", len(endings), type(error).__name__)
        for ending in endings:
            await _write_one(database, ending)


async def _write_together(database: Database, endings: Sequence[Ending]) -> None:
    settled_by(endings, await write_all(database, SYSTEM, *to_complete(endings)))


async def _write_one(database: Database, ending: Ending) -> None:
    try:
        await _write_together(database, [ending])
    except Exception as error:  # noqa: BLE001 - it is raised where the job waits for its end
        if not ending.settled.done():
            ending.settled.set_exception(error)


def to_complete(endings: Sequence[Ending]) -> list[tuple[TextClause, dict[str, Any]]]:
    """The statements that write these ends, with the events of those that are told."""
    if not endings:
        return []
    ended = [(ending.done.job, ending.done.result) for ending in endings]
    told = [
        end_event(job, JobCompleted(job_type=job.job_type, attempt=job.attempt))
        for job in (ending.done.job for ending in endings if ending.done.is_told)
    ]
    complete = (queries.COMPLETE, queries.ends(ended))
    return [complete, (queries.TELL_COMPLETED, all_together(told))] if told else [complete]


def settled_by(endings: Sequence[Ending], answers: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    """Tell who waits, from the answers to `to_complete`."""
    if not endings:
        return
    ours = {row["id"] for row in answers[0]}
    for ending in endings:
        if not ending.settled.done():
            ending.settled.set_result(ending.done.job.id in ours)
