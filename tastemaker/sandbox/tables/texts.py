"""A text that comes in pieces: its lines, and the objects of JSON. No piece of it may fill the memory."""

import io
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

LONGEST_LINE = 4_000_000
"""Characters of a line, a row or an object: what is longer is no creator."""

MOST_BLANK_LINES = 1_000_000
_MARKS = re.compile(r'\\.|["\[\]{},]', re.DOTALL)


class BadTable(ValueError):
    """The file as a whole cannot be read; `str()` of it says why."""


def lines_of(pieces: Iterator[str]) -> Iterator[str]:
    """With their ends. Raises BadTable where a line, or what there is of it, does not end."""
    blank, rest = 0, ""
    for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        for line in whole:
            blank = 0 if line.strip() else blank + 1
            if blank > MOST_BLANK_LINES:
                raise BadTable(f"it has more than {MOST_BLANK_LINES:,} blank lines in a row")
            yield line + "\n"
        if len(rest) > LONGEST_LINE:
            raise BadTable(f"it has a line of more than {LONGEST_LINE:,} characters")
    if rest:
        yield rest


def objects_of(
    pieces: Iterator[str], kind: str, *, read: Callable[[str], dict[str, Any] | None] | None = None
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """A list of objects, numbered from 1, or an object per line with its line; by default flattened."""
    read = read or _object
    first = next(pieces, "")
    while first and not first.strip():
        first = next(pieces, "")
    chained = itertools.chain([first], pieces)
    if kind == ".json" and first.lstrip().startswith("["):
        yield from enumerate(map(read, _elements(chained)), start=1)
        return
    for number, line in enumerate(lines_of(chained), start=1):
        if line.strip():
            yield number, read(line)


def _elements(pieces: Iterator[str]) -> Iterator[str]:
    """The texts of a JSON list's elements, one after another: the list is never in memory as a whole."""
    scanner, element = _Scanner(), io.StringIO()
    for piece in pieces:
        start = 0
        for mark, depth in scanner.brackets(piece):
            if depth == 1 and mark[0] == "[":
                start = mark.end()
            elif (depth == 1 and mark[0] == ",") or (depth == 0 and mark[0] == "]"):
                element.write(piece[start : mark.start()])
                if text := element.getvalue().strip():
                    yield text
                element, start = io.StringIO(), mark.end()
        element.write(piece[start:])
        if element.tell() > LONGEST_LINE:
            raise BadTable(f"it has an object of more than {LONGEST_LINE:,} characters")
    if scanner.depth:
        raise BadTable("its list does not end; is it cut off?")


class _Scanner:
    """Brackets and commas outside the strings of a JSON text that comes in pieces."""

    def __init__(self) -> None:
        self.depth = 0
        self._is_text = False

    def brackets(self, piece: str) -> Iterator[tuple[re.Match[str], int]]:
        """Each with the depth behind it."""
        for mark in _MARKS.finditer(piece):
            sign = mark[0]
            if sign == '"':
                self._is_text = not self._is_text
            elif not self._is_text and len(sign) == 1:
                self.depth += (sign in "[{") - (sign in "]}")
                yield mark, self.depth


def _object(line: str) -> dict[str, Any] | None:
    row = read_object(line)
    return None if row is None else _flat(row)


def read_object(line: str) -> dict[str, Any] | None:
    try:
        row = orjson.loads(line)
    except (orjson.JSONDecodeError, UnicodeError):
        return None
    return row if isinstance(row, dict) else None


def whole_of(pieces: Iterator[str]) -> str:
    whole = io.StringIO()
    for piece in pieces:
        whole.write(piece)
        if whole.tell() > LONGEST_LINE:
            raise BadTable(f"it has an object of more than {LONGEST_LINE:,} characters")
    return whole.getvalue()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """One level of objects inside becomes keys of its own."""
    if not any(isinstance(value, dict) for value in row.values()):
        return row
    flat: dict[str, Any] = {}
    for key, value in row.items():
        flat |= (
            {f"{key}.{name}": one for name, one in value.items()} if isinstance(value, dict) else {key: value}
        )
    return flat


def as_text(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
