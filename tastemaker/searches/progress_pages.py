"""Pages of a search while it runs: its progress, live and on request; cancelled and resumed by a button."""

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.core.clock import monotonic
from tastemaker.core.display import counted
from tastemaker.core.ids import SearchId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.ratelimit.service import close_breakers
from tastemaker.searches import service
from tastemaker.searches.installation import installation_of
from tastemaker.searches.progress import SearchProgress, progress_of, read_progress
from tastemaker.searches.types import LIVE, Search
from tastemaker.searches.watching import watching_of
from tastemaker.web.pages import page, redirect, render
from tastemaker.web.sse import HEARTBEAT, HEARTBEAT_SECONDS, EventStream, server_event

LIVE_PARTS: Final = "searches/live.html"
STREAM_SECONDS: Final = 300.0
"""Then a browser connects again, and its session is checked again."""

MOST_WATCHED: Final = 50

router = APIRouter(include_in_schema=False)


@router.get("/searches/events", response_class=EventStream)
async def events_of_several(
    visit: SignedIn, search: Annotated[list[UUID], Query(max_length=MOST_WATCHED)]
) -> Response:
    """The rows of running searches, as they change. Those of other users are as if deleted."""
    return EventStream(_changes(visit, [SearchId(one) for one in search], "row"))


@router.get("/searches/{search_id}/events", response_class=EventStream)
async def events(visit: SignedIn, search_id: UUID) -> Response:
    """The progress of one search, as it changes."""
    await visit.run(lambda tx: _find(visit, tx, search_id))
    return EventStream(_changes(visit, [SearchId(search_id)], "live"))


@router.get("/searches/{search_id}/progress")
async def show_progress(visit: SignedIn, search_id: UUID) -> Response:
    """The block at the top of a search's page."""
    found = await visit.run(lambda tx: _find(visit, tx, search_id))
    return page(visit.request, LIVE_PARTS, block="progress", progress=found, opened=True)


@router.post("/searches/{search_id}/cancellation")
async def cancel(visit: SignedIn, search_id: UUID) -> Response:
    """Stop within a page; what was found stays."""

    async def work(tx: Transaction) -> str:
        user = await visit.user(tx)
        search = await service.cancel_search(tx, user, await service.get_search(tx, user, str(search_id)))
        return f"The search is cancelled. {counted(search.stored, 'creator')} kept."

    return redirect(f"/searches/{search_id}", said=await visit.run(work))


@router.post("/searches/{search_id}/resumption")
async def resume(visit: SignedIn, search_id: UUID) -> Response:
    """Continue a search that waits, now."""
    installation = installation_of(visit.request)

    async def work(tx: Transaction) -> bool:
        user = await visit.user(tx)
        search = await service.get_search(tx, user, str(search_id))
        if search.source == LIVE and search.status.is_open:
            installation.refuse_without_key(search.platform)
        await service.resume_search(tx, user, search)
        return user.is_admin and search.source == LIVE

    if await visit.run(work):  # perhaps there are credits again, or the trouble is over
        await in_transaction(visit.database, SYSTEM, close_breakers)
    return redirect(f"/searches/{search_id}", said="The search continues.")


async def _find(visit: Visit, tx: Transaction, search_id: UUID) -> SearchProgress:
    """Raises NotFound."""
    search = await service.get_search(tx, await visit.user(tx), str(search_id))
    (found,) = await read_progress(tx, visit.user_id, [search])
    return found


async def _changes(visit: Visit, searches: Sequence[SearchId], block: str) -> AsyncGenerator[bytes, None]:
    """`swap`: the part of the page that replaces the one with its id. `found`: there are new creators."""
    until = monotonic() + STREAM_SECONDS
    stored: dict[SearchId, int] = {}
    async with watching_of(visit.request).watch(visit.user_id, searches) as watcher:
        while not watcher.is_over and monotonic() < until:
            changed = await watcher.changes(within=HEARTBEAT_SECONDS)
            for state in changed:
                search = state.search
                is_last = not search.status.is_open
                shown = await _with_cost(visit, search) if is_last else progress_of(search, state.runs)
                yield _swap(visit.request, block, shown)
                if stored.get(search.id, search.stored) != search.stored:
                    yield server_event("found", str(search.id))
                stored[search.id] = search.stored
            if not changed:
                yield HEARTBEAT
        if not watcher.is_over:
            return
    yield server_event("end", "")


async def _with_cost(visit: Visit, search: Search) -> SearchProgress:
    (found,) = await visit.run(lambda tx: read_progress(tx, visit.user_id, [search]))
    return found


def _swap(request: Request, block: str, progress: SearchProgress) -> bytes:
    return server_event("swap", render(request, LIVE_PARTS, block=block, progress=progress, opened=True))
