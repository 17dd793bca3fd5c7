"""`tastemaker events …`: the event log of every user, and its deliveries."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import orjson
import typer
from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.ledgers import put_back
from tastemaker.cli.listing import Listing, show_facts, show_table
from tastemaker.cli.options import Cursor, Json, Limit, word_of
from tastemaker.cli.plain_text import plain
from tastemaker.cli.process import stop_signals
from tastemaker.cli.session import Session, in_session, with_session
from tastemaker.cli.table import Column
from tastemaker.config_store.hot_reload import load_configuration
from tastemaker.config_store.keys import ENABLE_EVENT_REPLAY
from tastemaker.core.display import counted, moment
from tastemaker.core.errors import ExitCode, InvalidInput, NotFound
from tastemaker.events.names import EventType, find_type
from tastemaker.events.reading_queries import (
    Caused,
    StoredDelivery,
    find_event,
    list_deliveries,
    list_events,
    list_failed,
    read_correlation,
)
from tastemaker.events.recorded import RecordedEvent
from tastemaker.events.replaying import Selection, Which, replay
from tastemaker.events.subscribers import known_subscribers
from tastemaker.events.tailing import tail
from tastemaker.ops.rebuilding import Comparison, compare_states, write_snapshots

events_app = group("events")

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]

Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="Only events of this type; may be repeated."),
]

Since = Annotated[
    datetime | None, typer.Option("--since", formats=FORMATS, help="Only from this time on (UTC).")
]

Until = Annotated[
    datetime | None, typer.Option("--until", formats=FORMATS, help="Only before this time (UTC).")
]

EVENT_COLUMNS = (
    Column(title="When (UTC)", least=16),
    Column(title="What", least=12, most=40),
    Column(title="Of", least=10, most=50),
    Column(title="By", rank=2, most=20),
    Column(title="Delivered", rank=1),
    Column(title="Id", least=8, most=36, style="dim", rank=3),
)

DELIVERY_COLUMNS = (
    Column(title="Subscriber", least=10),
    Column(title="State"),
    Column(title="Tries", right=True, rank=1),
    Column(title="Event", least=12, most=36, rank=2),
    Column(title="What", least=10, rank=3),
    Column(title="Why", least=10, most=80),
)

DIFFERENCE_COLUMNS = (
    Column(title="Of", least=8, most=60),
    Column(title="Field"),
    Column(title="By its events", least=10),
    Column(title="As stored", least=10),
)


def _event_row(event: RecordedEvent) -> Sequence[str]:
    return (
        moment(event.timestamp),
        event.event_type,
        f"{event.aggregate_type} {plain(event.aggregate_id)}",
        event.source_system,
        event.processing_status,
        str(event.id),
    )


def _delivery_row(delivery: StoredDelivery) -> Sequence[str]:
    return (
        plain(delivery.subscriber),
        delivery.status,
        f"{delivery.attempts}",
        str(delivery.event_id),
        delivery.event_type,
        plain(delivery.error or ""),
    )


EVENTS = Listing("events", EVENT_COLUMNS, _event_row, empty="There is no such event.")
FAILED = Listing("failed", DELIVERY_COLUMNS, _delivery_row, empty="No delivery has failed.")


@events_app.command("list")
def show_all(
    *,
    types: Types = None,
    since: Since = None,
    until: Until = None,
    after: Cursor = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show the events of all users, the latest first."""
    wanted = _known(types)

    async def work(session: Session) -> None:
        page = await list_events(
            session.database,
            None,
            types=wanted,
            since=_utc(since),
            until=_utc(until),
            after=after,
            limit=limit,
        )
        EVENTS.show_page(page, command="--after", as_json=as_json)

    in_session(work)


@events_app.command("show")
@with_session
async def show_one(
    session: Session,
    event: Annotated[str, typer.Argument(metavar="EVENT|CORRELATION", help="An id of either.")],
    *,
    as_json: Json = False,
) -> None:
    """Show an event, its deliveries, and all events of the same correlation."""
    found = await _find(session, event)
    deliveries = await list_deliveries(session.database, None, found.id) if found else []
    correlation = event if found is None else found.correlation_id
    trees = await read_correlation(session.database, None, correlation) if correlation else ()
    if found is None and not trees:
        raise NotFound("There is no such event, and no correlation of that id.")
    if as_json:
        screen.write_json(
            {
                "event": asdict(found) if found else None,
                "deliveries": [asdict(delivery) for delivery in deliveries],
                "correlation": [_document(tree) for tree in trees],
            }
        )
        return
    if found:
        _show_event(found)
    if deliveries:
        screen.show("")
        FAILED.show_table(deliveries)
    if trees:
        screen.show("")
        screen.show(Text(f"Set off together, as {plain(str(correlation))}:", style="dim"))
        for line in _lines(trees):
            screen.show(line, wraps=False)


@events_app.command("tail")
def follow(
    *,
    types: Types = None,
    after: Annotated[
        int | None,
        typer.Option("--after", metavar="SEQ", min=0, help="Begin after this number; 0 is the first."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line.")] = False,
) -> None:
    """Show events as they happen, until Ctrl-C."""
    wanted = _known(types)

    async def work(session: Session) -> None:
        stopping = asyncio.Event()
        with stop_signals(stopping):
            if not as_json:
                screen.say("Waiting for events. Ctrl-C ends it.", style="dim")
            async for event in tail(session.database, None, types=wanted, after=after, stopping=stopping):
                if as_json:
                    screen.write_line(asdict(event))
                else:
                    screen.show(Text(_line(event)), wraps=False)

    in_session(work)


@events_app.command("failed")
@with_session
async def show_failed(
    session: Session, *, after: Cursor = None, limit: Limit = 50, as_json: Json = False
) -> None:
    """Show the failed deliveries (the dead letters) and their errors."""
    page = await list_failed(session.database, after=after, limit=limit)
    FAILED.show_page(page, command="--after", as_json=as_json)


@events_app.command("replay")
def deliver_again(
    *,
    which: Annotated[
        str, typer.Option("--which", help="failed, missing (never delivered to a subscriber), or all.")
    ] = "failed",
    subscriber: Annotated[
        str | None, typer.Option("--subscriber", metavar="NAME", help="Only for this subscriber.")
    ] = None,
    event: Annotated[str | None, typer.Option("--event", metavar="ID", help="Only this event.")] = None,
    correlation: Annotated[
        str | None, typer.Option("--correlation", metavar="ID", help="Only events of this correlation.")
    ] = None,
    types: Types = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Make deliveries due again. A worker runs them."""
    selection = Selection(
        which=word_of(Which, which) or Which.FAILED,
        subscriber=subscriber,
        event_types=_known(types),
        event_id=_event_id(event),
        correlation_id=correlation,
        since=_utc(since),
        until=_utc(until),
    )

    async def work(session: Session) -> None:
        enabled = (await load_configuration(session.database))[ENABLE_EVENT_REPLAY]
        await put_back(
            session,
            lambda tx: replay(tx, selection, enabled=enabled, subscribers=known_subscribers()),
            member="deliveries",
            named=("delivery", "deliveries"),
            sentence="will be tried again by a worker.",
            as_json=as_json,
        )

    in_session(work)


@events_app.command("check")
@with_session
async def compare(
    session: Session,
    *,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="First write a snapshot for rows without events.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Rebuild each search and subscription from its events and compare it with the stored one."""
    written = await write_snapshots(session.database, actor=session.user.user_id) if snapshot else 0
    found = await compare_states(session.database)
    if as_json:
        screen.write_json(
            {
                "compared": found.compared,
                "snapshots": written,
                "unrecorded": found.unrecorded,
                "differences": [asdict(difference) for difference in found.differences],
            }
        )
    else:
        _show_comparison(found, written)
    return ExitCode.FAILED if found.differences else ExitCode.OK


async def _find(session: Session, reference: str) -> RecordedEvent | None:
    try:
        return await find_event(session.database, None, UUID(reference))
    except ValueError:
        return None


def _show_event(event: RecordedEvent) -> None:
    screen.show(
        Text(f"{event.event_type} of {event.aggregate_type} {plain(event.aggregate_id)}", style="bold")
    )
    facts = {
        "When": moment(event.timestamp),
        "By": event.source_system,
        "User": event.tenant_id or "-",
        "Cause": event.causation_id or "-",
        "Delivery": event.processing_status,
        "Number": f"{event.seq}",
        "Data": orjson.dumps(event.event_data).decode(),
        "About": orjson.dumps(event.metadata or {}).decode(),
    }
    show_facts((name, plain(value)) for name, value in facts.items())


def _show_comparison(found: Comparison, written: int) -> None:
    searches, subscriptions = found.compared["job"], found.compared["subscription"]
    if written:
        screen.show(f"Wrote {counted(written, 'snapshot')}.")
    if found.differences:
        rows = [
            (
                f"{each.aggregate} {plain(each.aggregate_id)}",
                each.field,
                plain(str(each.rebuilt)),
                plain(str(each.stored)),
            )
            for each in found.differences
        ]
        show_table(DIFFERENCE_COLUMNS, rows)
    if found.unrecorded:
        more = "`tastemaker events check --snapshot` gives them a beginning."
        screen.show(f"{len(found.unrecorded):,} without history. {more}")
    what = f"{counted(searches, 'search', 'searches')} and {counted(subscriptions, 'subscription')}"
    screen.show(f"{what} compared: {counted(len(found.differences), 'difference')}.")


def _line(event: RecordedEvent) -> str:
    of = f"{event.aggregate_type} {plain(event.aggregate_id)}"
    return f"{event.timestamp:%H:%M:%S}  {event.seq}  {event.event_type}  {of}  {event.source_system}"


def _lines(trees: Sequence[Caused]) -> list[Text]:
    """Without recursion: a chain of causes may be long."""
    waiting = [(tree, 0) for tree in reversed(trees)]
    lines = []
    while waiting:
        tree, depth = waiting.pop()
        lines.append(Text(f"{'  ' * min(depth, 20)}{_line(tree.event)}  {tree.event.id}"))
        waiting += [(effect, depth + 1) for effect in reversed(tree.effects)]
    return lines


def _document(tree: Caused) -> dict[str, object]:
    """Flat, with each event's depth: a long chain would nest too deep for readers of JSON."""
    flat, waiting = [], [(tree, 0)]
    while waiting:
        at, depth = waiting.pop()
        flat.append({"depth": depth, **asdict(at.event)})
        waiting += [(effect, depth + 1) for effect in reversed(at.effects)]
    return {"events": flat}


def _event_id(word: str | None) -> UUID | None:
    try:
        return None if word is None else UUID(word)
    except ValueError:
        raise InvalidInput(f"{word[:40]!r} is no event's id." if word else "An id is missing.") from None


def _utc(when: datetime | None) -> datetime | None:
    return None if when is None else when.replace(tzinfo=UTC)


def _known(types: list[str] | None) -> tuple[str, ...]:
    """Raises InvalidInput for a type that does not exist."""
    for name in types or ():
        if find_type(name) is None:
            known = ", ".join(event_type.value for event_type in EventType)
            raise InvalidInput(f"There is no event type {name[:60]!r}; known are: {known}.")
    return tuple(types or ())
