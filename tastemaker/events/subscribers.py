"""Who wants to hear of what: `@subscribes(SearchFinished, name="campaign_mail")`."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tastemaker.db.transaction import Transaction
from tastemaker.events.names import EventType, Payload, all_names
from tastemaker.events.recorded import RecordedEvent

Handle = Callable[[Transaction, RecordedEvent], Awaitable[None]]
"""Runs in the delivery's transaction, by the system's claim. A network call is a job's, or the outbox's."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """`name` stands in `event_deliveries` for good: renamed, it is another subscriber."""

    name: str
    types: frozenset[EventType]
    handle: Handle


Subscribers = Mapping[str, Subscriber]

_known: Final[dict[str, Subscriber]] = {}


def subscribes(*payloads: type[Payload], name: str) -> Callable[[Handle], Handle]:
    """Register a function for these events. Raises ValueError when another has the name."""

    def register(handle: Handle) -> Handle:
        subscriber = Subscriber(name, frozenset(payload.event_type for payload in payloads), handle)
        if name in _known:
            raise ValueError(f"two subscribers are called {name!r}")
        _known[name] = subscriber
        return handle

    return register


def known_subscribers() -> Subscribers:
    """Those of every module that this process has imported."""
    return dict(_known)


def wishes(subscribers: Iterable[Subscriber]) -> list[tuple[str, str]]:
    """Which event type, by any of its names, is for which subscriber."""
    return [
        (name, subscriber.name)
        for subscriber in subscribers
        for event_type in sorted(subscriber.types)
        for name in all_names(event_type)
    ]
