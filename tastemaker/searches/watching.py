"""Watching searches: one LISTEN connection and one query per process, for any number of watchers.

A commit that changes a search names it in a notification. The changed searches that somebody watches are
read together, and each watcher gets the state of its own. A watcher holds no database connection. The poll
finds what no notification told, as behind a pooler in transaction mode.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from fastapi import Request

from tastemaker.core.clock import monotonic
from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.core.logging import get_logger
from tastemaker.core.waiting import call_off, first_of, wait_for
from tastemaker.db.claims import SYSTEM
from tastemaker.db.listening import ANYTHING, Subscription
from tastemaker.db.pool import Database
from tastemaker.db.transaction import DATABASE_TROUBLE, read_together
from tastemaker.searches.types import Run, Search
from tastemaker.searches.watching_queries import LIST_WATCHED, LIST_WATCHED_RUNS
from tastemaker.web.services import services_of

CHANNEL: Final = "searches"
POLL_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 0.05
"""Between two reads: what commits meanwhile is read together."""

TROUBLE_SECONDS: Final = 1.0
"""Before the next read where the database is out of reach."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WatchedSearch:
    """A search and its keywords, as of one commit."""

    search: Search
    runs: Sequence[Run]


@dataclass(eq=False, slots=True)
class Watcher:
    """Somebody who watches searches of `user_id`.

    `searches`: those that may still change; `deleted`: those that are not there any more.
    """

    user_id: ExternalUserId
    searches: set[SearchId]
    deleted: set[SearchId] = field(default_factory=set)
    _last: dict[SearchId, WatchedSearch] = field(default_factory=dict)
    _changed: set[SearchId] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_over(self) -> bool:
        """Every search has ended or is gone, and its last state was returned; or the process stops."""
        return not self.searches and not self._changed

    async def changes(self, *, within: float) -> Sequence[WatchedSearch]:
        """The newest state of each search that changed since the last call; the first call returns all.

        Waits for a change, at most so many seconds. Empty: nothing changed. A search that has ended comes
        once more, one that was deleted does not.
        """
        if not self._changed and self.searches:
            await wait_for(self._wake, within=within)
        self._wake.clear()
        changed, self._changed = self._changed, set()
        return [self._last[search_id] for search_id in changed]

    def take(self, state: WatchedSearch) -> None:
        """What was read for it; the same state again is no change."""
        search = state.search
        if self._last.get(search.id) != state:
            self._last[search.id] = state
            self._changed.add(search.id)
            self._wake.set()
        if not search.status.is_open:
            self.searches.discard(search.id)

    def lose(self, search_id: SearchId) -> None:
        """It is not there any more."""
        self.searches.discard(search_id)
        self.deleted.add(search_id)
        self._wake.set()

    def stop(self) -> None:
        """Nobody reads for it any more."""
        self.searches.clear()
        self._wake.set()


class SearchWatching:
    """One per process. Reads while somebody watches."""

    def __init__(self, database: Database, stopping: asyncio.Event, *, poll: float = POLL_SECONDS) -> None:
        self._database = database
        self._stopping = stopping
        self._poll = poll
        self._watchers: set[Watcher] = set()
        self._unread: set[SearchId] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, user_id: ExternalUserId, searches: Collection[UUID]) -> AsyncIterator[Watcher]:
        """Watch searches of this user; another's are as if deleted."""
        wanted = {SearchId(one) for one in searches}
        watcher = Watcher(user_id, set() if self._stopping.is_set() else wanted)
        self._watchers.add(watcher)
        self._unread |= wanted
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._read_forever())
        try:
            yield watcher
        finally:
            self._watchers.remove(watcher)
            if not self._watchers:
                task, self._task = self._task, None
                await call_off(task)

    async def _read_forever(self) -> None:
        try:
            async with self._database.listener.subscribe(CHANNEL, self._wake.set) as subscription:
                await self._read_while_watched(subscription)
        finally:  # watchers that remain end: the process stops, or this failed
            for watcher in self._watchers:
                watcher.stop()

    async def _read_while_watched(self, subscription: Subscription) -> None:
        next_poll = monotonic() + self._poll
        while not self._stopping.is_set():
            await first_of(self._wake, self._stopping, within=max(0.0, next_poll - monotonic()))
            self._wake.clear()
            named = set(subscription.payloads)
            subscription.payloads.clear()
            is_poll = monotonic() >= next_poll
            if due := self._due(named, reads_all=is_poll or ANYTHING in named):
                await self._read(due)
            if is_poll:
                next_poll = monotonic() + self._poll
            await asyncio.sleep(PAUSE_SECONDS)

    def _due(self, named: Collection[str], *, reads_all: bool) -> set[tuple[ExternalUserId, SearchId]]:
        """The watched searches that may have changed, each with its owner."""
        unread, self._unread = self._unread, set()
        return {
            (watcher.user_id, search_id)
            for watcher in self._watchers
            for search_id in watcher.searches
            if reads_all or search_id in unread or str(search_id) in named
        }

    async def _read(self, due: Collection[tuple[ExternalUserId, SearchId]]) -> None:
        asked = {"user_ids": [user_id for user_id, _ in due], "search_ids": [one for _, one in due]}
        try:
            searches, runs = await read_together(
                self._database, SYSTEM, (LIST_WATCHED, asked), (LIST_WATCHED_RUNS, asked)
            )
        except DATABASE_TROUBLE as error:
            log.warning("watched searches could not be read, trying again: %s", type(error).__name__)
            self._unread |= {search_id for _, search_id in due}
            await asyncio.sleep(TROUBLE_SECONDS)
            self._wake.set()
            return
        by_search: dict[SearchId, list[Run]] = {}
        for run in runs:
            by_search.setdefault(run.search_id, []).append(run)
        states = [WatchedSearch(search, tuple(by_search.get(search.id, ()))) for search in searches]
        self._give(states, due)

    def _give(
        self, states: Sequence[WatchedSearch], due: Collection[tuple[ExternalUserId, SearchId]]
    ) -> None:
        found = {(state.search.user_id, state.search.id): state for state in states}
        gone = set(due) - found.keys()
        for watcher in self._watchers:
            for search_id in tuple(watcher.searches):
                if state := found.get((watcher.user_id, search_id)):
                    watcher.take(state)
                elif (watcher.user_id, search_id) in gone:
                    watcher.lose(search_id)


def watching_of(request: Request) -> SearchWatching:
    """The one of this process. Raises DatabaseUnavailable while it is still starting."""
    services = services_of(request)
    found = getattr(request.app.state, "watching", None)
    if not isinstance(found, SearchWatching):
        found = request.app.state.watching = SearchWatching(services.database, services.stopping)
    return found
