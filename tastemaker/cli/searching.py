"""Running searches inside this process until each has ended, waits for its provider, or Ctrl-C comes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tastemaker.cli.process import stop_signals
from tastemaker.cli.progress import Progress, ProgressState
from tastemaker.cli.progress_queries import list_enriching, list_troubled
from tastemaker.cli.session import Session
from tastemaker.config_store.hot_reload import live_configuration
from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.db.transaction import transaction
from tastemaker.jobs.types import Handlers
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.runtime import open_sources
from tastemaker.searches.service import get_search
from tastemaker.searches.tasks import search_handlers
from tastemaker.searches.types import SANDBOX, Search

LOOK_SECONDS = 0.15
STOP_WITHIN_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class WatchedSearches:
    """How the searches stand; `interrupted` where a person stopped before they had ended."""

    searches: Sequence[Search]
    interrupted: bool


async def run_searches(
    session: Session, searches: Sequence[Search], progress: Progress, *, corpus: Path | None
) -> WatchedSearches:
    """Work on these searches and no others, showing how far they are."""
    interrupt = asyncio.Event()
    is_live = any(search.source != SANDBOX for search in searches)
    with stop_signals(interrupt):
        async with (
            open_sources(session.database, session.settings, live=is_live, corpus=corpus) as sources,
            working_on(session, search_handlers(sources), [str(one.id) for one in searches]) as worker,
        ):
            standing = await _watch(session, searches, progress, interrupt, worker)
            if interrupt.is_set() and not standing.is_over:
                progress.update(replace(standing, stopping=True))
    standing = await _look(session, searches)
    progress.update(standing)
    return WatchedSearches(standing.searches, interrupted=interrupt.is_set() and not standing.is_over)


@asynccontextmanager
async def working_on(
    session: Session, handlers: Handlers, correlation_ids: Sequence[str]
) -> AsyncIterator[asyncio.Task[None]]:
    """A worker for these jobs beside the block. At its end they are brought to a good place, and it stops.

    Without a database there is no such place: it is stopped as it stands, and its lease runs out.
    """
    stopping = asyncio.Event()
    settings = WorkerSettings(stop_within=STOP_WITHIN_SECONDS, only=frozenset(correlation_ids))
    async with live_configuration(session.database) as config:
        worker = asyncio.create_task(
            run_worker(session.database, handlers, stopping=stopping, config=config, settings=settings)
        )
        try:
            yield worker
        except DatabaseUnavailable:
            worker.cancel()
            await asyncio.wait([worker])
            raise
        finally:
            stopping.set()
            if not worker.cancelled():
                await worker


async def _watch(
    session: Session,
    searches: Sequence[Search],
    progress: Progress,
    interrupt: asyncio.Event,
    worker: asyncio.Task[None],
) -> ProgressState:
    while True:
        standing = await _look(session, searches)
        progress.update(standing)
        if standing.is_over or interrupt.is_set() or worker.done():
            return standing
        with suppress(TimeoutError):
            await asyncio.wait_for(interrupt.wait(), LOOK_SECONDS)


async def _look(session: Session, searches: Sequence[Search]) -> ProgressState:
    """How they stand, which of them meet with trouble, and how far their profiles are."""
    ids = [search.id for search in searches]
    async with transaction(session.database, session.user.claim) as tx:
        standing = [await get_search(tx, session.user, str(search_id)) for search_id in ids]
        troubled = await list_troubled(tx, session.user.user_id, ids)
        return ProgressState(standing, troubled, await list_enriching(tx, session.user.user_id, ids))
