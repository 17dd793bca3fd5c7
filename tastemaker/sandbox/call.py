"""One call to the sandbox as its handlers see it: parameters, pages, cursors, refusals."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tastemaker.sandbox.faults import Faults
from tastemaker.sandbox.library import Library

Body = dict[str, Any]

VALID_KEY = "sandbox"
"""The one key that both APIs accept here."""

Row = TypeVar("Row")
TOKEN_LENGTH = 588
"""As long as the longest token seen in recordings."""

_BYTES = TOKEN_LENGTH * 3 // 4
_PLACE = 4


class BadToken(ValueError):
    """Not a token of ours, or one of another question."""


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    rows: Sequence[Row]
    first: int
    following: int | None
    """Where the next page begins; None at the end."""


@dataclass(frozen=True, slots=True)
class SandboxCall:
    """`number` counts all calls since the faults were set, from 1."""

    library: Library
    params: Mapping[str, str]
    faults: Faults
    number: int

    def text(self, name: str) -> str | None:
        """The parameter, None where absent or blank."""
        return self.params.get(name, "").strip() or None

    def repeats(self, usual: float) -> float:
        return usual if self.faults.duplicate_rate is None else self.faults.duplicate_rate


Handler = Callable[[SandboxCall], Body]
"""Runs in a thread, may ask the library, raises Refusal."""


class Refusal(Exception):
    """An error answer of the imitated API."""

    def __init__(self, status: int, body: Body) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def cut(rows: Sequence[Row], place: int, size: int, faults: Faults) -> Slice[Row]:
    """The page that begins at `place`."""
    first = max(0, place - min(faults.overlap, size - 1)) if place else 0
    end = place + size
    following = end if end < len(rows) else None
    if faults.cursor_loop:
        following = place
    return Slice(rows[first:end], first, following)


def make_token(place: int, *question: object) -> str:
    """Opaque: the place, and filler that only fits this place of this question."""
    raw = place.to_bytes(_PLACE)
    return base64.urlsafe_b64encode(raw + _filler(raw, question)).decode()


def read_token(token: str, *question: object) -> int:
    """The place. Raises BadToken."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except ValueError:
        raise BadToken from None
    if raw[_PLACE:] != _filler(raw[:_PLACE], question):
        raise BadToken
    return int.from_bytes(raw[:_PLACE])


def _filler(place: bytes, question: tuple[object, ...]) -> bytes:
    text = "\x00".join(str(part) for part in question).encode()
    return hashlib.shake_256(place + text).digest(_BYTES - _PLACE)
