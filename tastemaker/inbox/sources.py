"""Who may send us messages. Each is declared once, by the package that understands it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NewType

from tastemaker.core.errors import InvalidInput
from tastemaker.db.transaction import Transaction

InboxId = NewType("InboxId", int)

Announce = Callable[[Transaction, InboxId], Awaitable[object]]
"""Publishes the job that will process the message, in the transaction that keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSource:
    name: str
    meaning: str
    announce: Announce


_known: dict[str, InboxSource] = {}


def declare(source: InboxSource) -> InboxSource:
    """Make a source known to operators' commands. Raises ValueError when another has its name."""
    if _known.setdefault(source.name, source) is not source:
        raise ValueError(f"two sources are called {source.name!r}")
    return source


def source_named(name: str) -> InboxSource:
    """Raises InvalidInput."""
    if name not in _known:
        raise InvalidInput(
            f"There is no source {name[:50]!r}; known are: {', '.join(sorted(_known)) or 'none'}."
        )
    return _known[name]
