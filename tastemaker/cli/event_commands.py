"""`tastemaker events …`: the log, as its operator sees it: everybody's."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson
from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import counted, moment
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session
from tastemaker.cli.signals import stop_signals
from tastemaker.cli.table import Column
from tastemaker.config_store.hot_reload import load_configuration
from tastemaker.config_store.keys import ENABLE_EVENT_REPLAY
from tastemaker.core.errors import ExitCode, InvalidInput, NotFound
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Times without a zone are UTC."""

    types: tuple[str, ...]
    since: datetime | None
    until: datetime | None

    def __post_init__(self) -> None:
        unknown = [name for name in self.types if find_type(name) is None]
        if unknown:
            known = ", ".join(event_type.value for event_type in EventType)
            raise InvalidInput(f"There is no event type {unknown[0][:60]!r}; known are: {known}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    which: str
    subscriber: str | None
    event: str | None
    correlation: str | None


async def show_events(
    session: Session, wanted: Filter, *, after: str | None, limit: int, as_json: bool
) -> None:
    page = await list_events(
        session.database,
        None,
        types=wanted.types,
        since=_utc(wanted.since),
        until=_utc(wanted.until),
        after=after,
        limit=limit,
    )
    if as_json:
        screen.write_json({"events": [asdict(event) for event in page.rows], "next": page.next})
    elif not page.rows:
        screen.show("There is no such event.")
    else:
        show_table(EVENT_COLUMNS, [_event_row(event) for event in page.rows])
        _tell_next(page.next)


async def show_event(session: Session, reference: str, *, as_json: bool) -> None:
    event = await _find(session, reference)
    deliveries = await list_deliveries(session.database, None, event.id) if event else []
    correlation = reference if event is None else event.correlation_id
    trees = await read_correlation(session.database, None, correlation) if correlation else ()
    if event is None and not trees:
        raise NotFound("There is no such event, and no correlation of that id.")
    if as_json:
        screen.write_json(
            {
                "event": asdict(event) if event else None,
                "deliveries": [asdict(delivery) for delivery in deliveries],
                "correlation": [_document(tree) for tree in trees],
            }
        )
        return
    if event:
        _show_facts(event)
    if deliveries:
        screen.show("")
        show_table(DELIVERY_COLUMNS, [_delivery_row(delivery) for delivery in deliveries])
    if trees:
        screen.show("")
        screen.show(Text(f"Set off together, as {plain(str(correlation))}:", style="dim"))
        for line in _lines(trees):
            screen.show(line, wraps=False)


async def follow(session: Session, types: tuple[str, ...], *, after: int | None, as_json: bool) -> None:
    Filter(types=types, since=None, until=None)
    stopping = asyncio.Event()
    with stop_signals(stopping):
        if not as_json:
            screen.say("Waiting for events. Ctrl-C ends it.", style="dim")
        async for event in tail(session.database, None, types=types, after=after, stopping=stopping):
            if as_json:
                screen.write_line(asdict(event))
            else:
                screen.show(Text(_line(event)), wraps=False)


async def show_failed(session: Session, *, after: str | None, limit: int, as_json: bool) -> None:
    page = await list_failed(session.database, after=after, limit=limit)
    if as_json:
        screen.write_json({"failed": [asdict(delivery) for delivery in page.rows], "next": page.next})
    elif not page.rows:
        screen.show("No delivery was given up.")
    else:
        show_table(DELIVERY_COLUMNS, [_delivery_row(delivery) for delivery in page.rows])
        _tell_next(page.next)


async def deliver_again(session: Session, chosen: Replayed, wanted: Filter, *, as_json: bool) -> None:
    """Raises ReplayDisabled, InvalidInput."""
    selection = Selection(
        which=_which(chosen.which),
        subscriber=chosen.subscriber,
        event_types=wanted.types,
        event_id=_event_id(chosen.event),
        correlation_id=chosen.correlation,
        since=_utc(wanted.since),
        until=_utc(wanted.until),
    )
    enabled = (await load_configuration(session.database))[ENABLE_EVENT_REPLAY]
    async with session_scope(session.database, SYSTEM) as writing:
        count = await replay(writing, selection, enabled=enabled, subscribers=known_subscribers())
    if as_json:
        screen.write_json({"deliveries": count})
    else:
        screen.show(f"{counted(count, 'delivery', 'deliveries')} will be tried again by a worker.")


async def compare(session: Session, *, snapshot: bool, as_json: bool) -> ExitCode:
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


def _show_facts(event: RecordedEvent) -> None:
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
    for name, value in facts.items():
        screen.show(Text.assemble((f"{name:<10}", "dim"), plain(value)), wraps=False)


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


def _line(event: RecordedEvent) -> str:
    of = f"{event.aggregate_type} {plain(event.aggregate_id)}"
    return f"{event.timestamp:%H:%M:%S}  {event.seq}  {event.event_type}  {of}  {event.source_system}"


def _lines(trees: Sequence[Caused]) -> list[Text]:
    """Without recursion, as the trees are made: a chain of causes may be long."""
    waiting = [(tree, 0) for tree in reversed(trees)]
    lines = []
    while waiting:
        tree, depth = waiting.pop()
        lines.append(Text(f"{'  ' * min(depth, 20)}{_line(tree.event)}  {tree.event.id}"))
        waiting += [(effect, depth + 1) for effect in reversed(tree.effects)]
    return lines


def _document(tree: Caused) -> dict[str, object]:
    """Flat, with each event's depth: what reads JSON may not follow a long chain either."""
    flat, waiting = [], [(tree, 0)]
    while waiting:
        at, depth = waiting.pop()
        flat.append({"depth": depth, **asdict(at.event)})
        waiting += [(effect, depth + 1) for effect in reversed(at.effects)]
    return {"events": flat}


def _which(word: str) -> Which:
    try:
        return Which(word)
    except ValueError:
        raise InvalidInput(f"--which is failed, missing or all, not {word[:20]!r}.") from None


def _event_id(word: str | None) -> UUID | None:
    try:
        return None if word is None else UUID(word)
    except ValueError:
        raise InvalidInput(f"{word[:40]!r} is no event's id." if word else "An id is missing.") from None


def _utc(when: datetime | None) -> datetime | None:
    return None if when is None else when.replace(tzinfo=UTC)


def _tell_next(cursor: str | None) -> None:
    if cursor:
        screen.say(f"There are more: --after {cursor}", style="dim")
