"""One claim: write the completions that gathered and take the next jobs, in one transaction and one message.

So a job costs one wait for the disk, not two, and its place is never empty. Tenants share the places fairly.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from tastemaker.core.clock import monotonic
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import DATABASE_TROUBLE, write_together
from tastemaker.jobs import claim_queries
from tastemaker.jobs.claim_queries import CLAIM, CLAIM_FAIRLY
from tastemaker.jobs.completion import (
    PendingCompletion,
    completion_statements,
    settle_completions,
    write_completions,
)
from tastemaker.jobs.types import ClaimedJob
from tastemaker.jobs.worker_state import WorkerState

ALONE_SECONDS: Final = 0.05

log = get_logger(__name__)


async def claim_batch(
    database: Database, state: WorkerState, completions: list[PendingCompletion], batch: int
) -> list[ClaimedJob]:
    """At most `batch` jobs: first of tenants with less than their share of the places, then of all.

    When the transaction fails, the completions are written apart: a result that cannot be stored, or a lock
    key that another worker took in this instant, must not fail the others. A lost database is waited for.
    """
    try:
        jobs = await _write_and_claim(database, state, completions, batch)
    except (*DATABASE_TROUBLE, TypeError) as error:
        await write_completions(database, _taken_out(state, completions))
        if isinstance(error, psycopg.IntegrityError):
            log.debug("another worker took a job with the same lock key in this instant")
            state.looks_again = True
        elif not isinstance(error, (psycopg.DataError, TypeError)):
            log.warning("the queue cannot be read, trying again: %s", type(error).__name__)
            state.is_crowded = False  # look again at the next poll, not at once
        return []
    if batch:
        state.is_crowded = len(jobs) == batch
        _advance_round(state, jobs)
    return jobs


async def _write_and_claim(
    database: Database, state: WorkerState, completions: list[PendingCompletion], batch: int
) -> list[ClaimedJob]:
    """The round continues behind where it stands, then begins anew; what is left of the batch is for all."""
    settings = state.settings
    asked = claim_queries.claim_parameters(
        state.claim_as, list(state.handlers), batch, settings.lease, settings.only
    )
    served = _served(state, completions) if _is_round_due(state) else None
    if not batch or served is None:
        return await _exchange(database, state, completions, [(CLAIM, asked)] if batch else [])
    stands_at = state.round_stands_at
    on = claim_queries.fair_parameters(asked, served=served, after=stands_at)
    jobs = await _exchange(database, state, completions, [(CLAIM_FAIRLY, on)])
    if not jobs and stands_at is not None:
        again = claim_queries.fair_parameters(asked, served=served, after=None)
        jobs = await _exchange(database, state, [], [(CLAIM_FAIRLY, again)])
    # A claim of one job knows only from the claim before whether other tenants wait.
    seen = {*served, *map(_tenant, jobs), stands_at} - {None}
    state.is_shared = len(seen) > 1
    if not state.is_shared:
        state.round_next = monotonic() + ALONE_SECONDS
    if len(jobs) < batch:
        jobs += await _fill_up(database, state, {**asked, "batch": batch - len(jobs)}, has_some=bool(jobs))
    return jobs


async def _fill_up(
    database: Database, state: WorkerState, asked: dict[str, Any], *, has_some: bool
) -> list[ClaimedJob]:
    """Of all tenants. Where that fails, the jobs that are claimed already run all the same."""
    try:
        return await _exchange(database, state, [], [(CLAIM, asked)])
    except DATABASE_TROUBLE:
        if not has_some:
            raise
        state.looks_again = True
        return []


async def _exchange(
    database: Database,
    state: WorkerState,
    completions: list[PendingCompletion],
    claim: Sequence[tuple[Any, dict[str, Any]]],
) -> list[ClaimedJob]:
    answers = await write_together(database, SYSTEM, *completion_statements(completions), *claim)
    settle_completions(_taken_out(state, completions), answers)
    return answers[-1] if claim else []


def _taken_out(state: WorkerState, completions: list[PendingCompletion]) -> list[PendingCompletion]:
    """They leave their places from here on, and are not written again."""
    taken = completions[:]
    completions.clear()
    state.leaving -= len(taken)
    return taken


def _is_round_due(state: WorkerState) -> bool:
    """While more jobs wait than there are places, tenants below their share go first, one job each.

    So thousands of jobs of one tenant delay another for no longer than one of them takes. Where there was
    only one tenant, no other is looked for during a moment.
    """
    return state.is_crowded and monotonic() >= state.round_next


def _served(state: WorkerState, completions: Sequence[PendingCompletion]) -> list[str]:
    """The tenants that have their share of the places."""
    ended = {each.completed.job.id for each in completions}
    held = Counter(_tenant(job) for job in state.running.values() if job.id not in ended)
    share = state.places / (len(held) + 1)
    return [tenant for tenant, count in held.items() if count >= share]


def _advance_round(state: WorkerState, jobs: Sequence[ClaimedJob]) -> None:
    """The next round begins behind the last tenant served in this one."""
    tenants = sorted(map(_tenant, jobs))
    stands_at = state.round_stands_at
    later = [tenant for tenant in tenants if stands_at is None or tenant > stands_at]
    state.round_stands_at = max(later, default=tenants[-1] if tenants else None)


def _tenant(job: ClaimedJob) -> str:
    """Jobs without a tenant count as one tenant more."""
    return job.tenant_id or ""
