"""The kinds of file that found creators are written as, each made piece by piece.

CSV, Excel and Parquet have the columns of a layout; JSON has the whole documents. A workbook and a Parquet
file are made in a temporary file, because their directory comes last.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from importlib.util import find_spec
from operator import itemgetter
from tempfile import TemporaryFile
from typing import IO, Any, ClassVar, Final, Protocol

import orjson

from tastemaker.core.errors import AppError
from tastemaker.db.enums import ExportFormat
from tastemaker.searches.results.export import FIELDS, Columns, csv_header, csv_lines
from tastemaker.searches.results.queries import FoundCreator

Piece = tuple[bytes, int]
"""A part of a file, and how many creators are in it."""

Rows = Sequence[tuple[Any, ...]]
"""Values of `ExportRow`, in the order of `FIELDS`."""

NUMBERS: Final = frozenset({"followers", "views", "likes", "comments", "shares", "duration_seconds"})
DATES: Final = frozenset({"published_on"})
LINKS: Final = frozenset({"profile_url", "post_url"})

MOST_ROWS_OF_A_SHEET: Final = 1_048_576
LONGEST_CELL: Final = 32_767
"""Both are limits of Excel."""

MOST_LINKS: Final = 65_000
"""Addresses that can be clicked; Excel refuses more than 65,530 on a sheet. The others are text."""

_PIECE: Final = 1 << 20
_WIDTHS: Final = {"bio": 50, "post_text": 50, "profile_url": 34, "post_url": 34, "emails": 28, "email": 28}
_USUAL_WIDTH: Final = 16


class FormatNotInstalled(AppError):
    """The library that writes this kind of file is not there."""

    status: ClassVar[int] = 409


class _Table(Protocol):
    """A file of rows with a directory at its end."""

    def add(self, rows: Rows) -> None: ...

    def finish(self) -> None: ...


def refuse_missing_library(kind: ExportFormat) -> None:
    """Raises FormatNotInstalled."""
    if kind is ExportFormat.PARQUET and find_spec("pyarrow") is None:
        raise FormatNotInstalled("Parquet needs one more package: pip install 'tastemaker[parquet]'.")


async def json_pieces(
    creators: AsyncIterable[FoundCreator], *, is_array: bool
) -> AsyncGenerator[Piece, None]:
    """One array, or one document on each line."""
    yield b"[" if is_array else b"", 0
    before = b"\n" if is_array else b""
    async for found in creators:
        yield before + orjson.dumps(asdict(found)) + (b"" if is_array else b"\n"), 1
        before = b",\n" if is_array else b""
    yield b"\n]\n" if is_array else b"", 0


async def row_pieces(
    batches: AsyncIterable[Rows], kind: ExportFormat, columns: Columns, *, bom: bool
) -> AsyncGenerator[Piece, None]:
    """A CSV, a workbook or a Parquet file. Raises FormatNotInstalled."""
    if kind is ExportFormat.CSV:
        yield csv_header(columns, bom=bom).encode(), 0
        async for batch in batches:
            yield csv_lines(batch, columns).encode(), len(batch)
        return
    refuse_missing_library(kind)
    with TemporaryFile() as file:
        table: _Table = _Workbook(file, columns) if kind is ExportFormat.XLSX else _Parquet(file)
        async for batch in batches:
            table.add(batch)
            yield b"", len(batch)
        table.finish()
        file.seek(0)
        while piece := file.read(_PIECE):
            yield piece, 0


async def batched(rows: AsyncIterable[tuple[Any, ...]], *, size: int) -> AsyncIterator[Rows]:
    batch: list[tuple[Any, ...]] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


class _Workbook:
    """Every text is typed as text, so a spreadsheet never runs it as a formula."""

    def __init__(self, file: IO[bytes], columns: Columns) -> None:
        from openpyxl import Workbook  # noqa: PLC0415 - takes a tenth of a second, for this kind of file only

        self._file = file
        self._columns = columns
        self._pick = itemgetter(*(FIELDS.index(name) for name in columns.values()))
        self._book = Workbook(write_only=True)
        self._links = 0
        self._begin_sheet()

    def add(self, rows: Rows) -> None:
        for row in rows:
            if self._rows == MOST_ROWS_OF_A_SHEET:
                self._begin_sheet()
            values = zip(self._columns.values(), self._pick(row), strict=True)
            self._sheet.append([self._cell(name, value) for name, value in values])
            self._rows += 1

    def finish(self) -> None:
        self._book.save(self._file)

    def _begin_sheet(self) -> None:
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - as above
        from openpyxl.styles import Font  # noqa: PLC0415 - as above
        from openpyxl.utils import get_column_letter  # noqa: PLC0415 - as above

        number = len(self._book.worksheets) + 1
        self._sheet = self._book.create_sheet("Creators" if number == 1 else f"Creators {number}")
        self._sheet.freeze_panes = "A2"
        for place, name in enumerate(self._columns.values(), start=1):
            self._sheet.column_dimensions[get_column_letter(place)].width = _WIDTHS.get(name, _USUAL_WIDTH)
        heads = []
        for title in self._columns:
            head = WriteOnlyCell(self._sheet, title)
            head.font = Font(bold=True)
            heads.append(head)
        self._sheet.append(heads)
        self._rows, self._links = 1, 0

    def _cell(self, name: str, value: object) -> object:
        from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - as above
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # noqa: PLC0415 - as above

        if not isinstance(value, str):
            return value
        if name in DATES:
            return date.fromisoformat(value)
        text = ILLEGAL_CHARACTERS_RE.sub("", value)[:LONGEST_CELL]
        is_link = name in LINKS and text.startswith(("https://", "http://")) and self._links < MOST_LINKS
        if not is_link and not text.startswith("="):
            return text
        cell = WriteOnlyCell(self._sheet, text)
        cell.data_type = "s"
        if is_link:
            self._links += 1
            cell.hyperlink = text
        return cell


class _Parquet:
    """All fields of `ExportRow` under their own names, with numbers and dates as such."""

    def __init__(self, file: IO[bytes]) -> None:
        import pyarrow as pa  # noqa: PLC0415 - is installed on request
        from pyarrow import parquet  # noqa: PLC0415 - as above

        kinds: Mapping[str, Any] = {
            **dict.fromkeys(NUMBERS, pa.int64()),
            **dict.fromkeys(DATES, pa.date32()),
        }
        self._schema = pa.schema([(name, kinds.get(name, pa.string())) for name in FIELDS])
        self._batch_of = pa.RecordBatch.from_arrays
        self._array = pa.array
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")

    def add(self, rows: Rows) -> None:
        arrays = [
            self._array([_dated(field.name, row[place]) for row in rows], type=field.type)
            for place, field in enumerate(self._schema)
        ]
        self._writer.write_batch(self._batch_of(arrays, schema=self._schema))

    def finish(self) -> None:
        self._writer.close()


def _dated(name: str, value: object) -> object:
    return date.fromisoformat(value) if name in DATES and isinstance(value, str) else value
