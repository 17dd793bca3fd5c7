"""`/api/v1/exports`, and `export` below a search or a campaign for a small file at once."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from tastemaker.accounts.authentication import Access, access
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.service import get_campaign
from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import ApiScope, ExportFormat, ExportState
from tastemaker.db.transaction import Transaction
from tastemaker.searches import service as searches
from tastemaker.searches.api import FilterParameters
from tastemaker.searches.exports import queries, service
from tastemaker.searches.exports.queries import Export
from tastemaker.searches.exports.service import (
    MEDIA_TYPES,
    MOST_AT_ONCE,
    MOST_CHOSEN,
    ExportSelection,
    export_folder,
    file_headers,
)
from tastemaker.searches.exports.writing import small_file
from tastemaker.searches.installation import installation_of
from tastemaker.searches.results.paging import Sort
from tastemaker.searches.results.queries import count_results
from tastemaker.web.idempotency import Answer, answer, respond

PATH: Final = "/api/v1/exports"

router = APIRouter(prefix=PATH, tags=["exports"])
searches_router = APIRouter(prefix="/api/v1/searches", tags=["exports"])
campaigns_router = APIRouter(prefix="/api/v1/campaigns", tags=["exports"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
Writing = Annotated[Access, access(ApiScope.SEARCHES_READ, once=True)]
Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]
CreatorIds = Annotated[list[StrictInt], Field(max_length=MOST_CHOSEN)]


class NewExport(BaseModel):
    """The creators of a campaign, or of one search, as a file.

    `only` and `besides` are ids of creators: these alone, or all that pass the filter but these.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "campaign_id": "3f0c4c0e-6d1f-4b57-9d0e-0c5f2a3b7e11",
                    "format": "csv",
                    "filter": {"min_followers": 10000, "email": "known"},
                }
            ]
        },
    )

    campaign_id: UUID | None = None
    search_id: UUID | None = None
    format: ExportFormat = ExportFormat.CSV
    filter: FilterParameters = FilterParameters()
    sort: Sort = Sort.POSITION
    only: CreatorIds = []
    besides: CreatorIds = []


class ExportDocument(BaseModel):
    """`rows` of `total` creators are written. `file` is where the complete file is, until `expires_at`."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    campaign_id: UUID
    campaign_name: str
    search_id: UUID | None
    platform: Platform | None
    format: ExportFormat
    state: ExportState
    rows: int
    total: int
    bytes: int | None
    file_name: str
    file: str | None = None
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime


class ExportsDocument(BaseModel):
    """A page, newest first; `next` is null on the last."""

    exports: list[ExportDocument]
    next: str | None


class ExportParameters(FilterParameters):
    """The filter, the order and the kind of file."""

    format: ExportFormat = ExportFormat.CSV
    sort: Sort = Sort.POSITION


Asked = Annotated[ExportParameters, Query()]
TEXT: Final = {"schema": {"type": "string"}}
FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {kind.partition(";")[0]: TEXT for kind in MEDIA_TYPES.values()}},
    409: {"description": "More creators than one answer has, or a file that is not complete."},
}


@searches_router.get(
    "/{search_id}/export",
    operation_id="export_search",
    name="export",
    responses=FILE,
    response_class=Response,
)
async def search_export(caller: Reading, search_id: UUID, asked: Asked) -> Response:
    """The creators of a search as a file, at most 5,000. 409 where there are more: ask for an export."""
    return await _small(caller, NewExport(search_id=search_id), asked)


@campaigns_router.get(
    "/{campaign_id}/export",
    operation_id="export_campaign",
    name="export",
    responses=FILE,
    response_class=Response,
)
async def campaign_export(caller: Reading, campaign_id: UUID, asked: Asked) -> Response:
    """The creators of a campaign as a file, at most 5,000. 409 where there are more: ask for an export."""
    return await _small(caller, NewExport(campaign_id=campaign_id), asked)


@router.post("", operation_id="start_export", status_code=202, responses={202: {"model": ExportDocument}})
async def start(caller: Writing, wanted: NewExport) -> Response:
    """Let a worker write a file of any size. Read the export until its `state` is `completed`."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        selection = await _select(tx, user, wanted)
        config = caller.services.rate_limit.config
        export = await service.start_export(tx, user, selection, wanted.format, config)
        return answer(_document(export), status=202, location=f"{PATH}/{export.id}")

    return await caller.once(work)


@router.get("", operation_id="list_exports", responses={200: {"model": ExportsDocument}})
async def show_all(caller: Reading, limit: Limit = 50, after: After = None) -> Response:
    """The exports, the newest first."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        page = await queries.list_exports(tx, user.user_id, limit=limit, after=after)
        return answer(ExportsDocument(exports=[_document(one) for one in page.rows], next=page.next))

    return respond(await caller.read(work))


@router.get("/{export_id}", operation_id="get_export", responses={200: {"model": ExportDocument}})
async def show(caller: Reading, export_id: UUID) -> Response:
    """One export: its state and its progress."""

    async def work(tx: Transaction) -> Answer:
        return answer(_document(await service.get_export(tx, await caller.user(tx), export_id)))

    return respond(await caller.read(work))


@router.get(
    "/{export_id}/file",
    operation_id="download_export",
    responses={**FILE, 410: {"description": "The file is not on this machine."}},
    response_class=FileResponse,
)
async def download(caller: Reading, request: Request, export_id: UUID) -> Response:
    """The complete file. 409 before it is complete, 410 where it is not on this machine."""

    async def find(tx: Transaction) -> Export:
        return await service.get_export(tx, await caller.user(tx), export_id)

    export = await caller.read(find)
    path = service.file_of(export, export_folder(installation_of(request).settings))
    return FileResponse(path, media_type=MEDIA_TYPES[export.format], headers=file_headers(export.file_name))


@router.delete("/{export_id}", operation_id="delete_export", status_code=204)
async def delete(caller: Writing, request: Request, export_id: UUID) -> Response:
    """Delete the export and its file. A worker that writes it stops."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        await service.delete_export(tx, user, await service.get_export(tx, user, export_id))
        return Answer(b"", status=204)

    done = await caller.once(work)
    export_folder(installation_of(request).settings).file(export_id).unlink(missing_ok=True)
    return done


async def _small(caller: Access, what: NewExport, asked: ExportParameters) -> Response:
    """Raises Conflict where the creators are too many for one answer."""

    async def work(tx: Transaction) -> tuple[ExportSelection, int]:
        user = await caller.user(tx)
        chosen = await _select(tx, user, what.model_copy(update={"filter": asked, "sort": asked.sort}))
        return chosen, await count_results(tx, user.user_id, chosen.scope, wanted=chosen.wanted)

    selection, total = await caller.read(work)
    if total > MOST_AT_ONCE:
        raise Conflict(
            f"{total:,} creators are more than the {MOST_AT_ONCE:,} that one answer has. "
            f"Start an export: POST {PATH}."
        )
    content = await small_file(caller.database, caller.caller.user_id, selection, asked.format)
    headers = file_headers(service.file_name(selection, asked.format))
    return Response(content, media_type=MEDIA_TYPES[asked.format], headers=headers)


async def _select(tx: Transaction, user: CurrentUser, wanted: NewExport) -> ExportSelection:
    """Raises NotFound, InvalidInput."""
    if (wanted.campaign_id is None) == (wanted.search_id is None):
        raise InvalidInput("An export is of one campaign or of one search: give one of the two ids.")
    search = None
    campaign_id = wanted.campaign_id
    if wanted.search_id is not None:
        search = await searches.get_search(tx, user, str(wanted.search_id))
        campaign_id = search.campaign_id
    if campaign_id is None:
        raise NotFound("This search belongs to no campaign.")
    return ExportSelection(
        campaign=await get_campaign(tx, user, str(campaign_id)),
        search=search,
        wanted=wanted.filter.read(),
        sort=wanted.sort,
        only=wanted.only,
        besides=wanted.besides,
    )


def _document(export: Export) -> ExportDocument:
    document = ExportDocument.model_validate(export)
    is_complete = export.state is ExportState.COMPLETED
    return document.model_copy(update={"file": f"{PATH}/{export.id}/file" if is_complete else None})
