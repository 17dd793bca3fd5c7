"""The worker: claims jobs in batches, runs them side by side, renews their leases, hands them back.

Its loop: wait to be woken, maintain the queue, claim as many jobs as there are free places, run each as a
task. Every effect on a job is fenced by its attempt number.
"""

import asyncio
from functools import partial
from typing import Final

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.core.clock import monotonic
from tastemaker.core.logging import get_logger
from tastemaker.core.waiting import call_off
from tastemaker.db.pool import Database
from tastemaker.db.transaction import DATABASE_TROUBLE
from tastemaker.jobs.claim_loop import claim_batch
from tastemaker.jobs.completion import BatchCompleter
from tastemaker.jobs.execution import run_job, settle
from tastemaker.jobs.heartbeat import heartbeat
from tastemaker.jobs.maintenance import maintain
from tastemaker.jobs.types import Again, ClaimedJob, Handlers
from tastemaker.jobs.worker_state import HAND_BACK_SECONDS, WorkerSettings, WorkerState, worker_name

MOST_CLAIMS: Final = 3
"""Claims under way at once: while one waits for the disk, the server works on another."""

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
        completer=BatchCompleter(database, wake),
        wake=wake,
    )
    async with heartbeat(database, state):
        try:
            await state.run(partial(_look_for_work, database, state), poll=state.settings.poll)
            await stop_worker(database, state)
        finally:
            await call_off(*state.claims, *state.running, within=HAND_BACK_SECONDS)


async def _look_for_work(database: Database, state: WorkerState) -> None:
    """Begin claims until no place is free, nothing is ready, or as many as may are under way."""
    if state.broken is not None:
        raise state.broken
    try:
        await maintain(database, state)
    except DATABASE_TROUBLE as error:
        log.warning("the queue cannot be maintained, trying again: %s", type(error).__name__)
    most = 1 if state.is_crowded and state.is_shared else MOST_CLAIMS
    looks = True
    while len(state.claims) < most and not state.stopping.is_set():
        if not state.completer.gathered and not (state.free > 0 and looks):
            break
        _begin_claim(database, state)
        looks = state.is_crowded
    state.looks_again |= looks and bool(state.claims)


def _begin_claim(database: Database, state: WorkerState) -> None:
    """What it writes and asks for is counted before another begins."""
    completions = state.completer.take()
    batch = min(state.settings.batch or state.places, max(0, state.free + len(completions)))
    state.asked += batch
    state.leaving += len(completions)

    async def claim() -> None:
        try:
            jobs = await claim_batch(database, state, completions, batch)
        finally:
            state.asked -= batch
        for job in jobs:
            state.start(job, run_job(database, job, state), name=f"job {job.id}")

    task = asyncio.create_task(claim())
    state.claims.add(task)
    task.add_done_callback(lambda done: _end_claim(state, done))


def _end_claim(state: WorkerState, claim: asyncio.Task[None]) -> None:
    """Look again where as much was found as was asked for, or where nobody could look meanwhile."""
    state.claims.discard(claim)
    if not claim.cancelled():
        state.broken = claim.exception()
    if state.looks_again or state.is_crowded or state.broken:
        state.looks_again = False
        state.wake.set()


async def stop_worker(database: Database, state: WorkerState) -> None:
    """Give running jobs their time, hand back those that still run, write the completions that gathered."""
    until = monotonic() + state.settings.stop_within
    state.completer.write_here()
    if state.claims:
        await asyncio.wait(list(state.claims), timeout=state.settings.stop_within)
        await call_off(*state.claims, within=HAND_BACK_SECONDS)
    await state.stop(
        partial(_hand_back, database, state),
        within=max(0.0, until - monotonic()),
        cancel_within=HAND_BACK_SECONDS,
    )
    await state.completer.close()


async def _hand_back(database: Database, state: WorkerState, job: ClaimedJob) -> None:
    async with asyncio.timeout(HAND_BACK_SECONDS):
        await settle(database, state, job, Again())
