"""`/api/v1/campaigns/{id}/imports`: a file of creators or results into a campaign, and what was imported."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from tastemaker.accounts.authentication import Access, access
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.queries import Campaign
from tastemaker.campaigns.service import get_campaign
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction
from tastemaker.searches.exclusions.names import find_key
from tastemaker.searches.imports.queries import list_imports
from tastemaker.searches.imports.reading import Reading as HowToRead
from tastemaker.searches.imports.service import import_file
from tastemaker.searches.installation import installation_of
from tastemaker.web.idempotency import Answer, answer, respond

router = APIRouter(prefix="/api/v1/campaigns", tags=["imports"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
Writing = Annotated[Access, access(ApiScope.SEARCHES_WRITE)]
Columns = Annotated[
    list[str],
    Form(max_length=50, description="`field=heading`, for columns whose heading is not understood."),
]
_LONGEST_NAME: Final = 200
FORM_EXAMPLE: Final = {
    "requestBody": {
        "content": {
            "multipart/form-data": {
                "example": {"file": "platform,handle\ntiktok,jane", "kind": "creators", "platform": "tiktok"}
            }
        }
    }
}


class RowErrorDocument(BaseModel):
    """A row that was not taken, or a value of it; `line` 0 is the whole file."""

    model_config = ConfigDict(from_attributes=True)

    line: int
    reason: str
    detail: str


class ImportReportDocument(BaseModel):
    """What became of each row. `errors`: the first thousand. `ignored`: headings that are not understood."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    campaign_id: UUID
    rows: int
    new: int
    known: int
    repeated: int
    left_out: int
    refused: int
    reasons: dict[str, int]
    errors: list[RowErrorDocument]
    ignored: list[str]
    notes: list[str]


class ImportDocument(BaseModel):
    """`creators` stored of `rows`. Where it is not complete, the same file once more completes it."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    campaign_id: UUID
    rows: int
    creators: int
    is_complete: bool
    created_at: datetime
    completed_at: datetime | None


class ImportsDocument(BaseModel):
    """The newest fifty."""

    imports: list[ImportDocument]


@router.post(
    "/{campaign_id}/imports",
    operation_id="import_creators",
    status_code=201,
    openapi_extra=FORM_EXAMPLE,
    responses={
        201: {"model": ImportReportDocument},
        409: {"description": "An archived campaign."},
        413: {"description": "A file of more than 24 MB."},
    },
)
async def import_(
    caller: Writing,
    request: Request,
    campaign_id: UUID,
    file: Annotated[UploadFile, File(description="CSV, XLSX, JSON or JSON Lines.")],
    kind: Annotated[Literal["creators", "results"], Form()] = "creators",
    platform: Annotated[str, Form(max_length=50)] = "",
    columns: Columns = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Import a file. Rows that cannot be read are listed by line; the others go in. Nothing is charged.

    The same file once more adds nothing.
    """

    async def find(tx: Transaction) -> tuple[CurrentUser, Campaign]:
        user = await caller.user(tx)
        return user, await get_campaign(tx, user, str(campaign_id))

    user, campaign = await caller.read(find)
    how = HowToRead(
        platform=Platform.parse(platform) if platform else None,
        columns=read_columns(columns),
        with_posts=kind == "results",
    )
    name = (file.filename or "")[-_LONGEST_NAME:]
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"file{ending_of(name)}"
        path.write_bytes(await file.read())
        report = await import_file(
            caller.database,
            user,
            campaign,
            path,
            how,
            key=find_key(installation_of(request).settings),
            name=name,
        )
    document = ImportReportDocument(
        id=report.id,
        campaign_id=report.campaign_id,
        rows=report.rows,
        new=report.new,
        known=report.known,
        repeated=report.repeated,
        left_out=report.left_out,
        refused=report.refused,
        reasons=dict(report.reasons.most_common()),
        errors=[RowErrorDocument.model_validate(one) for one in report.errors],
        ignored=[one.heading for one in report.columns if not one.field],
        notes=list(report.notes),
    )
    return respond(answer(document, status=201))


@router.get(
    "/{campaign_id}/imports", operation_id="list_imports", responses={200: {"model": ImportsDocument}}
)
async def show_all(caller: Reading, campaign_id: UUID) -> Response:
    """What was imported into the campaign, the newest first."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        campaign = await get_campaign(tx, user, str(campaign_id))
        found = await list_imports(tx, user.user_id, campaign.id)
        return answer(ImportsDocument(imports=[ImportDocument.model_validate(one) for one in found]))

    return respond(await caller.read(work))


def read_columns(given: Sequence[str]) -> dict[str, str]:
    """Fields by heading, from `field=heading`. Raises InvalidInput."""
    columns = {}
    for one in given:
        field, equals, heading = one.partition("=")
        if not equals or not heading.strip():
            raise InvalidInput(f"A column is given as FIELD=HEADING, not as {one[:80]!r}.")
        columns[heading.strip()] = field.strip()
    return columns


def ending_of(name: str) -> str:
    """The ending by which the kind of file is known. Raises InvalidInput."""
    lowered = name.lower()
    for ending in (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".xlsx"):
        for whole in (ending, f"{ending}.gz"):
            if lowered.endswith(whole) and whole != ".xlsx.gz":
                return whole
    raise InvalidInput(
        "Only .csv, .tsv, .xlsx, .json and .jsonl can be imported, all but .xlsx also with .gz."
    )
