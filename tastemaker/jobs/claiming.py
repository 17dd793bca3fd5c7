"""What a worker does before it takes jobs: tend the queue, then choose whose jobs go first."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.clock import monotonic
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database, in_transaction
from tastemaker.jobs import claim_queries
from tastemaker.jobs.ends import lost_job
from tastemaker.jobs.registry import registered_types
from tastemaker.jobs.running import give_up
from tastemaker.jobs.types import ClaimedJob
from tastemaker.jobs.worker_state import WorkerState

TEND_SECONDS: Final = 0.2
"""How exactly the time of a job is kept."""

ALONE_SECONDS: Final = 0.05

PARK_SECONDS: Final = 5.0
"""How often a worker looks for jobs of types that nobody knows: those it does not know stay in its way."""

log = get_logger(__name__)


async def tend(database: Database, state: WorkerState) -> None:
    """Hand back what dead workers hold, make ready whose time has come, set aside what nobody knows.

    Now and then: a worker that has much to do looks for more many times between two of them.
    """
    if monotonic() < state.tends_next:
        return
    state.tends_next = monotonic() + min(TEND_SECONDS, state.settings.poll)

    async def work(session: AsyncSession) -> None:
        await _rescue(session, state)
        await claim_queries.promote(session)
        if state.settings.only is None and monotonic() >= state.parks_next:
            state.parks_next = monotonic() + PARK_SECONDS
            await _park(session, state)

    await in_transaction(database, SYSTEM, work)


async def claim(database: Database, state: WorkerState, *, batch: int) -> list[ClaimedJob]:
    """At most `batch`: first of those who have less than their share of the places, then of everybody."""
    jobs = await _claim_in_turn(database, state, batch=batch)
    if len(jobs) < batch:
        jobs += await claim_queries.claim(
            database,
            worker=state.claim_as,
            job_types=list(state.handlers),
            batch=batch - len(jobs),
            lease=state.settings.lease,
            only=state.settings.only,
        )
    _turn_the_round(state, jobs)
    state.is_crowded = len(jobs) == batch
    return jobs


async def _rescue(session: AsyncSession, state: WorkerState) -> None:
    settings = state.settings
    lost = await claim_queries.rescue(
        session, job_types=list(state.handlers), lease=settings.lease, grace=settings.grace
    )
    for job in lost:
        log.warning("job %s was left by a dead worker, now %s", job["id"], job["status"])
        if job["status"] == "failed":
            await give_up(session, state.handlers, lost_job(job), job["error"])


async def _park(session: AsyncSession, state: WorkerState) -> None:
    parked = await claim_queries.park(session, {*state.handlers, *registered_types()})
    for job_type, count in Counter(parked).items():
        log.warning(
            "%d jobs of the unknown type %r are set aside for a worker that knows it", count, job_type
        )


async def _claim_in_turn(database: Database, state: WorkerState, *, batch: int) -> list[ClaimedJob]:
    """While more waits than there are places, one job each of those below their share goes first.

    So whoever has thousands waiting delays nobody else for longer than one of them takes. Where there was
    only one, nobody else is looked for during a moment.
    """
    if not state.is_crowded or monotonic() < state.round_next:
        return []
    held = Counter(_tenant(job) for job in state.running.values())
    share = state.places / (len(held) + 1)
    served = [tenant for tenant, count in held.items() if count >= share]
    jobs = await in_transaction(
        database, SYSTEM, lambda session: _claim_round(session, state, batch=batch, served=served)
    )
    if len(jobs) + len(served) <= 1:
        state.round_next = monotonic() + ALONE_SECONDS
    return jobs


async def _claim_round(
    session: AsyncSession, state: WorkerState, *, batch: int, served: Sequence[str]
) -> list[ClaimedJob]:
    rest_then_start = [state.round_stands_at, None] if state.round_stands_at is not None else [None]
    for after in rest_then_start:
        jobs = await claim_queries.claim_fairly(
            session,
            worker=state.claim_as,
            job_types=list(state.handlers),
            batch=batch,
            lease=state.settings.lease,
            served=served,
            after=after,
            only=state.settings.only,
        )
        if jobs:
            return jobs
    return []


def _turn_the_round(state: WorkerState, jobs: Sequence[ClaimedJob]) -> None:
    """The next round begins behind the last tenant who was served in this one."""
    tenants = sorted(map(_tenant, jobs))
    stands_at = state.round_stands_at
    later = [tenant for tenant in tenants if stands_at is None or tenant > stands_at]
    state.round_stands_at = max(later, default=tenants[-1] if tenants else None)


def _tenant(job: ClaimedJob) -> str:
    """Jobs of no tenant are one tenant more."""
    return job.tenant_id or ""
