"""`/api/v1/searches/{id}`: a search as it is, once it has ended or changed, or as a stream of its changes."""

import hashlib
from collections.abc import AsyncGenerator
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from tastemaker.accounts.api_keys import is_valid
from tastemaker.accounts.authentication import Access, access
from tastemaker.core.clock import monotonic
from tastemaker.core.errors import NotFound
from tastemaker.core.ids import SearchId
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import DATABASE_TROUBLE, Transaction
from tastemaker.searches import queries, service
from tastemaker.searches.api import PATH
from tastemaker.searches.schemas import SearchWithRuns, search_with_runs
from tastemaker.searches.watching import SearchWatching, WatchedSearch, Watcher, watching_of
from tastemaker.web.problems import problem
from tastemaker.web.sse import HEARTBEAT, HEARTBEAT_SECONDS, EventStream, server_event

LONGEST_WAIT: Final = 60
REVOKED: Final = "The API key was revoked, or has expired."

router = APIRouter(prefix=PATH, tags=["searches"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
Wait = Annotated[
    int,
    Query(
        ge=0,
        le=LONGEST_WAIT,
        description="Seconds to wait until the search has ended or, with If-None-Match, has changed.",
    ),
]
Known = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=200, description="The ETag of the state that the client has."),
]
LastSeen = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=200, description="The id of the last event that was received."),
]


@router.get(
    "/{search_id}",
    operation_id="get_search",
    responses={200: {"model": SearchWithRuns}, 304: {"description": "It has not changed."}},
)
async def show(
    caller: Reading, request: Request, search_id: UUID, wait: Wait = 0, known: Known = None
) -> Response:
    """One search, with what each of its keywords gave. Can wait until it has ended or changed."""
    deadline = monotonic() + wait
    state = await _read(caller, search_id)
    if wait and not _is_wanted(state, known):
        async with watching_of(request).watch(state.search.user_id, [search_id]) as watcher:
            state = await _wait(watcher, state, known, deadline)
    tag = f'"{_version(state)}"'
    if known is not None and tag in known:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(_document(state), headers={"ETag": tag}, media_type="application/json")


@router.get(
    "/{search_id}/events",
    operation_id="stream_search",
    response_class=EventStream,
    responses={204: {"description": "The search had ended with the last event that was received."}},
)
async def stream(caller: Reading, request: Request, search_id: UUID, last_seen: LastSeen = None) -> Response:
    """The search after each change, as Server-Sent Events: `progress`, and `end` once it has ended.

    `problem` is the last event where the search was deleted or the key revoked meanwhile.
    """
    state = await _read(caller, search_id)
    if not state.search.status.is_open and last_seen == _version(state):
        return Response(status_code=204)
    return EventStream(_events(caller, watching_of(request), state, last_seen))


async def _read(caller: Access, search_id: UUID) -> WatchedSearch:
    async def work(tx: Transaction) -> WatchedSearch:
        search = await service.get_search(tx, await caller.user(tx), str(search_id))
        return WatchedSearch(search, await queries.list_runs(tx, search.user_id, search.id))

    return await caller.read(work)


async def _wait(watcher: Watcher, state: WatchedSearch, known: str | None, deadline: float) -> WatchedSearch:
    """Raises NotFound where the search is deleted meanwhile."""
    while not watcher.is_over and not _is_wanted(state, known):
        left = deadline - monotonic()
        if left <= 0:
            break
        if changed := await watcher.changes(within=left):
            state = changed[0]
    if watcher.deleted:
        raise NotFound("There is no such search.")
    return state


def _is_wanted(state: WatchedSearch, known: str | None) -> bool:
    """Whether the client waits for no more than this."""
    if not state.search.status.is_open:
        return True
    return known is not None and _version(state) not in known


async def _events(
    caller: Access, watching: SearchWatching, state: WatchedSearch, last_seen: str | None
) -> AsyncGenerator[bytes, None]:
    search_id = SearchId(state.search.id)
    async with watching.watch(state.search.user_id, [search_id]) as watcher:
        checked = monotonic()
        while not watcher.is_over:
            changed = await watcher.changes(within=HEARTBEAT_SECONDS)
            if monotonic() - checked >= HEARTBEAT_SECONDS:
                if not await _may_watch(caller):
                    yield _problem(401, REVOKED)
                    return
                checked = monotonic()
            for one in changed:
                if (version := _version(one)) != last_seen:
                    name = "progress" if one.search.status.is_open else "end"
                    yield server_event(name, _document(one).decode(), event_id=version)
            if not changed and not watcher.is_over:
                yield HEARTBEAT
        if watcher.deleted:
            yield _problem(404, "The search was deleted.")


async def _may_watch(caller: Access) -> bool:
    """A database that is out of reach ends no stream."""
    try:
        return await is_valid(caller.database, caller.caller)
    except DATABASE_TROUBLE:
        return True


def _problem(status: int, detail: str) -> bytes:
    return server_event("problem", bytes(problem(status, detail).body).decode())


def _document(state: WatchedSearch) -> bytes:
    return search_with_runs(state.search, state.runs).model_dump_json().encode()


def _version(state: WatchedSearch) -> str:
    """The same for the same document."""
    return hashlib.blake2b(_document(state), digest_size=8).hexdigest()
