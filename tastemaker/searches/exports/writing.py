"""Writing exports: a small one into memory, a large one by a worker into a private file that expires.

A worker writes a part file and renames it at the end, so a file is complete or not there. After a kill the
job runs again and writes the file anew; after its last retry the export has failed, with a sentence.
"""

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from tastemaker.billing.features import shows_emails
from tastemaker.core.clock import monotonic
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.private_files import private_folder
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.enums import ExportFormat
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction, read_many
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType
from tastemaker.mail.mailer import Mailer
from tastemaker.mail.sequence import on_export_ready
from tastemaker.searches.exports import queries
from tastemaker.searches.exports.formats import Piece, json_pieces, row_pieces
from tastemaker.searches.exports.queries import Export
from tastemaker.searches.exports.row_queries import stream_rows
from tastemaker.searches.exports.service import (
    ExportFolder,
    ExportSelection,
    WriteExport,
    layout_of,
    read_selection,
    scope_of,
)
from tastemaker.searches.results.export import FIELDS, Columns
from tastemaker.searches.results.filtering import ResultFilter
from tastemaker.searches.results.paging import Scope, Sort
from tastemaker.searches.results.queries import stream_passing

SECONDS_BETWEEN_REPORTS: Final = 1.0
INTERRUPTED: Final = "The export was interrupted several times and is not complete. Start it again."

DELETE_OLD_EXPORTS = JobType(name="delete_old_exports", payload=Nothing, priority=200, records_end=False)


Batches = AsyncGenerator[list[tuple[Any, ...]], None]


class _Deleted(Exception):
    """Somebody has deleted the export while it was written."""


async def pieces(
    database: Database,
    user_id: ExternalUserId,
    scope: Scope,
    kind: ExportFormat,
    columns: Columns,
    *,
    wanted: ResultFilter,
    sort: Sort,
    chosen: Mapping[str, object],
) -> AsyncGenerator[Piece, None]:
    """The file, piece by piece, for a reader as fast as a disk. CSV begins with a byte order mark."""
    if kind in (ExportFormat.JSON, ExportFormat.JSONL):
        found = stream_passing(database, user_id, scope, wanted=wanted, sort=sort, more=chosen)
        async for piece in json_pieces(found, is_array=kind is ExportFormat.JSON):
            yield piece
        return
    rows = stream_rows(database, user_id, scope, wanted=wanted, sort=sort, more=chosen)
    async with aclosing(rows) as batches:
        shown = batches if await shows_emails(database, user_id) else _without_emails(batches)
        async for piece in row_pieces(shown, kind, columns, bom=True):
            yield piece


async def _without_emails(batches: Batches) -> Batches:
    """For a plan that does not include the addresses."""
    hidden = {FIELDS.index("emails"): "", FIELDS.index("email"): None}
    async for batch in batches:
        yield [tuple(hidden.get(place, value) for place, value in enumerate(row)) for row in batch]


async def small_file(
    database: Database, user_id: ExternalUserId, selection: ExportSelection, kind: ExportFormat
) -> bytes:
    """Of few creators: the whole file."""
    made = pieces(
        database,
        user_id,
        selection.scope,
        kind,
        layout_of(selection.platform),
        wanted=selection.wanted,
        sort=selection.sort,
        chosen=selection.chosen,
    )
    return b"".join([piece async for piece, _ in made])


async def write_export(context: JobContext, message: WriteExport) -> JobResult:
    """Write the file of an export, unless it is deleted or written already."""
    database, folder = context.database, context.resource(ExportFolder)
    user_id = ExternalUserId(message.user_id)
    claim = Tenant(user_id)

    async def begin(tx: Transaction) -> Export | None:
        if not await tx.run(queries.BEGIN, user_id=user_id, id=message.export_id):
            return None
        return await queries.find_export(tx, user_id, message.export_id)

    async def complete(tx: Transaction) -> bool:
        changed = await tx.run(queries.COMPLETE, user_id=user_id, id=message.export_id, rows=rows, bytes=size)
        if changed and context.resource(Mailer).transport is not None:
            await on_export_ready(tx, user_id, message.export_id)
        return changed > 0

    export = await in_transaction(database, claim, begin)
    if export is None:
        return Done()
    private_folder(folder.path)
    part = folder.part(export.id)
    try:
        rows, size = await _write(database, export, part)
        part.replace(folder.file(export.id))
    except _Deleted:
        return Done()
    finally:
        part.unlink(missing_ok=True)
    if not await in_transaction(database, claim, complete):
        folder.file(export.id).unlink(missing_ok=True)
    return Done({"rows": rows})


async def give_up_export(tx: Transaction, message: WriteExport) -> None:
    """Its job has failed for good."""
    await tx.run(queries.FAIL, user_id=message.user_id, id=message.export_id, error=INTERRUPTED)


async def delete_old_exports(context: JobContext, _: Nothing) -> JobResult:
    """Delete expired exports, and the files whose row is gone."""
    deleted = await in_transaction(context.database, SYSTEM, lambda tx: tx.run(queries.DELETE_EXPIRED))
    folder = context.resource(ExportFolder)
    files = {found: path for path in _files(folder) if (found := _id_of(path.stem)) is not None}
    known = set(await read_many(context.database, SYSTEM, queries.LIST_KNOWN, ids=list(files)))
    for export_id, path in files.items():
        if export_id not in known:
            path.unlink(missing_ok=True)
    return Done({"rows": deleted})


async def _write(database: Database, export: Export, part: Path) -> tuple[int, int]:
    """Creators and bytes written. Raises _Deleted where somebody has deleted the export meanwhile."""
    wanted, sort, chosen = read_selection(export.selection)
    made = pieces(
        database,
        export.user_id,
        scope_of(export),
        export.format,
        layout_of(export.platform),
        wanted=wanted,
        sort=sort,
        chosen=chosen,
    )
    rows, reported = 0, monotonic()
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        async with aclosing(made):
            async for piece, number in made:
                file.write(piece)
                rows += number
                if monotonic() - reported >= SECONDS_BETWEEN_REPORTS:
                    reported = monotonic()
                    await _report(database, export, rows)
        return rows, file.tell()


async def _report(database: Database, export: Export, rows: int) -> None:
    advance = partial(_advance, export=export, rows=rows)
    if not await in_transaction(database, Tenant(export.user_id), advance):
        raise _Deleted


async def _advance(tx: Transaction, *, export: Export, rows: int) -> bool:
    return await tx.run(queries.ADVANCE, user_id=export.user_id, id=export.id, rows=rows) > 0


def _files(folder: ExportFolder) -> Sequence[Path]:
    return sorted(folder.path.iterdir()) if folder.path.is_dir() else ()


def _id_of(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
