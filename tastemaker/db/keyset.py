"""Reading a growing list page by page: where a page ended, as a word that a client hands back.

A cursor names the last row by what the list is ordered by, so rows that arrive meanwhile shift nothing. It
is no secret and no permission: the statement that it goes into names the tenant.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Generic, NewType, TypeVar
from uuid import UUID

import orjson

from tastemaker.core.errors import InvalidInput

Row = TypeVar("Row")

Cursor = NewType("Cursor", str)
"""Opaque outside this module."""

MOST_ROWS: Final = 1000
_LONGEST: Final = 400
_UNREADABLE: Final = "That is no place in this list; start again from its first page."


@dataclass(frozen=True, slots=True)
class Place:
    """After which row to read on: its time, and the id or number that tells it from others of that time."""

    at: datetime
    key: UUID | int


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    """`next` is None on the last page."""

    rows: tuple[Row, ...]
    next: Cursor | None


def page_of(rows: Sequence[Row], limit: int, *, of: str, place: Callable[[Row], Place]) -> KeysetPage[Row]:
    """The page of a list named `of`. One row more than `limit` tells that there is another page."""
    shown = tuple(rows[:limit])
    if len(rows) <= limit or not shown:
        return KeysetPage(shown, next=None)
    return KeysetPage(shown, next=_cursor(of, place(shown[-1])))


def read_cursor(cursor: str | None, *, of: str) -> Place | None:
    """None is the first page. Raises InvalidInput for what no page of the list named `of` has given out."""
    if cursor is None:
        return None
    if len(cursor) > _LONGEST:
        raise InvalidInput(_UNREADABLE)
    try:
        name, at, key = orjson.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=="))
        place = Place(datetime.fromisoformat(at).astimezone(UTC), key if type(key) is int else UUID(key))
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error):
        raise InvalidInput(_UNREADABLE) from None
    if name != of:
        raise InvalidInput(_UNREADABLE)
    return place


def checked_limit(limit: int) -> int:
    """Raises InvalidInput outside 1 to 1000."""
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidInput(f"A page holds 1 to {MOST_ROWS} rows.")
    return limit


def _cursor(name: str, place: Place) -> Cursor:
    key = place.key if isinstance(place.key, int) else str(place.key)
    said = orjson.dumps([name, place.at.astimezone(UTC).isoformat(), key])
    return Cursor(urlsafe_b64encode(said).rstrip(b"=").decode())
