"""`tastemaker jobs …` and `tastemaker schedules …`: the queue, and the jobs that are published regularly."""

from functools import partial
from typing import Annotated, Any

import typer

from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.ledgers import Ledger, put_back
from tastemaker.cli.listing import Listing, answer
from tastemaker.cli.options import Json, Limit
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.table import Column
from tastemaker.config_store.values import write_duration
from tastemaker.core.display import UNKNOWN, counted, moment
from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import JobStatus
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.jobs.queries import (
    StoredJob,
    cancel_job,
    list_jobs,
    list_jobs_by_prefix,
    retry_failed,
)
from tastemaker.jobs.registry import registered_types
from tastemaker.jobs.schedules import KnownSchedule, list_schedules, run_now
from tastemaker.runtime import register_tasks

jobs_app = group("jobs")
schedules_app = group("schedules")

Reference = Annotated[str, typer.Argument(metavar="JOB", help="An id, or the start of one.")]
Type = Annotated[str | None, typer.Option("--type", metavar="NAME", help="Only jobs of this type.")]
SHORTEST_REFERENCE = 6

JOB_COLUMNS = (
    Column(title="Job", least=8),
    Column(title="Type", least=12),
    Column(title="Status", least=10),
    Column(title="Tried", right=True, rank=1),
    Column(title="Due (UTC)", least=16, rank=2),
    Column(title="Error", least=12, most=80, rank=3, style="dim"),
)

SCHEDULE_COLUMNS = (
    Column(title="Schedule", least=16),
    Column(title="Every", right=True),
    Column(title="Last (UTC)", least=16),
    Column(title="Next (UTC)", least=16),
    Column(title="Meaning", least=20, most=110, rank=1),
)


def _job_row(job: StoredJob) -> tuple[str, ...]:
    return (
        str(job.id)[:8],
        plain(job.job_type),
        job.status.value,
        str(job.attempt),
        moment(job.scheduled_for),
        plain(job.error or ""),
    )


def _job_document(job: StoredJob) -> dict[str, Any]:
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


def _print_job(job: StoredJob) -> None:
    screen.show(f"{plain(job.job_type)} {job.id}")
    done = UNKNOWN if job.progress is None else f"{job.progress:.0f} %"
    screen.show(f"{job.status}, tried {counted(job.attempt, 'time')}, progress {done}")
    made, due, begun = map(moment, (job.created_at, job.scheduled_for, job.started_at))
    screen.show(f"Created {made}, due {due}, started {begun}")
    screen.show(f"Payload {plain(str(dict(job.payload)))}")
    if job.result:
        screen.show(f"Result {plain(str(dict(job.result)))}")
    if job.error:
        screen.say(plain(job.error), style="yellow")


def _schedule_row(known: KnownSchedule) -> tuple[str, ...]:
    schedule = known.schedule
    return (
        schedule.name,
        write_duration(schedule.every),
        moment(known.last_run_at),
        moment(known.next_run_at),
        schedule.meaning,
    )


def _schedule_document(known: KnownSchedule) -> dict[str, Any]:
    schedule = known.schedule
    return {
        "name": schedule.name,
        "every_seconds": schedule.every.total_seconds(),
        "job": schedule.job.name,
        "meaning": schedule.meaning,
        "last": known.last_run_at and known.last_run_at.isoformat(),
        "next": known.next_run_at and known.next_run_at.isoformat(),
        "last_job": known.last_job_id and str(known.last_job_id),
    }


JOBS: Ledger[StoredJob, StoredJob] = Ledger(
    listing=Listing("jobs", JOB_COLUMNS, _job_row, empty="There is no such job.", document=_job_document),
    statuses=JobStatus,
    list_rows=list_jobs,
    print_one=_print_job,
    document=lambda job: {"job": _job_document(job)},
)
SCHEDULES = Listing(
    "schedules", SCHEDULE_COLUMNS, _schedule_row, empty="There is no schedule.", document=_schedule_document
)


@jobs_app.command("list")
@with_session
async def show_jobs(
    session: Session,
    *,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="WORD", help="pending, processing, completed, failed or cancelled."),
    ] = None,
    job_type: Type = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show jobs, the newest first. --status failed shows the dead letters."""
    jobs = await JOBS.list(session, status=status, job_type=job_type, limit=limit, as_json=as_json)
    unknown = sorted({job.job_type for job in jobs} - _known_types()) if jobs and not as_json else []
    if unknown:
        screen.say(f"No worker of this version handles {', '.join(map(plain, unknown))}.", style="yellow")


@jobs_app.command("show")
@with_session
async def show_job(session: Session, job: Reference, *, as_json: Json = False) -> None:
    """Show a job: its payload, its attempts, and its error."""
    await JOBS.show(session, partial(_find, reference=job), as_json=as_json)


@jobs_app.command()
@with_session
async def retry(
    session: Session,
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="An id, or the start of one.")] = None,
    *,
    job_type: Annotated[
        str | None, typer.Option("--type", metavar="NAME", help="Every failed job of this type.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put a failed job back into the queue, or every failed job of a type."""
    if (job is None) == (job_type is None):
        raise InvalidInput("Name one job, or a type with --type.")

    async def work(tx: Transaction) -> int:
        found = None if job is None else await _find(tx, job)
        if found is not None and found.status is not JobStatus.FAILED:
            raise Conflict(f"This job is {found.status}; only a failed one can be retried.")
        count = await retry_failed(tx, job_id=None if found is None else found.id, job_type=job_type)
        if job_type is not None and count == 0 and job_type not in _known_types():
            raise NotFound(f"There is no job of type {job_type[:60]!r}; `tastemaker jobs list` shows them.")
        return count

    await put_back(
        session, work, member="retried", named=("job", "jobs"), sentence="back in the queue.", as_json=as_json
    )


@jobs_app.command()
@with_session
async def cancel(session: Session, job: Reference, *, as_json: Json = False) -> None:
    """Stop a job for good, whether it waits or runs."""
    async with transaction(session.database, SYSTEM) as tx:
        found = await _find(tx, job)
        if not await cancel_job(tx, found.id):
            raise Conflict(f"This job has ended: it is {found.status}.")
    sentence = "Cancelled. If it is running, its worker stops it within seconds."
    answer({"cancelled": str(found.id)}, sentence, as_json=as_json)


@schedules_app.command("list")
@with_session
async def show_schedules(session: Session, *, as_json: Json = False) -> None:
    """Show every schedule: its interval, its last and its next run."""
    register_tasks()
    async with transaction(session.database, SYSTEM) as tx:
        schedules = await list_schedules(tx)
    SCHEDULES.show(schedules, as_json=as_json)


@schedules_app.command("run")
@with_session
async def run_schedule(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The schedule's name.")],
    *,
    as_json: Json = False,
) -> None:
    """Publish a schedule's job now. A worker runs it."""
    register_tasks()
    async with transaction(session.database, SYSTEM) as tx:
        job_id = await run_now(tx, name)
    published = f"Published as job {job_id}; a worker (`tastemaker work`) runs it."
    sentence = published if job_id else "Its job is waiting already."
    answer({"job": job_id and str(job_id)}, sentence, as_json=as_json)


async def _find(tx: Transaction, reference: str) -> StoredJob:
    """Raises NotFound, Conflict where it is ambiguous."""
    prefix = reference.strip().lower()
    if len(prefix) < SHORTEST_REFERENCE or not set(prefix) <= set("0123456789abcdef-"):
        raise NotFound("There is no such job.")
    found = await list_jobs_by_prefix(tx, prefix)
    if len(found) > 1:
        raise Conflict("More than one job's id starts like this.")
    if not found:
        raise NotFound("There is no such job.")
    return found[0]


def _known_types() -> set[str]:
    register_tasks()
    return set(registered_types())
