"""`tastemaker schedules …`: what runs again and again."""

from typing import Any

import tastemaker.runtime  # noqa: F401 - every schedule of a worker registers itself
from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import moment
from tastemaker.cli.session import Session
from tastemaker.cli.table import Column
from tastemaker.config_store.values import write_duration
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope
from tastemaker.jobs.schedules import Standing, list_standings, run_now

COLUMNS = (
    Column(title="Schedule", least=16),
    Column(title="Every", right=True),
    Column(title="Last (UTC)", least=16),
    Column(title="Next (UTC)", least=16),
    Column(title="Meaning", least=20, most=110, rank=1),
)


async def show_schedules(session: Session, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as reading:
        standings = await list_standings(reading)
    if as_json:
        screen.write_json({"schedules": [_document(one) for one in standings]})
    else:
        show_table(COLUMNS, [_row(one) for one in standings])


async def run(session: Session, name: str, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as writing:
        job_id = await run_now(writing, name)
    if as_json:
        screen.write_json({"job": job_id and str(job_id)})
    elif job_id is None:
        screen.show("Its job is waiting already.")
    else:
        screen.show(f"Published as job {job_id}; a worker (`tastemaker work`) does it.")


def _row(standing: Standing) -> tuple[str, ...]:
    schedule = standing.schedule
    return (
        schedule.name,
        write_duration(schedule.every),
        moment(standing.last_run_at),
        moment(standing.next_run_at),
        schedule.meaning,
    )


def _document(standing: Standing) -> dict[str, Any]:
    schedule = standing.schedule
    return {
        "name": schedule.name,
        "every_seconds": schedule.every.total_seconds(),
        "job": schedule.job.name,
        "meaning": schedule.meaning,
        "last": standing.last_run_at and standing.last_run_at.isoformat(),
        "next": standing.next_run_at and standing.next_run_at.isoformat(),
        "last_job": standing.last_job_id and str(standing.last_job_id),
    }
