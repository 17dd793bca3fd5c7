"""Rows of CSV, JSON and Excel files, plain or compressed, each with the line where it begins."""

import csv
import gzip
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import charset_normalizer

from tastemaker.core.errors import InvalidInput
from tastemaker.sandbox.tables.layout import known_headings
from tastemaker.sandbox.tables.texts import (
    LONGEST_LINE,
    BadTable,
    as_text,
    lines_of,
    objects_of,
    read_object,
    whole_of,
)
from tastemaker.sandbox.tables.workbooks import SUFFIX, BadWorkbook, open_workbook

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".xlsx")
SAMPLE = 200

PIECE = 1 << 18
LEAST_UNPACKED = 20_000_000
MOST_UNPACKED_TIMES = 200
"""Tables shrink to a tenth or less; what shrinks to so little was made to fill a machine."""

MOST_KEYS = 2_000
MOST_TITLE_ROWS = 20
ENOUGH_HEADINGS = 2
"""So many headings that are understood make a row the row of headings."""

SAMPLED_BYTES = 1_000_000
_TELLING_LINES = 500
_DELIMITED_LINES = 50
_MOST_LATIN = 0.4
_UNICODE = {"utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"}
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_DELIMITERS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(r"\ufeff?\"?sep=(.?)\"?", re.IGNORECASE)


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
    notes: tuple[str, ...] = ()
    """What was decided about the file, and what of it was passed over."""


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
    if path.suffix.lower() == SUFFIX:
        with _open_sheet(path) as table:
            yield table
        return
    try:
        _refuse_bomb(path)
        encoding = _encoding(path)
        notes = () if encoding in _UNICODE else (f"read as {encoding}, since it is not UTF-8",)
        with _open_text(path, encoding) as text:
            if _kind(path) in {".csv", ".tsv"}:
                yield _csv_table(_pieces(text), notes)
            else:
                with _open_text(path, encoding) as again:
                    yield _json_table(_pieces(text), _pieces(again), _kind(path), notes)
    except (OSError, EOFError, UnicodeError, csv.Error, zlib.error) as error:
        raise BadTable(f"it cannot be read: {error}") from error


@contextmanager
def open_objects(path: Path) -> Iterator[Iterator[tuple[int, dict[str, Any] | None]]]:
    """The objects of a JSON file as they are, each with its line or its place in the list.

    A `.json` file may be one object. Raises BadTable, also while they are read.
    """
    try:
        _refuse_bomb(path)
        with _open_text(path, _encoding(path)) as text:
            pieces = _pieces(text)
            first = next(pieces, "")
            chained = itertools.chain([first], pieces)
            if _kind(path) == ".json" and first.lstrip().startswith("{"):
                yield iter([(1, read_object(whole_of(chained)))])
            else:
                yield objects_of(chained, _kind(path), read=read_object)
    except (OSError, EOFError, UnicodeError, zlib.error) as error:
        raise BadTable(f"it cannot be read: {error}") from error


@contextmanager
def _open_sheet(path: Path) -> Iterator[OpenTable]:
    try:
        with open_workbook(path) as (rows, others):
            notes = (f"passed over: the sheets {', '.join(others)}",) if others else ()
            yield _headed_table((Line(number, cells) for number, cells in rows), notes)
    except BadWorkbook as error:
        raise BadTable(str(error)) from None


def _csv_table(pieces: Iterator[str], notes: tuple[str, ...]) -> OpenTable:
    return _headed_table(_csv_rows(lines_of(pieces)), notes)


def _headed_table(rows: Iterator[Line], notes: tuple[str, ...]) -> OpenTable:
    """The first row of headings that are understood has the headings, else the first row."""
    first = list(itertools.islice(rows, SAMPLE))
    if not first:
        raise BadTable("it is empty")
    known = [known_headings(line.cells or ()) for line in first[:MOST_TITLE_ROWS]]
    at = next((place for place, number in enumerate(known) if number >= ENOUGH_HEADINGS), 0)
    if at:
        titles = ", ".join(repr(" ".join(filter(None, line.cells or ()))[:60]) for line in first[:at])
        notes += (f"passed over above the headings: {titles}",)
    sample = [line.cells for line in first[at + 1 :] if line.cells is not None]
    lines = itertools.chain(first[at + 1 :], rows)
    return OpenTable(first[at].cells or (), sample, lines, notes)


def _is_table(path: Path) -> bool:
    return _kind(path) in SUFFIXES


def _kind(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _encoding(path: Path) -> str:
    """By a byte-order mark, else UTF-8 if most lines that are not ASCII are, else by charset-normalizer."""
    with _opened(path, "rb") as raw:
        sample: bytes = raw.read(SAMPLED_BYTES)
    if mark := next((name for mark, name in _BYTE_ORDER_MARKS.items() if sample.startswith(mark)), None):
        return mark
    for zeros, name in ((sample[1::2], "utf-16-le"), (sample[::2], "utf-16-be")):
        if zeros.count(0) > len(zeros) * _MOST_LATIN:
            return name
    lines = [line for line in sample.split(b"\n")[:-1] or [sample] if not line.isascii()]
    broken = sum(not _is_utf8(line) for line in lines)
    if broken * 2 <= len(lines):
        return "utf-8"
    best = charset_normalizer.from_bytes(b"\n".join(lines[:_TELLING_LINES])).best()
    return best.encoding if best is not None else "utf-8"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _opened(path: Path, mode: str, **how: str) -> Any:  # noqa: ANN401 - a file of either kind
    return (gzip.open if path.name.lower().endswith(".gz") else open)(path, mode, **how)  # type: ignore[call-overload]  # - the mode decides


@contextmanager
def _open_text(path: Path, encoding: str) -> Iterator[IO[str]]:
    """Bytes that are not of the encoding stay marked, so that only their rows are refused."""
    with _opened(path, "rt", encoding=encoding, errors="surrogateescape", newline="") as text:
        yield text


def _refuse_bomb(path: Path) -> None:
    """Raises BadTable for a compressed file that unpacks to far more than tables do."""
    if not path.name.lower().endswith(".gz"):
        return
    most = max(LEAST_UNPACKED, path.stat().st_size * MOST_UNPACKED_TIMES)
    with gzip.open(path, "rb") as raw:
        while most > 0 and (piece := raw.read(PIECE)):
            most -= len(piece)
    if most <= 0:
        raise BadTable(f"it unpacks to more than {MOST_UNPACKED_TIMES} times its size; unpack it first")


def _pieces(text: IO[str]) -> Iterator[str]:
    while piece := text.read(PIECE):
        yield piece


def _csv_rows(lines: Iterator[str]) -> Iterator[Line]:
    """Blank rows are passed over. A first line `sep=;` says the delimiter; else parsing a sample does."""
    csv.field_size_limit(LONGEST_LINE)
    first = list(itertools.islice(lines, SAMPLE))
    skipped = 0
    while first and not first[0].strip():
        skipped, first = skipped + 1, first[1:] or list(itertools.islice(lines, SAMPLE))
    said = _SEPARATOR_LINE.fullmatch(first[0].strip()) if first else None
    if said:
        skipped, first = skipped + 1, first[1:]
    delimiter = (said[1] or "\t") if said else _delimiter(first)
    bounded = _BoundedLines(itertools.chain(first, lines))
    reader = csv.reader(bounded, delimiter=delimiter)
    before = skipped
    for cells in reader:
        begins, before = before + 1, skipped + reader.line_num
        bounded.row_length = 0
        if any(cell.strip() for cell in cells):
            yield Line(begins, [cell.replace("\x00", "") for cell in cells])


class _BoundedLines:
    """The lines of one row may not be longer together than a line may: a quotation mark may never close."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.row_length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.row_length += len(line)
        if self.row_length > LONGEST_LINE:
            raise BadTable(
                f"it has a row of more than {LONGEST_LINE:,} characters; is a quotation mark open?"
            )
        return line


def _delimiter(lines: Sequence[str]) -> str:
    """With which most of the first rows have the same number of cells, quotation marks respected."""

    def regularity(delimiter: str) -> tuple[float, int]:
        rows = [row for row in csv.reader(lines[:_DELIMITED_LINES], delimiter=delimiter) if any(row)]
        widths = Counter(len(row) for row in rows)
        width, number = widths.most_common(1)[0] if widths else (1, 0)
        return (number / len(rows), width) if width > 1 else (0.0, 1)

    return max(_DELIMITERS, key=regularity)


def _json_table(pieces: Iterator[str], again: Iterator[str], kind: str, notes: tuple[str, ...]) -> OpenTable:
    """The headings are the keys of all objects, in the order in which they first appear.

    Objects inside objects become headings such as `author name`; lists and numbers become their texts.
    """
    keys: dict[str, None] = {}
    number, first_piece = 0, next(pieces, "")
    pieces, is_list = itertools.chain([first_piece], pieces), first_piece.lstrip().startswith("[")
    for number, row in objects_of(pieces, kind):  # noqa: B007 - the last one counts
        keys |= dict.fromkeys(row or ())
        if len(keys) > MOST_KEYS:
            raise BadTable(f"its objects have more than {MOST_KEYS:,} different keys")
    if not keys or (kind == ".json" and number == 1 and not is_list):
        raise BadTable("it holds no list of objects")
    rows = (
        Line(number, None if row is None else [as_text(row.get(key)) for key in keys])
        for number, row in objects_of(again, kind)
    )
    first = list(itertools.islice(rows, SAMPLE))
    sample = [line.cells for line in first if line.cells is not None]
    return OpenTable(list(keys), sample, itertools.chain(first, rows), notes)
