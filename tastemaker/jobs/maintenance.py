"""What a worker does before it takes jobs: tend the queue."""

from collections import Counter
from typing import Final

from tastemaker.core.clock import monotonic
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database, in_transaction
from tastemaker.db.transaction import Transaction
from tastemaker.jobs import claim_queries
from tastemaker.jobs.ends import lost_job
from tastemaker.jobs.execution import give_up
from tastemaker.jobs.registry import registered_types
from tastemaker.jobs.worker_state import WorkerState

TEND_SECONDS: Final = 0.2
"""How exactly the time of a job is kept."""

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

    async def work(session: Transaction) -> None:
        await _rescue(session, state)
        await claim_queries.promote(session)
        if state.settings.only is None and monotonic() >= state.parks_next:
            state.parks_next = monotonic() + PARK_SECONDS
            await _park(session, state)

    await in_transaction(database, SYSTEM, work)


async def _rescue(session: Transaction, state: WorkerState) -> None:
    settings = state.settings
    lost = await claim_queries.rescue(
        session, job_types=list(state.handlers), lease=settings.lease, grace=settings.grace
    )
    for job in lost:
        log.warning("job %s was left by a dead worker, now %s", job["id"], job["status"])
        if job["status"] == "failed":
            await give_up(session, state.handlers, lost_job(job), job["error"])


async def _park(session: Transaction, state: WorkerState) -> None:
    parked = await claim_queries.park(session, {*state.handlers, *registered_types()})
    for job_type, count in Counter(parked).items():
        log.warning(
            "%d jobs of the unknown type %r are set aside for a worker that knows it", count, job_type
        )
