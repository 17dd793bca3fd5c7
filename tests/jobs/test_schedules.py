"""A schedule is due once, whoever looks; after a time without workers it runs once."""

import asyncio
from datetime import timedelta

import psycopg
import pytest

from tastemaker.core.errors import NotFound
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.jobs.schedules import (
    Nothing,
    Schedule,
    declare,
    known_schedules,
    list_schedules,
    run_next,
    run_now,
    run_schedules,
    scheduled,
)
from tastemaker.jobs.types import JobType
from tests.jobs.notes import claimed, column

SWEEP = Schedule(
    name="sweep", every=timedelta(minutes=10), job=JobType(name="note", payload=Nothing), meaning="Sweeps."
)


def move_clock(admin_url: str, minutes: float) -> None:
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("UPDATE clock_offset SET shift = shift + %s", (timedelta(minutes=minutes),))


async def run_all(database: Database) -> int:
    count = 0
    while await run_next(database, [SWEEP]) is not None:
        count += 1
    return count


async def row(database: Database, column_name: str) -> object:
    async with transaction(database, SYSTEM) as tx:
        asked = statement(f"SELECT {column_name} FROM schedules WHERE name = 'sweep'", object)  # noqa: S608 - a literal of this file
        return await tx.one(asked)


async def test_it_is_due_once_however_many_look(database: Database, admin_url: str) -> None:
    await asyncio.gather(*(declare(database, [SWEEP]) for _ in range(5)))
    assert sum(await asyncio.gather(*(run_all(database) for _ in range(8)))) == 1
    assert len(await column(database, "id")) == 1
    move_clock(admin_url, 9)
    assert await run_all(database) == 0
    await claimed(database)
    move_clock(admin_url, 1.1)
    assert sum(await asyncio.gather(*(run_all(database) for _ in range(8)))) == 1
    assert len(await column(database, "id")) == 2


async def test_after_a_night_without_workers_it_runs_once_and_keeps_its_beat(
    database: Database, admin_url: str
) -> None:
    await declare(database, [SWEEP])
    await run_all(database)
    first = await row(database, "next_run_at")
    await claimed(database)
    move_clock(admin_url, 8 * 60 + 3)
    assert await run_all(database) == 1
    beat = await row(database, "extract(epoch FROM next_run_at - app_now())::float")
    assert isinstance(beat, float)
    assert 0 < beat <= 600
    after = await row(database, "next_run_at")
    assert (after - first).total_seconds() % 600 == 0  # type: ignore[operator]  # both are times


async def test_one_whose_job_still_waits_publishes_no_second(database: Database, admin_url: str) -> None:
    await declare(database, [SWEEP])
    await run_all(database)
    move_clock(admin_url, 11)
    assert await run_all(database) == 1
    assert len(await column(database, "id")) == 1
    assert await row(database, "last_job_id") is None


async def test_a_changed_cadence_holds_from_now_on(database: Database, admin_url: str) -> None:
    await declare(database, [SWEEP])
    await run_all(database)
    quicker = Schedule(name="sweep", every=timedelta(minutes=1), job=SWEEP.job, meaning="Sweeps.")
    await declare(database, [quicker])
    await claimed(database)
    move_clock(admin_url, 1.1)
    assert await run_next(database, [quicker]) == "sweep"


async def test_the_loop_publishes_and_stops(database: Database) -> None:
    stopping = asyncio.Event()
    task = asyncio.create_task(
        run_schedules(database, stopping=stopping, schedules=[SWEEP], poll_seconds=0.05)
    )
    async with asyncio.timeout(10):
        while not await column(database, "id"):
            await asyncio.sleep(0.02)
    stopping.set()
    async with asyncio.timeout(5):
        await task


async def test_an_operator_runs_one_out_of_turn(database: Database) -> None:
    if all(one.name != "sweep" for one in known_schedules()):
        scheduled(SWEEP)
    async with transaction(database, SYSTEM) as tx:
        assert await run_now(tx, "sweep") is not None
        assert await run_now(tx, "sweep") is None
        with pytest.raises(NotFound, match="there are"):
            await run_now(tx, "swoop")
        (known,) = [one for one in await list_schedules(tx) if one.schedule is SWEEP]
    assert known.last_run_at is not None
