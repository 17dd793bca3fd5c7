"""The worker: claims jobs in batches, runs them side by side, keeps their leases, hands them back.

It is a loop one can read: wait to be woken, tend the queue, claim as many as there are free places, run each
as a task. Every effect on a job is fenced by its attempt number.
"""

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any, Final

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.clock import monotonic
from tastemaker.core.ids import new_token
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import DATABASE_TROUBLE, Database, session_scope
from tastemaker.jobs import queries
from tastemaker.jobs.claim_loop import take_turn
from tastemaker.jobs.completion import Completing
from tastemaker.jobs.execution import run_job, settle
from tastemaker.jobs.heartbeat import presence
from tastemaker.jobs.maintenance import tend
from tastemaker.jobs.types import Again, ClaimedJob, Handlers
from tastemaker.jobs.worker_state import WorkerSettings, WorkerState

HAND_BACK_SECONDS: Final = 1.0
TURNS: Final = 3
"""Turns under way at once."""

log = get_logger(__name__)


async def run_worker(
    database: Database,
    handlers: Handlers,
    *,
    stopping: asyncio.Event,
    config: Configuration | None = None,
    settings: WorkerSettings | None = None,
) -> None:
    """Work until `stopping` is set; then let running jobs reach a good place, at most `stop_within`."""
    wake = asyncio.Event()
    state = WorkerState(
        name=worker_name(),
        handlers=handlers,
        settings=settings or WorkerSettings(),
        stopping=stopping,
        config=config or Configuration.of_defaults(),
        completing=Completing(database, wake),
        wake=wake,
    )
    async with presence(database.url, state.name, wake=state.wake, shown=state.shown):
        heart = asyncio.create_task(keep_leases(database, state))
        bell = asyncio.create_task(_ring(state))
        try:
            while not stopping.is_set():
                await _look_for_work(database, state)
                await _wait(state, state.settings.poll)
            await finish(database, state)
            await state.completing.close()
        finally:
            await _end(heart, bell, *state.turns, *state.running)


async def _look_for_work(database: Database, state: WorkerState) -> None:
    """Begin turns until no place is free, nothing is ready, or as many as may are under way."""
    state.wake.clear()
    if state.broken is not None:
        raise state.broken
    try:
        await tend(database, state)
    except DATABASE_TROUBLE as error:
        log.warning("the queue cannot be tended, trying again: %s", type(error).__name__)
    most = 1 if state.is_crowded and state.is_shared else TURNS
    looks = True
    while len(state.turns) < most and not state.stopping.is_set():
        if not state.completing.gathered and not (state.free > 0 and looks):
            break
        _begin_turn(database, state)
        looks = state.is_crowded
    state.looks_again |= looks and bool(state.turns)


def _begin_turn(database: Database, state: WorkerState) -> None:
    """What it takes and asks for is counted before another begins."""
    endings = state.completing.take()
    batch = min(state.settings.batch or state.places, max(0, state.free + len(endings)))
    state.asked += batch
    state.leaving += len(endings)

    async def turn() -> None:
        try:
            jobs = await take_turn(database, state, endings, batch)
        finally:
            state.asked -= batch
        for job in jobs:
            task = asyncio.create_task(run_job(database, job, state))
            state.running[task] = job
            task.add_done_callback(lambda done: _forget(state, done))

    task = asyncio.create_task(turn())
    state.turns.add(task)
    task.add_done_callback(lambda done: _end_turn(state, done))


def _end_turn(state: WorkerState, turn: asyncio.Task[None]) -> None:
    """Where there was as much as was asked for there may be more, as where nobody could look meanwhile."""
    state.turns.discard(turn)
    if not turn.cancelled():
        state.broken = turn.exception()
    if state.looks_again or state.is_crowded or state.broken:
        state.looks_again = False
        state.wake.set()


async def keep_leases(database: Database, state: WorkerState) -> None:
    """Prolong them for ever, and stop what is somebody else's by now."""
    while True:
        await asyncio.sleep(state.settings.heartbeat)
        held = list(state.running.values())
        if not held:
            continue
        try:
            async with session_scope(database, SYSTEM) as session:
                ours = await queries.renew(session, held, lease=state.settings.lease)
        except DATABASE_TROUBLE as error:
            log.warning("leases could not be renewed: %s", type(error).__name__)
            continue
        for task, job in list(state.running.items()):
            if job in held and job.id not in ours:
                log.warning("job %s was taken over or cancelled, stopping it here", job.id)
                task.cancel()


async def _wait(state: WorkerState, seconds: float) -> None:
    """Until woken, as by the end, or `seconds` have passed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await state.wake.wait()


async def _ring(state: WorkerState) -> None:
    """The end wakes whoever waits."""
    await state.stopping.wait()
    state.wake.set()


async def finish(database: Database, state: WorkerState) -> None:
    """Give running jobs their time; what is still running is handed back for somebody else."""
    deadline = monotonic() + state.settings.stop_within
    state.completing.write_here()
    if state.turns:
        await asyncio.wait(list(state.turns), timeout=state.settings.stop_within)
    if state.running:
        await asyncio.wait(list(state.running), timeout=max(0.0, deadline - monotonic()))
    left = list(state.running.values())
    await _end(*state.running, *state.turns)
    await asyncio.gather(*(_hand_back(database, state, job) for job in left))


async def _hand_back(database: Database, state: WorkerState, job: ClaimedJob) -> None:
    """The database has its time too; without it the lease runs out."""
    try:
        async with asyncio.timeout(HAND_BACK_SECONDS):
            await settle(database, state, job, Again())
    except (*DATABASE_TROUBLE, TimeoutError) as error:
        log.warning("job %s could not be handed back: %s", job.id, type(error).__name__)


async def _end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel, and wait for those who listen: what does not is left behind with its process."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=HAND_BACK_SECONDS)


def _forget(state: WorkerState, task: asyncio.Task[None]) -> None:
    state.running.pop(task, None)
    state.wake.set()
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a job could not be settled, its lease will run out: %s", type(error).__name__)


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{new_token(4)}"
