"""Rows of CSV and JSON files, plain or compressed, each with the line where it begins."""

import csv
import gzip
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from tastemaker.core.errors import InvalidInput

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
SAMPLE = 200

LONGEST_LINE = 50_000_000
LONGEST_LIST = 500_000_000
"""Characters in memory at once: a small compressed file may unpack to more than a machine holds."""

MOST_BLANK_LINES = 1_000_000
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb": "utf-8-sig"}
_DELIMITERS = (",", ";", "\t", "|")


class BadTable(ValueError):
    """The file as a whole cannot be read; `str()` of it says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """`number` is where the row begins, from 1. `cells` is None where the line is no row at all."""

    number: int
    cells: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class OpenTable:
    headings: Sequence[str]
    sample: Sequence[Sequence[str]]
    """The first rows, for recognising the layout; they are among the lines as well."""

    lines: Iterator[Line]


def find_tables(paths: Sequence[Path]) -> list[Path]:
    """The files themselves, and for directories all tables below them. Raises InvalidInput."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(below for below in path.rglob("*") if below.is_file() and _is_table(below))
        elif not path.is_file():
            raise InvalidInput(f"There is no file {path}.")
        elif not _is_table(path):
            raise InvalidInput(f"{path.name} is no table: {', '.join(SUFFIXES)} can be read, also with .gz.")
        else:
            found.append(path)
    if not found:
        raise InvalidInput("There is no table to import.")
    return found


@contextmanager
def open_table(path: Path) -> Iterator[OpenTable]:
    """Raises BadTable, also while the lines are read."""
    try:
        with _open_text(path) as text:
            rows = _csv_rows(text) if _kind(path) in {".csv", ".tsv"} else _json_rows(text, _kind(path))
            yield _table(rows)
    except (OSError, EOFError, UnicodeError, csv.Error) as error:
        raise BadTable(f"it cannot be read: {error}") from error


def _table(rows: Iterator[Line]) -> OpenTable:
    """The first row has the headings."""
    headings = next((line.cells for line in rows if line.cells is not None), None)
    if headings is None:
        raise BadTable("it is empty")
    first = list(itertools.islice(rows, SAMPLE))
    sample = [line.cells for line in first if line.cells is not None]
    return OpenTable(headings, sample, itertools.chain(first, rows))


def _is_table(path: Path) -> bool:
    return _kind(path) in SUFFIXES


def _kind(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


@contextmanager
def _open_text(path: Path) -> Iterator[IO[str]]:
    """Bytes that are no UTF-8 stay marked, so that only their rows are refused."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rb") as raw:
        encoding = _BYTE_ORDER_MARKS.get(raw.read(2), "utf-8")
    with opened(path, "rt", encoding=encoding, errors="surrogateescape", newline="") as text:
        yield text


def _lines(text: IO[str]) -> Iterator[str]:
    """Raises BadTable where a line, or what there is of it, does not end."""
    blank = 0
    while line := text.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            raise BadTable(f"it has a line of more than {LONGEST_LINE:,} characters")
        blank = 0 if line.strip() else blank + 1
        if blank > MOST_BLANK_LINES:
            raise BadTable(f"it has more than {MOST_BLANK_LINES:,} blank lines in a row")
        yield line


def _csv_rows(text: IO[str]) -> Iterator[Line]:
    """Blank rows are passed over."""
    csv.field_size_limit(LONGEST_LINE)
    lines = _lines(text)
    blank, head = 0, next(lines, "")
    while head and not head.strip():
        blank, head = blank + 1, next(lines, "")
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(itertools.chain([head], lines), delimiter=delimiter)
    before = blank
    for cells in reader:
        begins, before = before + 1, blank + reader.line_num
        if any(cell.strip() for cell in cells):
            yield Line(begins, [cell.replace("\x00", "") for cell in cells])


def _json_rows(text: IO[str], kind: str) -> Iterator[Line]:
    """The keys of the first objects are the headings; lists and numbers become their texts."""
    lines = _json_array(text) if kind == ".json" else _json_lines(text)
    first = list(itertools.islice(lines, SAMPLE))
    keys = list(dict.fromkeys(key for _, row in first if row is not None for key in row))
    if keys:
        yield Line(0, keys)
    for number, row in itertools.chain(first, lines):
        yield Line(number, None if row is None else [_as_text(row.get(key)) for key in keys])


def _json_lines(text: IO[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    for number, line in enumerate(_lines(text), start=1):
        if line.strip():
            yield number, _object(line)


def _json_array(text: IO[str]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """A list of objects, numbered from 1; a file with an object per line is understood too."""
    whole = text.read(LONGEST_LIST + 1)
    if len(whole) > LONGEST_LIST:
        raise BadTable(f"it has more than {LONGEST_LIST:,} characters; give an object per line, as .jsonl")
    try:
        rows = orjson.loads(whole)
    except (orjson.JSONDecodeError, UnicodeError):
        yield from (
            (at, _object(line)) for at, line in enumerate(whole.splitlines(), start=1) if line.strip()
        )
        return
    if not isinstance(rows, list):
        raise BadTable("it holds no list of objects")
    yield from ((at, row if isinstance(row, dict) else None) for at, row in enumerate(rows, start=1))


def _object(line: str) -> dict[str, Any] | None:
    try:
        row = orjson.loads(line)
    except (orjson.JSONDecodeError, UnicodeError):
        return None
    return row if isinstance(row, dict) else None


def _as_text(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
