"""Cursors and pages: where a page begins, what the next cursor says, what becomes of a made-up one."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tastemaker.sandbox.faults import Faults

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
