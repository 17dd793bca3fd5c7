"""The worker: claims jobs in batches, runs them side by side, keeps their leases, hands them back.

It is a loop one can read: wait to be woken, rescue what dead workers hold, claim as many as there are
free places, run each as a task. Every effect on a job is fenced by its attempt number.
"""

import asyncio
import os
import random
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.config_store.live import Configuration
from tastemaker.core.clock import monotonic
from tastemaker.core.ids import new_token
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import DATABASE_TROUBLE, Database, in_transaction, is_victim, session_scope
from tastemaker.events.context import caused_by
from tastemaker.jobs import queries
from tastemaker.jobs.presence import presence
from tastemaker.jobs.types import LEASE_SECONDS, Again, ClaimedJob, Done, Handlers, JobContext

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """Seconds, but for `concurrency` and `only`.

    A dead worker's job is back after `grace`; where no LISTEN connection is possible, after `lease`.
    `only` restricts the worker to the jobs with these correlation ids: a command that runs one search
    leaves the others, which somebody may have stopped on purpose, alone.
    """

    concurrency: int = 20
    lease: float = LEASE_SECONDS
    heartbeat: float = 10.0
    grace: float = 5.0
    poll: float = 1.0
    stop_within: float = 10.0
    only: frozenset[str] | None = None


@dataclass(slots=True)
class _State:
    name: str
    stopping: asyncio.Event
    config: Configuration
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    shown: asyncio.Event = field(default_factory=asyncio.Event)
    running: dict[asyncio.Task[None], ClaimedJob] = field(default_factory=dict)


async def run_worker(
    database: Database,
    handlers: Handlers,
    *,
    stopping: asyncio.Event,
    config: Configuration | None = None,
    settings: WorkerSettings | None = None,
) -> None:
    """Work until `stopping` is set; then let running jobs reach a good place, at most `stop_within`."""
    settings = settings or WorkerSettings()
    config = config or Configuration.of_defaults()
    state = _State(name=_worker_name(), stopping=stopping, config=config)
    async with presence(database.url, state.name, wake=state.wake, shown=state.shown):
        heart = asyncio.create_task(_keep_leases(database, state, settings))
        try:
            while not stopping.is_set():
                await _look_for_work(database, handlers, state, settings)
                await _wait(state, settings.poll)
            await _finish(database, state, settings)
        finally:
            await _end(heart, *state.running)


async def _look_for_work(
    database: Database, handlers: Handlers, state: _State, settings: WorkerSettings
) -> None:
    """Claim until no place is free or nothing is due. A lost database is waited for, not died of."""
    state.wake.clear()
    try:
        while (free := settings.concurrency - len(state.running)) > 0 and not state.stopping.is_set():
            jobs = await _claim(database, handlers, state, settings, batch=free)
            for job in jobs:
                task = asyncio.create_task(_run(database, handlers, job, state))
                state.running[task] = job
                task.add_done_callback(lambda done: _forget(state, done))
            if len(jobs) < free:
                return
    except IntegrityError:
        log.debug("another worker took a job with the same lock key in this instant")
    except DATABASE_TROUBLE as error:
        log.warning("the database is out of reach, trying again: %s", type(error).__name__)


async def _claim(
    database: Database, handlers: Handlers, state: _State, settings: WorkerSettings, *, batch: int
) -> list[ClaimedJob]:
    async def work(session: AsyncSession) -> list[ClaimedJob]:
        lost = await queries.rescue(
            session, job_types=list(handlers), lease=settings.lease, grace=settings.grace
        )
        for job in lost:
            log.warning("job %s was left by a dead worker, now %s", job["id"], job["status"])
            if job["status"] == "failed":
                await _give_up(session, handlers, job["job_type"], job["payload"])
        return await queries.claim(
            session,
            worker=state.name if state.shown.is_set() else None,
            job_types=list(handlers),
            batch=batch,
            lease=settings.lease,
            only=settings.only,
        )

    return await in_transaction(database, SYSTEM, work)


async def _run(database: Database, handlers: Handlers, job: ClaimedJob, state: _State) -> None:
    """One job to its end. Its failure is the job's, never the worker's."""
    registered = handlers[job.job_type]
    try:
        payload = registered.job_type.payload.model_validate(job.payload)
        with caused_by(correlation_id=job.correlation_id or str(job.id), causation_id=str(job.id)):
            context = JobContext(database, job, state.stopping, state.config)
            answer = await registered.handle(context, payload)
    except asyncio.CancelledError:
        raise
    except ValidationError as error:
        message = f"The payload does not fit: {error.error_count()} fields."
        await _failed(database, handlers, job, message, final=True)
    except Exception as error:
        log.exception("job %s (%s) failed", job.id, job.job_type)
        await _failed(database, handlers, job, f"{type(error).__name__}: {error}"[:2000], final=False)
    else:
        await _settle(database, job, answer)


async def _settle(database: Database, job: ClaimedJob, answer: Done | Again) -> None:
    async def work(session: AsyncSession) -> bool:
        match answer:
            case Done(result=result):
                return await queries.complete(session, job, result)
            case Again(seconds=seconds):
                return await queries.again(session, job, delay=seconds)

    if not await in_transaction(database, SYSTEM, work):
        log.warning("job %s was not ours any more when it ended", job.id)


async def _failed(
    database: Database, handlers: Handlers, job: ClaimedJob, error: str, *, final: bool
) -> None:
    delay = min(300.0, 2.0**job.retry_count) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    async def work(session: AsyncSession) -> None:
        status = await queries.fail(session, job, error=error, delay=delay, final=final)
        if status == "failed":
            await _give_up(session, handlers, job.job_type, job.payload)

    await in_transaction(database, SYSTEM, work)


async def _give_up(session: AsyncSession, handlers: Handlers, job_type: str, body: Mapping[str, Any]) -> None:
    """Tell whoever registered the type. That this breaks must not keep the other jobs from their worker."""
    registered = handlers[job_type]
    if registered.given_up is None:
        return
    try:
        payload = registered.job_type.payload.model_validate(body)
        async with session.begin_nested():
            await registered.given_up(session, payload)
    except Exception as error:
        if is_victim(error):
            raise
        log.exception("nobody could be told that a job (%s) was given up", job_type)


async def _keep_leases(database: Database, state: _State, settings: WorkerSettings) -> None:
    while True:
        await asyncio.sleep(settings.heartbeat)
        held = list(state.running.values())
        if not held:
            continue
        try:
            async with session_scope(database, SYSTEM) as session:
                ours = await queries.renew(session, held, lease=settings.lease)
        except DATABASE_TROUBLE as error:
            log.warning("leases could not be renewed: %s", type(error).__name__)
            continue
        for task, job in list(state.running.items()):
            if job in held and job.id not in ours:
                log.warning("job %s was taken over, stopping it here", job.id)
                task.cancel()


async def _wait(state: _State, seconds: float) -> None:
    """Until woken, told to stop, or `seconds` have passed."""
    waiters = [asyncio.create_task(state.wake.wait()), asyncio.create_task(state.stopping.wait())]
    await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    await _end(*waiters)


async def _finish(database: Database, state: _State, settings: WorkerSettings) -> None:
    """Give running jobs their time; what is still running is handed back for somebody else."""
    deadline = monotonic() + settings.stop_within
    if state.running:
        await asyncio.wait(list(state.running), timeout=max(0.0, deadline - monotonic()))
    left = list(state.running.values())
    await _end(*state.running)
    await _hand_back(database, left)


async def _hand_back(database: Database, jobs: Sequence[ClaimedJob]) -> None:
    for job in jobs:
        try:
            await _settle(database, job, Again())
        except DATABASE_TROUBLE as error:
            log.warning("job %s could not be handed back: %s", job.id, type(error).__name__)


async def _end(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _forget(state: _State, task: asyncio.Task[None]) -> None:
    state.running.pop(task, None)
    state.wake.set()
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a job could not be settled, its lease will run out: %s", type(error).__name__)


def _worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{new_token(4)}"
