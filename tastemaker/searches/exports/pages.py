"""`/exports`: files of creators selected on a page of results. A worker writes the large ones."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Query
from fastapi.responses import FileResponse, Response

from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.billing.features import find_features
from tastemaker.campaigns.service import get_campaign
from tastemaker.core.errors import NotFound
from tastemaker.db.enums import ExportFormat
from tastemaker.db.keyset import KeysetPage
from tastemaker.db.transaction import Transaction
from tastemaker.searches.exports import queries, service
from tastemaker.searches.exports.queries import Export
from tastemaker.searches.exports.service import ExportSelection
from tastemaker.searches.exports.writing import small_file
from tastemaker.searches.installation import installation_of
from tastemaker.searches.pages import Asked, AskedPage, Selected, read_selection
from tastemaker.searches.results.queries import count_results
from tastemaker.searches.results.selection_queries import AllBut
from tastemaker.searches.service import get_search
from tastemaker.web.pages import is_partial, page, redirect

SHOWN = 30

router = APIRouter(include_in_schema=False)

Format = Annotated[ExportFormat, Form()]


@router.post("/searches/{search_id}/exports")
async def export_search(
    visit: SignedIn,
    asked: Asked,
    selected: Selected,
    search_id: UUID,
    format: Format = ExportFormat.CSV,  # noqa: A002 - the name of the field
) -> Response:
    """The selected creators of a search as a file."""

    async def of(tx: Transaction) -> ExportSelection:
        user = await visit.user(tx)
        search = await get_search(tx, user, str(search_id))
        if search.campaign_id is None:
            raise NotFound("This search belongs to no campaign.")
        return ExportSelection(campaign=await get_campaign(tx, user, str(search.campaign_id)), search=search)

    return await _export(visit, asked, selected, of, format)


@router.post("/campaigns/{campaign_id}/creators/exports")
async def export_campaign(
    visit: SignedIn,
    asked: Asked,
    selected: Selected,
    campaign_id: UUID,
    format: Format = ExportFormat.CSV,  # noqa: A002 - the same
) -> Response:
    """The selected creators of a campaign as a file."""

    async def of(tx: Transaction) -> ExportSelection:
        return ExportSelection(campaign=await get_campaign(tx, await visit.user(tx), str(campaign_id)))

    return await _export(visit, asked, selected, of, format)


@router.get("/exports")
async def exports(visit: SignedIn, after: Annotated[str | None, Query(max_length=400)] = None) -> Response:
    """The files of the user, the newest first; those that are being written show how far they are."""

    async def work(tx: Transaction) -> KeysetPage[Export]:
        return await queries.list_exports(tx, visit.user_id, limit=SHOWN, after=after)

    found = await visit.run(work)
    block = "exports" if is_partial(visit.request) else None
    return page(visit.request, "searches/exports.html", block=block, exports=found.rows, next=found.next)


@router.get("/exports/{export_id}/file")
async def download(visit: SignedIn, export_id: UUID) -> Response:
    """The complete file, for its owner."""
    export = await visit.run(lambda tx: _find(tx, visit, export_id))
    path = service.file_of(export, service.export_folder(installation_of(visit.request).settings))
    headers = service.file_headers(export.file_name)
    return FileResponse(path, media_type=service.MEDIA_TYPES[export.format], headers=headers)


@router.post("/exports/{export_id}/deletion")
async def delete(visit: SignedIn, export_id: UUID) -> Response:
    """Delete an export and its file; a worker that writes it stops."""

    async def work(tx: Transaction) -> None:
        await service.delete_export(tx, await visit.user(tx), await _find(tx, visit, export_id))

    await visit.run(work)
    service.export_folder(installation_of(visit.request).settings).file(export_id).unlink(missing_ok=True)
    return redirect("/exports", said="The export is deleted.")


async def _export(
    visit: Visit,
    asked: AskedPage,
    selected: Selected,
    of: Callable[[Transaction], Awaitable[ExportSelection]],
    kind: ExportFormat,
) -> Response:
    """At once where the file is small, else by a worker.

    Raises InvalidInput, NotFound, Conflict, NotInPlan.
    """
    chosen = read_selection(selected, asked.wanted)

    async def work(tx: Transaction) -> tuple[ExportSelection, Export | None]:
        place = await of(tx)
        selection = ExportSelection(
            campaign=place.campaign,
            search=place.search,
            wanted=asked.wanted if isinstance(chosen, AllBut) else place.wanted,
            sort=asked.sort,
            only=() if isinstance(chosen, AllBut) else chosen.ids,
            besides=chosen.ids if isinstance(chosen, AllBut) else (),
        )
        total = await count_results(
            tx, visit.user_id, selection.scope, wanted=selection.wanted, more=selection.chosen
        )
        (await find_features(tx, visit.user_id)).refuse_format(kind)
        if total <= service.MOST_AT_ONCE:
            return selection, None
        config = visit.services.rate_limit.config
        return selection, await service.start_export(tx, await visit.user(tx), selection, kind, config)

    selection, export = await visit.run(work)
    if export is not None:
        return redirect("/exports", said=f"{export.total:,} creators are being written into a file.")
    content = await small_file(visit.database, visit.user_id, selection, kind)
    headers = service.file_headers(service.file_name(selection, kind))
    return Response(content, media_type=service.MEDIA_TYPES[kind], headers=headers)


async def _find(tx: Transaction, visit: Visit, export_id: UUID) -> Export:
    return await service.get_export(tx, await visit.user(tx), export_id)
