"""Running searches inside this process until each has ended, waits for its provider, or Ctrl-C comes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tastemaker.cli.process import stop_signals
from tastemaker.cli.progress import Progress, ProgressState, Trouble
from tastemaker.cli.progress_queries import list_troubled
from tastemaker.cli.session import Session
from tastemaker.cli.states import is_settled
from tastemaker.config_store.hot_reload import live_configuration
from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.ids import SearchId
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
            _working(session, search_handlers(sources), searches) as worker,
        ):
            standing = await _watch(session, searches, progress, interrupt, worker)
            if interrupt.is_set() and not all(map(is_settled, standing)):
                progress.update(ProgressState(standing, stopping=True))
    standing, _ = await _look(session, searches)
    progress.update(ProgressState(standing))
    return WatchedSearches(standing, interrupted=interrupt.is_set() and not all(map(is_settled, standing)))


@asynccontextmanager
async def _working(
    session: Session, handlers: Handlers, searches: Sequence[Search]
) -> AsyncIterator[asyncio.Task[None]]:
    """A worker beside the block. When the block ends it brings its pages to a good place, and stops.

    Without a database there is no such place: it is stopped as it stands, and its lease runs out.
    """
    stopping = asyncio.Event()
    only = frozenset(str(search.id) for search in searches)
    settings = WorkerSettings(stop_within=STOP_WITHIN_SECONDS, only=only)
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
) -> Sequence[Search]:
    while True:
        standing, troubled = await _look(session, searches)
        progress.update(ProgressState(standing, troubled))
        if all(map(is_settled, standing)) or interrupt.is_set() or worker.done():
            return standing
        with suppress(TimeoutError):
            await asyncio.wait_for(interrupt.wait(), LOOK_SECONDS)


async def _look(
    session: Session, searches: Sequence[Search]
) -> tuple[Sequence[Search], Mapping[SearchId, Trouble]]:
    """How they stand, and which of them meet with trouble."""
    ids = [search.id for search in searches]
    async with transaction(session.database, session.user.claim) as tx:
        standing = [await get_search(tx, session.user, str(search_id)) for search_id in ids]
        return standing, await list_troubled(tx, session.user.user_id, ids)
