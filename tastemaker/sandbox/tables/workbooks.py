"""Rows of an Excel workbook as texts, of the first sheet that has any. A formula is its last result."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

SUFFIX: Final = ".xlsx"
MOST_UNPACKED: Final = 500_000_000
MOST_SHARED_TEXTS: Final = 100_000_000
"""Bytes of the texts that cells refer to, which are held in memory."""

MOST_PARTS: Final = 2_000
MOST_TIMES: Final = 200
LEAST_UNPACKED: Final = 20_000_000
EXACT_DIGITS: Final = 10**15
"""Excel keeps 15 digits of a number: a longer one has lost its end."""

MOST_BLANK_ROWS: Final = 100_000
_SHARED: Final = "xl/sharedStrings.xml"
_SAMPLED: Final = 200

Row = tuple[int, list[str]]


class BadWorkbook(ValueError):
    """`str()` of it says why the file cannot be read."""


@contextmanager
def open_workbook(path: Path) -> Iterator[tuple[Iterator[Row], tuple[str, ...]]]:
    """The rows with their numbers, and the names of the other sheets. Raises BadWorkbook."""
    from openpyxl import load_workbook  # noqa: PLC0415 - takes a tenth of a second, for this kind of file only

    _refuse_bomb(path)
    try:
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # noqa: BLE001 - a hostile file makes the library raise anything
        raise BadWorkbook(f"it is no workbook that can be read ({type(error).__name__})") from None
    try:
        yield _rows(book)
    finally:
        book.close()


def _rows(book: Any) -> tuple[Iterator[Row], tuple[str, ...]]:  # noqa: ANN401 - a library without types
    for sheet in book.worksheets:
        rows = _texts(sheet)
        first = list(islice(rows, _SAMPLED))
        if first:
            width = max(len(cells) for _, cells in first)
            whole = ((number, cells + [""] * (width - len(cells))) for number, cells in chain(first, rows))
            return whole, tuple(one.title for one in book.worksheets if one is not sheet)
    raise BadWorkbook("it is empty")


def _texts(sheet: Any) -> Iterator[Row]:  # noqa: ANN401 - as above
    """Rows that have something, without empty cells at their end."""
    blank = 0
    try:
        sheet.reset_dimensions()
        for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
            cells = [_text(value) for value in values]
            while cells and not cells[-1].strip():
                cells.pop()
            blank = 0 if cells else blank + 1
            if blank > MOST_BLANK_ROWS:
                return
            if cells:
                yield number, cells
    except Exception as error:  # noqa: BLE001 - as above
        raise BadWorkbook(f"a sheet cannot be read ({type(error).__name__})") from None


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_DIGITS:
        value = int(value)
    if isinstance(value, int | float) and abs(value) >= EXACT_DIGITS:
        return f"{value:E}"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value).replace("\x00", "")


def _refuse_bomb(path: Path) -> None:
    """By what the archive says of itself, which is all that is ever unpacked of it."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise BadWorkbook("it is no workbook") from None
    unpacked = sum(part.file_size for part in parts)
    most = min(MOST_UNPACKED, max(LEAST_UNPACKED, path.stat().st_size * MOST_TIMES))
    if len(parts) > MOST_PARTS or unpacked > most:
        raise BadWorkbook("it unpacks to more than a workbook of creators does; save it as CSV")
    if any(part.filename == _SHARED and part.file_size > MOST_SHARED_TEXTS for part in parts):
        raise BadWorkbook("its texts do not fit into memory; save it as CSV")
