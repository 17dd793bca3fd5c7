"""What a provider answered last, for whoever has to say what could not be understood.

The adapters need not hand it on: whoever asks one listens, and the door of all calls tells.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

MOST_BYTES: Final = 8_192
"""Of an answer; more than is kept of it in the end, so that a key at the edge is seen whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """`beginning` is as it came; `secrets` are the values of the request that must not stay in it."""

    status: int
    content_type: str | None
    beginning: bytes
    bytes_read: int
    secrets: frozenset[str]


class Hearing:
    """Of one page: its calls may be several, one after another or side by side."""

    def __init__(self) -> None:
        self.last: Heard | None = None


_current: ContextVar[Hearing | None] = ContextVar("hearing", default=None)


@contextmanager
def listening() -> Iterator[Hearing]:
    hearing = Hearing()
    token = _current.set(hearing)
    try:
        yield hearing
    finally:
        _current.reset(token)


def hear(*, status: int, content_type: str | None, body: bytes | bytearray, secrets: Iterable[str]) -> None:
    """An answer came, as a whole or in part; nothing is kept where nobody listens."""
    if (hearing := _current.get()) is not None:
        hearing.last = Heard(
            status=status,
            content_type=content_type,
            beginning=bytes(body[:MOST_BYTES]),
            bytes_read=len(body),
            secrets=frozenset(secrets),
        )
