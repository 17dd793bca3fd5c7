"""`/system/events`: what happened, the latest first, and everything about one event."""

from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from tastemaker.admin.access import Administrator, Word, as_system
from tastemaker.config_store.keys import ENABLE_EVENT_REPLAY
from tastemaker.core.display import counted
from tastemaker.core.errors import NotFound
from tastemaker.events.names import EventType, find_type
from tastemaker.events.reading_queries import find_event, list_deliveries, list_events, list_failed
from tastemaker.events.replaying import Selection, Which, replay
from tastemaker.events.subscribers import known_subscribers
from tastemaker.web.pages import page, redirect

EVENTS: Final = "/system/events"
PAGE_SIZE: Final = 100
MOST_FAILED: Final = 20

router = APIRouter(include_in_schema=False)


@router.get(EVENTS)
async def show_events(
    visit: Administrator,
    type: Word = "",  # noqa: A002 - the URL's word
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    chosen = find_type(type) if type else None
    types = (chosen.value,) if chosen else ()
    found = await list_events(visit.database, None, types=types, after=after, limit=PAGE_SIZE)
    failed = None if types or after else await list_failed(visit.database, limit=MOST_FAILED)
    return page(
        visit.request,
        "admin/events.html",
        events=found.rows,
        failed=failed.rows if failed else (),
        next=found.next,
        after=after,
        chosen=chosen,
        types=sorted(EventType),
    )


@router.get(f"{EVENTS}/{{event_id}}")
async def show_event(visit: Administrator, event_id: UUID) -> Response:
    event = await find_event(visit.database, None, event_id)
    if event is None:
        raise NotFound("There is no such event.")
    return page(
        visit.request,
        "admin/event.html",
        event=event,
        data=_written(event.event_data),
        about=_written(event.metadata or {}),
        deliveries=await list_deliveries(visit.database, None, event_id),
    )


@router.post(f"{EVENTS}/{{event_id}}/replays")
async def replay_event(visit: Administrator, event_id: UUID) -> Response:
    """Try the deliveries again that were given up."""
    enabled = visit.services.rate_limit.config[ENABLE_EVENT_REPLAY]
    selection = Selection(which=Which.FAILED, event_id=event_id)
    count = await as_system(
        visit, lambda tx: replay(tx, selection, enabled=enabled, subscribers=known_subscribers())
    )
    said = f"{counted(count, 'delivery', 'deliveries')} will be tried again by a worker."
    return redirect(f"{EVENTS}/{event_id}", said=said)


def _written(document: object) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode()
