"""A worker's turn: write down what has ended and take what comes next, in one transaction and one message.

So a job costs one wait for the disk, not two, and its place is never empty. A few turns may be under way:
while one waits for the disk the server works on another.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from tastemaker.core.clock import monotonic
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import DATABASE_TROUBLE, Database
from tastemaker.db.reading import write_all
from tastemaker.jobs import claim_queries
from tastemaker.jobs.claim_queries import CLAIM, CLAIM_FAIRLY, claimed_job
from tastemaker.jobs.completion import Ending, settled_by, to_complete, write
from tastemaker.jobs.types import ClaimedJob
from tastemaker.jobs.worker_state import WorkerState

ALONE_SECONDS: Final = 0.05

log = get_logger(__name__)


async def take_turn(
    database: Database, state: WorkerState, endings: list[Ending], batch: int
) -> list[ClaimedJob]:
    """At most `batch` jobs: first of those who have less than their share of the places, then of everybody.

    What cannot be done together is done apart: a result that cannot be kept, or a key that another worker
    took in this instant, is nobody else's affair. A lost database is waited for, not died of.
    """
    try:
        jobs = await _write_and_claim(database, state, endings, batch)
    except (*DATABASE_TROUBLE, TypeError) as error:
        await write(database, _taken_out(state, endings))
        if isinstance(error, psycopg.IntegrityError):
            log.debug("another worker took a job with the same lock key in this instant")
            state.looks_again = True
        elif not isinstance(error, (psycopg.DataError, TypeError)):
            log.warning("the queue cannot be read, trying again: %s", type(error).__name__)
            state.is_crowded = False  # it is looked for at the next poll, not at once
        return []
    if batch:
        state.is_crowded = len(jobs) == batch
        _turn_the_round(state, jobs)
    return jobs


async def _write_and_claim(
    database: Database, state: WorkerState, endings: list[Ending], batch: int
) -> list[ClaimedJob]:
    """The round goes on behind where it stands, then begins anew; then everybody's turn comes."""
    settings = state.settings
    wished = claim_queries.wishes(state.claim_as, list(state.handlers), batch, settings.lease, settings.only)
    served = _served(state, endings) if _is_round_due(state) else None
    if not batch or served is None:
        return await _exchange(database, state, endings, [(CLAIM, wished)] if batch else [])
    stands_at = state.round_stands_at
    on = claim_queries.in_turn(wished, served=served, after=stands_at)
    jobs = await _exchange(database, state, endings, [(CLAIM_FAIRLY, on)])
    if not jobs and stands_at is not None:
        again = claim_queries.in_turn(wished, served=served, after=None)
        jobs = await _exchange(database, state, [], [(CLAIM_FAIRLY, again)])
    # Whoever takes one job at a time knows only from the one before whether anybody else is there.
    seen = {*served, *map(_tenant, jobs), stands_at} - {None}
    state.is_shared = len(seen) > 1
    if not state.is_shared:
        state.round_next = monotonic() + ALONE_SECONDS
    if len(jobs) < batch:
        jobs += await _fill_up(database, state, {**wished, "batch": batch - len(jobs)}, has_some=bool(jobs))
    return jobs


async def _fill_up(
    database: Database, state: WorkerState, wished: dict[str, Any], *, has_some: bool
) -> list[ClaimedJob]:
    """Of everybody's. Where that fails, those who are claimed already are run all the same."""
    try:
        return await _exchange(database, state, [], [(CLAIM, wished)])
    except DATABASE_TROUBLE:
        if not has_some:
            raise
        state.looks_again = True
        return []


async def _exchange(
    database: Database, state: WorkerState, endings: list[Ending], claim: Sequence[tuple[Any, dict[str, Any]]]
) -> list[ClaimedJob]:
    answers = await write_all(database, SYSTEM, *to_complete(endings), *claim)
    settled_by(_taken_out(state, endings), answers)
    return [claimed_job(row) for row in answers[-1]] if claim else []


def _taken_out(state: WorkerState, endings: list[Ending]) -> list[Ending]:
    """From here on they leave their places by themselves, and are not written again."""
    taken = endings[:]
    endings.clear()
    state.leaving -= len(taken)
    return taken


def _is_round_due(state: WorkerState) -> bool:
    """While more waits than there are places, one job each of those below their share goes first.

    So whoever has thousands waiting delays nobody else for longer than one of them takes. Where there was
    only one, nobody else is looked for during a moment.
    """
    return state.is_crowded and monotonic() >= state.round_next


def _served(state: WorkerState, endings: Sequence[Ending]) -> list[str]:
    """Who has his share of the places."""
    ended = {ending.done.job.id for ending in endings}
    held = Counter(_tenant(job) for job in state.running.values() if job.id not in ended)
    share = state.places / (len(held) + 1)
    return [tenant for tenant, count in held.items() if count >= share]


def _turn_the_round(state: WorkerState, jobs: Sequence[ClaimedJob]) -> None:
    """The next round begins behind the last tenant who was served in this one."""
    tenants = sorted(map(_tenant, jobs))
    stands_at = state.round_stands_at
    later = [tenant for tenant in tenants if stands_at is None or tenant > stands_at]
    state.round_stands_at = max(later, default=tenants[-1] if tenants else None)


def _tenant(job: ClaimedJob) -> str:
    """Jobs of no tenant are one tenant more."""
    return job.tenant_id or ""
