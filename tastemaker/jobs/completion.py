"""Completion: jobs whose handler is done are written together; while one statement runs, more gather.

A worker of short jobs completes many in one transaction without waiting for any; one of long jobs completes
each at once. A job holds its place until its completion is committed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import Statement
from tastemaker.db.transaction import write_together
from tastemaker.events.names import Source
from tastemaker.events.service import NewEvent, all_together
from tastemaker.events.system_payloads import JobCompleted, JobFailed
from tastemaker.jobs import queries
from tastemaker.jobs.types import ClaimedJob

MOST_AT_ONCE: Final = 500

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CompletedJob:
    """A job whose handler is done. `records_event`: its completion is an event."""

    job: ClaimedJob
    result: Mapping[str, Any] | None
    records_event: bool


@dataclass(frozen=True, slots=True)
class PendingCompletion:
    """A completion that waits to be written; `settled` is False when the job was not ours any more."""

    completed: CompletedJob
    settled: asyncio.Future[bool]


@dataclass(slots=True)
class BatchCompleter:
    """Of one worker. `wake` calls its claim loop, which writes what gathered; otherwise a task here does."""

    database: Database
    wake: asyncio.Event | None = None
    gathered: list[PendingCompletion] = field(default_factory=list)
    _writer: asyncio.Task[None] | None = None

    async def complete(self, completed: CompletedJob) -> bool:
        """False: the job was not ours any more, and nothing changed."""
        pending = PendingCompletion(completed, asyncio.get_running_loop().create_future())
        self.gathered.append(pending)
        self._request_write()
        return await pending.settled

    def take(self) -> list[PendingCompletion]:
        """What has gathered; the caller writes it."""
        taken, self.gathered = self.gathered[:MOST_AT_ONCE], self.gathered[MOST_AT_ONCE:]
        return taken

    def write_here(self) -> None:
        """From now on no claim loop takes what gathers."""
        self.wake = None
        if self.gathered:
            self._request_write()

    async def close(self) -> None:
        """Wait until what was gathered is written."""
        if self._writer is not None:
            await self._writer

    def _request_write(self) -> None:
        if self.wake is not None:
            self.wake.set()
        elif self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self.gathered:
            await write_completions(self.database, self.take())
        self._writer = None


async def write_completions(database: Database, completions: Sequence[PendingCompletion]) -> None:
    """In one round trip, or else one by one: a result that cannot be stored is its own job's failure."""
    if not completions:
        return
    try:
        await _write_together(database, completions)
    except Exception as error:  # noqa: BLE001 - each is tried again by itself, and its job is told
        log.debug("%d completions were not written together: %s", len(completions), type(error).__name__)
        for completion in completions:
            await _write_one(database, completion)


async def _write_together(database: Database, completions: Sequence[PendingCompletion]) -> None:
    settle_completions(
        completions, await write_together(database, SYSTEM, *completion_statements(completions))
    )


async def _write_one(database: Database, completion: PendingCompletion) -> None:
    try:
        await _write_together(database, [completion])
    except Exception as error:  # noqa: BLE001 - it is raised where the job waits for its completion
        if not completion.settled.done():
            completion.settled.set_exception(error)


def completion_statements(
    completions: Sequence[PendingCompletion],
) -> list[tuple[Statement[Any], dict[str, Any]]]:
    """The statements that complete these jobs, and that record the events of those that record one."""
    if not completions:
        return []
    ended = [(each.completed.job, each.completed.result) for each in completions]
    recorded = [
        end_event(job, JobCompleted(job_type=job.job_type, attempt=job.attempt))
        for job in (each.completed.job for each in completions if each.completed.records_event)
    ]
    complete = (queries.COMPLETE, queries.complete_parameters(ended))
    return [complete, (queries.RECORD_COMPLETED, all_together(recorded))] if recorded else [complete]


def settle_completions(completions: Sequence[PendingCompletion], results: Sequence[Sequence[Any]]) -> None:
    """Tell those who wait, by the rows that `completion_statements` returned."""
    if not completions:
        return
    ours = set(results[0])
    for completion in completions:
        if not completion.settled.done():
            completion.settled.set_result(completion.completed.job.id in ours)


def end_event(job: ClaimedJob, payload: JobCompleted | JobFailed) -> NewEvent:
    """A job that was replayed can end again: each attempt has an end of its own."""
    return NewEvent(
        payload=payload,
        aggregate_id=str(job.id),
        identifier=f"{job.id}_{job.attempt}",
        source=Source.SYSTEM_AUTOMATION,
        tenant_id=job.tenant_id,
        correlation_id=job.correlation_id or str(job.id),
        causation_id=str(job.id),
    )
