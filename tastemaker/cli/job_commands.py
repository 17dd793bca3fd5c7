"""`tastemaker jobs …`: the queue, and the operator's hand on it."""

from typing import Any

import tastemaker.runtime  # noqa: F401 - every type that a worker handles registers itself
from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import UNKNOWN, counted, moment
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session
from tastemaker.cli.table import Column
from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope
from tastemaker.db.enums import JobStatus
from tastemaker.jobs.reading_queries import (
    StoredJob,
    cancel_job,
    list_jobs,
    list_jobs_by_prefix,
    retry_failed,
)
from tastemaker.jobs.registry import registered_types

SHORTEST_REFERENCE = 6
COLUMNS = (
    Column(title="Job", least=8),
    Column(title="Type", least=12),
    Column(title="Status", least=10),
    Column(title="Tried", right=True, rank=1),
    Column(title="Due (UTC)", least=16, rank=2),
    Column(title="Error", least=12, most=80, rank=3, style="dim"),
)


async def show_jobs(
    session: Session, *, status: str | None, job_type: str | None, limit: int, as_json: bool
) -> None:
    async with session_scope(session.database, SYSTEM) as reading:
        jobs = await list_jobs(reading, status=_status(status), job_type=job_type, limit=limit)
    if as_json:
        screen.write_json({"jobs": [_document(job) for job in jobs]})
    elif not jobs:
        screen.show("There is no such job.")
    else:
        show_table(COLUMNS, [_row(job) for job in jobs])
        unknown = sorted({job.job_type for job in jobs} - set(registered_types()))
        if unknown:
            screen.say(f"No worker of this version handles {', '.join(map(plain, unknown))}.", style="yellow")


async def show_job(session: Session, reference: str, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as reading:
        job = _only(await list_jobs_by_prefix(reading, _prefix(reference)))
    if as_json:
        screen.write_json({"job": _document(job)})
        return
    screen.show(f"{plain(job.job_type)} {job.id}")
    done = UNKNOWN if job.progress is None else f"{job.progress:.0f} %"
    screen.show(f"{job.status}, tried {counted(job.attempt, 'time')}, progress {done}")
    screen.show(
        f"Made {moment(job.created_at)}, due {moment(job.scheduled_for)}, begun {moment(job.started_at)}"
    )
    screen.show(f"Carries {plain(str(dict(job.payload)))}")
    if job.result:
        screen.show(f"Result {plain(str(dict(job.result)))}")
    if job.error:
        screen.say(plain(job.error), style="yellow")


async def retry(session: Session, reference: str | None, *, job_type: str | None, as_json: bool) -> None:
    if (reference is None) == (job_type is None):
        raise InvalidInput("Name one job, or a type with --type.")
    async with session_scope(session.database, SYSTEM) as writing:
        job_id = None
        if reference is not None:
            job = _only(await list_jobs_by_prefix(writing, _prefix(reference)))
            if job.status is not JobStatus.FAILED:
                raise Conflict(f"This job is {job.status}; only one that was given up can be tried again.")
            job_id = job.id
        count = await retry_failed(writing, job_id=job_id, job_type=job_type)
    if job_type is not None and count == 0 and job_type not in registered_types():
        raise NotFound(f"There is no job of type {job_type[:60]!r}; `tastemaker jobs list` shows them.")
    if as_json:
        screen.write_json({"retried": count})
    else:
        screen.show(f"{counted(count, 'job')} back in the queue.")


async def cancel(session: Session, reference: str, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as writing:
        job = _only(await list_jobs_by_prefix(writing, _prefix(reference)))
        if not await cancel_job(writing, job.id):
            raise Conflict(f"This job has ended: it is {job.status}.")
    if as_json:
        screen.write_json({"cancelled": str(job.id)})
    else:
        screen.show("Cancelled. Where it is running it is stopped within seconds.")


def _status(word: str | None) -> JobStatus | None:
    if word is None:
        return None
    try:
        return JobStatus(word.strip().lower())
    except ValueError:
        raise InvalidInput(f"A job is {', '.join(JobStatus)}; {word[:40]!r} is none of them.") from None


def _prefix(reference: str) -> str:
    prefix = reference.strip().lower()
    if len(prefix) < SHORTEST_REFERENCE or not set(prefix) <= set("0123456789abcdef-"):
        raise NotFound("There is no such job.")
    return prefix


def _only(found: list[StoredJob]) -> StoredJob:
    if len(found) > 1:
        raise Conflict("More than one job's id starts like this.")
    if not found:
        raise NotFound("There is no such job.")
    return found[0]


def _row(job: StoredJob) -> tuple[str, ...]:
    return (
        str(job.id)[:8],
        plain(job.job_type),
        job.status.value,
        str(job.attempt),
        moment(job.scheduled_for),
        plain(job.error or ""),
    )


def _document(job: StoredJob) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "type": job.job_type,
        "status": job.status.value,
        "priority": job.priority,
        "attempt": job.attempt,
        "retries": job.retry_count,
        "max_retries": job.max_retries,
        "progress": job.progress,
        "due": job.scheduled_for.isoformat(),
        "waits_for": job.waits_for,
        "made": job.created_at.isoformat(),
        "begun": job.started_at and job.started_at.isoformat(),
        "completed": job.completed_at and job.completed_at.isoformat(),
        "failed": job.failed_at and job.failed_at.isoformat(),
        "error": job.error,
        "user": job.tenant_id,
        "correlation_id": job.correlation_id,
        "payload": dict(job.payload),
        "result": None if job.result is None else dict(job.result),
    }
