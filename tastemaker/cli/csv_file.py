"""Writing found creators into a file: whole or not at all, and never over another file."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tastemaker.cli.streams import write
from tastemaker.core.errors import Conflict, InvalidInput
from tastemaker.db.enums import ExportFormat
from tastemaker.searches.exports.formats import (
    Piece,
    batched,
    json_pieces,
    refuse_missing_library,
    row_pieces,
)
from tastemaker.searches.results.export import BATCH_ROWS, Columns, row_of, slug_of
from tastemaker.searches.results.queries import FoundCreator

STANDARD_OUTPUT = Path("-")
BINARY = (ExportFormat.XLSX, ExportFormat.PARQUET)


@dataclass(frozen=True, slots=True)
class Written:
    path: Path
    creators: int


async def write_creators(
    creators: AsyncIterable[FoundCreator],
    kind: ExportFormat,
    columns: Columns,
    candidates: Iterator[Path],
    *,
    bom: bool = False,
    overwrite: bool = False,
) -> Written:
    """Write to the first of the candidates that is free. Raises OSError, Conflict."""
    found = _Counted(creators)
    pieces = _pieces(found, kind, columns, bom=bom)
    path = next(candidates)
    if path == STANDARD_OUTPUT:
        async for piece, _ in pieces:
            write(piece.decode())
    elif path.exists() and not path.is_file():
        await _write_all(path, pieces, mode="wb")
    else:
        path = await _publish(path, candidates, pieces, overwrite=overwrite)
    return Written(path, found.number)


def _pieces(found: "_Counted", kind: ExportFormat, columns: Columns, *, bom: bool) -> AsyncIterator[Piece]:
    if kind in (ExportFormat.JSON, ExportFormat.JSONL):
        return json_pieces(found, is_array=kind is ExportFormat.JSON)
    rows = (row_of(one) async for one in found)
    return row_pieces(batched(rows, size=BATCH_ROWS), kind, columns, bom=bom)


def refuse_unwritable_format(kind: ExportFormat, output: Path | None) -> None:
    """Raises InvalidInput, FormatNotInstalled."""
    refuse_missing_library(kind)
    if output == STANDARD_OUTPUT and kind in BINARY:
        raise InvalidInput(f"A file of the kind {kind.value} is no text. Name a file with -o.")


def refuse_unwritable(path: Path | None, *, overwrite: bool = False) -> None:
    """Before anything long begins. Raises InvalidInput, Conflict."""
    if path is None or path == STANDARD_OUTPUT:
        return
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder. Name a file.")
    if path.is_symlink() and not path.exists():
        raise Conflict(f"{path} is a link to nothing. Choose another name.")
    if path.is_file() and not overwrite:
        raise Conflict(f"{path} exists already. Choose another name.")
    if not path.parent.is_dir():
        raise InvalidInput(f"There is no folder {path.parent}.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InvalidInput(f"{path} cannot be written.")


def free_names(name: str, kind: ExportFormat, *, folder: Path) -> Iterator[Path]:
    """First `chess-2026-11-23.csv`, then `chess-2026-11-23-2.csv`, and so on."""
    slug = slug_of(name)
    yield folder / f"{slug}.{kind.value}"
    yield from (folder / f"{slug}-{number}.{kind.value}" for number in count(2))


class _Counted:
    """Passes creators on and knows how many there were."""

    def __init__(self, creators: AsyncIterable[FoundCreator]) -> None:
        self._creators = creators
        self.number = 0

    async def __aiter__(self) -> AsyncIterator[FoundCreator]:
        async for creator in self._creators:
            self.number += 1
            yield creator


async def _publish(
    path: Path, candidates: Iterator[Path], pieces: AsyncIterator[Piece], *, overwrite: bool
) -> Path:
    """The file appears under its name when it is complete."""
    part = path.with_name(f".tastemaker-{os.getpid()}.part")  # not longer than what a name may have
    try:
        await _write_all(part, pieces, mode="xb")
        if overwrite:
            part.replace(path)
            return path
        while not _take(part, path):
            path = _another(candidates, instead_of=path)
        return path
    finally:
        part.unlink(missing_ok=True)


async def _write_all(path: Path, pieces: AsyncIterator[Piece], *, mode: str) -> None:
    with path.open(mode) as file:
        async for piece, _ in pieces:
            file.write(piece)


def _take(part: Path, path: Path) -> bool:
    """False: the name is taken. A link is refused where a file is, unlike a rename."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if path.exists():
            return False
        part.replace(path)
    return True


def _another(candidates: Iterator[Path], *, instead_of: Path) -> Path:
    path = next(candidates, None)
    if path is None:
        raise Conflict(f"{instead_of} exists already. Choose another name.")
    return path
