"""`/system/events`: what happened, the latest first, and everything about one event."""

from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from tastemaker.admin.access import Administrator, Word
from tastemaker.core.errors import NotFound
from tastemaker.events.names import EventType, find_type
from tastemaker.events.reading_queries import find_event, list_deliveries, list_events
from tastemaker.web.pages import page

EVENTS: Final = "/system/events"
PAGE_SIZE: Final = 100

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
    return page(
        visit.request,
        "admin/events.html",
        events=found.rows,
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


def _written(document: object) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode()
