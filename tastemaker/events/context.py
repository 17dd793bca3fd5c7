"""What is being done while an event is recorded: the chain it belongs to, and what set it off.

The worker says so for each job, the web for each request, the dispatcher for each delivery; code that records
an event does not pass it on.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from tastemaker.events.redaction import checked_metadata

LONGEST_CHAIN: Final = 50
"""Deliveries that may set each other off, one after the other; more is a circle of subscribers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What is at work.

    `correlation_id` is shared by everything that one request set off; `causation_id` is the id of the event,
    job or message at work. `chain`: how many deliveries led here.
    """

    correlation_id: str | None = None
    causation_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    chain: int = 0


_NOTHING: Final = Cause()
_current: ContextVar[Cause] = ContextVar("cause", default=_NOTHING)


def current_cause() -> Cause:
    return _current.get()


@contextmanager
def caused_by(
    *,
    correlation_id: str | None,
    causation_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
    chain: int = 0,
) -> Iterator[Cause]:
    """For the time of the block, in this task and in those it starts. Raises UnfitMetadata."""
    cause = Cause(
        correlation_id=correlation_id,
        causation_id=causation_id,
        metadata=checked_metadata(metadata) if metadata else {},
        chain=chain,
    )
    token = _current.set(cause)
    try:
        yield cause
    finally:
        _current.reset(token)
