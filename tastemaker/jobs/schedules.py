"""What runs again and again: declared in the slices' `tasks` modules, due once across all workers.

A schedule publishes a job and moves on; the job is a job like any other. One that is late by an hour runs
once, not sixty times.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel

from tastemaker.core.errors import NotFound
from tastemaker.core.logging import get_logger
from tastemaker.core.waiting import wait_for
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import DATABASE_TROUBLE, Transaction, in_transaction
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import JobType

POLL_SECONDS = 1.0

log = get_logger(__name__)


class Nothing(BaseModel):
    """The payload of a job that needs to know nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`job` is published every so often; `meaning` is for readers of the list."""

    name: str
    every: timedelta
    job: JobType[Nothing]
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSchedule:
    """A schedule with its row; None where no worker has declared it yet."""

    schedule: Schedule
    next_run_at: datetime | None = None
    last_run_at: datetime | None = None
    last_job_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class _ScheduleRow:
    name: str
    next_run_at: datetime
    last_run_at: datetime | None
    last_job_id: UUID | None


DECLARE = statement("""
    INSERT INTO schedules AS known (name, every, next_run_at) VALUES (%(name)s, %(every)s, app_now())
    ON CONFLICT (name) DO UPDATE SET every = excluded.every,
        next_run_at = least(known.next_run_at, app_now() + excluded.every)
    WHERE known.every <> excluded.every
""")

TAKE_DUE = statement(
    """
    SELECT name FROM schedules WHERE next_run_at <= app_now() AND name = ANY(%(names)s)
    ORDER BY next_run_at LIMIT 1 FOR UPDATE SKIP LOCKED
""",
    str,
)

LOCK = statement("SELECT name FROM schedules WHERE name = %(name)s FOR UPDATE", str)

MOVE_ON = statement("""
    UPDATE schedules
    SET last_run_at = app_now(), last_job_id = %(job_id)s,
        next_run_at = next_run_at + every * (1 + floor(
            extract(epoch FROM app_now() - next_run_at) / extract(epoch FROM every))::double precision)
    WHERE name = %(name)s
""")

LIST = statement("SELECT name, next_run_at, last_run_at, last_job_id FROM schedules", _ScheduleRow)

_scheduled: dict[str, Schedule] = {}


def scheduled(schedule: Schedule) -> Schedule:
    """Declare a schedule; it runs wherever a worker has imported the module."""
    if _scheduled.setdefault(schedule.name, schedule) != schedule:
        raise ValueError(f"the schedule {schedule.name!r} is declared twice")
    return schedule


def known_schedules() -> Sequence[Schedule]:
    """By name."""
    return tuple(_scheduled[name] for name in sorted(_scheduled))


async def run_schedules(
    database: Database,
    *,
    stopping: asyncio.Event,
    schedules: Sequence[Schedule] | None = None,
    poll_seconds: float = POLL_SECONDS,
) -> None:
    """Publish what is due until `stopping` is set. Any number of processes may do it at once."""
    known = known_schedules() if schedules is None else schedules
    is_declared = False
    while not stopping.is_set():
        try:
            if not is_declared:
                await declare(database, known)
                is_declared = True
            while await run_next(database, known) is not None:
                pass
        except DATABASE_TROUBLE as error:
            log.warning("the database is out of reach, schedules wait: %s", type(error).__name__)
        await wait_for(stopping, within=poll_seconds)


async def declare(database: Database, schedules: Sequence[Schedule]) -> None:
    """A new schedule is due at once; a changed cadence holds from now on."""

    async def work(tx: Transaction) -> None:
        for schedule in schedules:
            await tx.run(DECLARE, name=schedule.name, every=schedule.every)

    await in_transaction(database, SYSTEM, work)


async def run_next(database: Database, schedules: Sequence[Schedule]) -> str | None:
    """Publish the job of one schedule that is due; its name, or None when none is."""
    by_name = {schedule.name: schedule for schedule in schedules}

    async def work(tx: Transaction) -> str | None:
        name = await tx.one(TAKE_DUE, names=list(by_name))
        if name is not None:
            await _publish(tx, by_name[name])
        return name

    return await in_transaction(database, SYSTEM, work)


async def run_now(tx: Transaction, name: str) -> UUID | None:
    """Publish a schedule's job out of turn; None when one waits already. Raises NotFound."""
    schedule = _scheduled.get(name)
    if schedule is None:
        names = ", ".join(one.name for one in known_schedules())
        raise NotFound(f"There is no schedule {name[:60]!r}; there are {names}.")
    await tx.run(DECLARE, name=schedule.name, every=schedule.every)
    await tx.run(LOCK, name=name)
    return await _publish(tx, schedule)


async def list_schedules(tx: Transaction) -> list[KnownSchedule]:
    """Every schedule this code knows, by name."""
    rows = {row.name: row for row in await tx.many(LIST)}
    return [_with_row(schedule, rows.get(schedule.name)) for schedule in known_schedules()]


async def _publish(tx: Transaction, schedule: Schedule) -> UUID | None:
    key = f"schedule:{schedule.name}"
    job_id = await publish(tx, schedule.job, Nothing(), dedupe_key=key, lock_key=key, correlation_id=key)
    await tx.run(MOVE_ON, name=schedule.name, job_id=job_id)
    return job_id


def _with_row(schedule: Schedule, row: _ScheduleRow | None) -> KnownSchedule:
    if row is None:
        return KnownSchedule(schedule=schedule)
    return KnownSchedule(
        schedule=schedule,
        next_run_at=row.next_run_at,
        last_run_at=row.last_run_at,
        last_job_id=row.last_job_id,
    )
