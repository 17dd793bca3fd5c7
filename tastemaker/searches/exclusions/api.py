"""`/api/v1/exclusions` and `/api/v1/suppressions`: whom searches leave out, for programs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

from tastemaker.accounts.authentication import Access, access
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.service import get_campaign
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import CampaignId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction
from tastemaker.searches.exclusions import service
from tastemaker.searches.exclusions.names import CreatorName, ensure_key, name_creator, read_list
from tastemaker.searches.exclusions.queries import list_exclusions, list_suppressions
from tastemaker.searches.installation import installation_of
from tastemaker.web.idempotency import Answer, answer, respond

MOST_AT_ONCE: Final = 1000

CSV: Final = {"schema": {"type": "string"}, "example": "platform,handle\r\ntiktok,chess\r\n"}
CSV_BODY: Final = {"requestBody": {"required": True, "content": {"text/csv": CSV}}}

router = APIRouter(prefix="/api/v1/exclusions", tags=["exclusions"])
suppressions_router = APIRouter(prefix="/api/v1/suppressions", tags=["suppressions"])

Reading = Annotated[Access, access(ApiScope.SEARCHES_READ)]
Writing = Annotated[Access, access(ApiScope.SEARCHES_WRITE, once=True)]
Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]
OfCampaign = Annotated[UUID | None, Query(description="Only the list of this campaign.")]
Note = Annotated[StrictStr, Field(max_length=service.NOTE_LENGTH)]


class NamedCreator(BaseModel):
    """A creator by handle, by the address of the profile or, with `by_id`, by the platform's id."""

    model_config = ConfigDict(extra="forbid")

    platform: Annotated[StrictStr, Field(max_length=50, examples=["tiktok"])]
    account: Annotated[StrictStr, Field(min_length=1, max_length=1000, examples=["@chess"])]
    by_id: StrictBool = False

    def name(self) -> CreatorName:
        """Raises InvalidInput."""
        return name_creator(self.platform, self.account, is_id=self.by_id)


class NewExclusions(BaseModel):
    """Creators for the list of one campaign, or of all searches where none is named."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"creators": [{"platform": "tiktok", "account": "@chess"}]}]},
    )

    creators: Annotated[list[NamedCreator], Field(min_length=1, max_length=MOST_AT_ONCE)]
    campaign_id: UUID | None = None
    note: Note | None = None


class AddedExclusions(BaseModel):
    """`known` were on the list already."""

    added: int
    known: int


class ExclusionDocument(BaseModel):
    """`campaign_id` null: in every search. `kind` says what `value` is: a handle or a stable id."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    campaign_id: UUID | None
    platform: str
    kind: str
    value: str
    note: str | None
    created_at: datetime


class ExclusionsDocument(BaseModel):
    """A page, newest first; `next` is null on the last."""

    exclusions: list[ExclusionDocument]
    next: str | None


class NewSuppression(NamedCreator):
    """`reason` names nobody."""

    reason: Annotated[StrictStr, Field(max_length=500)] | None = None


class AddedSuppression(BaseModel):
    """How many searches held the creator, who was taken out of them."""

    searches: int


class SuppressionDocument(BaseModel):
    """The digest does not reveal who is meant."""

    model_config = ConfigDict(from_attributes=True)

    digest: str
    platform: str
    kind: str
    reason: str | None
    created_at: datetime


class SuppressionsDocument(BaseModel):
    suppressions: list[SuppressionDocument]


@router.get("", operation_id="list_exclusions", responses={200: {"model": ExclusionsDocument}})
async def show_exclusions(
    caller: Reading, campaign_id: OfCampaign = None, limit: Limit = 50, after: After = None
) -> Response:
    """The creators that your searches leave out, the newest first."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        campaign = await _campaign(tx, user, campaign_id)
        page = await list_exclusions(tx, user.user_id, campaign, limit=limit, after=after)
        shown = [ExclusionDocument.model_validate(one) for one in page.rows]
        return answer(ExclusionsDocument(exclusions=shown, next=page.next))

    return respond(await caller.read(work))


@router.post("", operation_id="add_exclusions", responses={200: {"model": AddedExclusions}})
async def exclude(caller: Writing, wanted: NewExclusions) -> Response:
    """Leave creators out of searches from now on."""
    people = [one.name() for one in wanted.creators]
    return await _exclude(caller, people, wanted.campaign_id, wanted.note)


@router.post(
    "/imports",
    operation_id="import_exclusions",
    responses={200: {"model": AddedExclusions}},
    openapi_extra=CSV_BODY,
)
async def import_exclusions(
    caller: Writing,
    request: Request,
    campaign_id: OfCampaign = None,
    note: Annotated[str | None, Query(max_length=service.NOTE_LENGTH)] = None,
) -> Response:
    """Put everybody in a CSV on the list, or nobody: the first line that names nobody is told."""
    try:
        text = (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("The list is no UTF-8 text.") from None
    return await _exclude(caller, list(read_list(text.splitlines(keepends=True))), campaign_id, note)


@router.delete("/{exclusion_id}", operation_id="delete_exclusion", status_code=204)
async def readmit(caller: Writing, exclusion_id: UUID) -> Response:
    """Take a creator off the list."""

    async def work(tx: Transaction) -> Answer:
        await service.remove_exclusion_by_id(tx, await caller.user(tx), exclusion_id)
        return Answer(b"", status=204)

    return await caller.once(work)


@suppressions_router.get(
    "", operation_id="list_suppressions", responses={200: {"model": SuppressionsDocument}}
)
async def show_suppressions(caller: Reading, limit: Limit = 50) -> Response:
    """The suppressions, the newest first. Only for administrators."""

    async def work(tx: Transaction) -> Answer:
        service.require_administrator(await caller.user(tx))
        found = await list_suppressions(tx, limit=limit)
        shown = [SuppressionDocument.model_validate(one) for one in found]
        return answer(SuppressionsDocument(suppressions=shown))

    return respond(await caller.read(work))


@suppressions_router.post("", operation_id="add_suppression", responses={200: {"model": AddedSuppression}})
async def suppress(caller: Writing, request: Request, wanted: NewSuppression) -> Response:
    """Never store this person again, and take out what is stored. Only for administrators."""
    one, settings = wanted.name(), installation_of(request).settings

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        service.require_administrator(user)
        held = await service.suppress(tx, user, ensure_key(settings), one, reason=wanted.reason)
        return answer(AddedSuppression(searches=held))

    return await caller.once(work, claim=SYSTEM)


@suppressions_router.post("/removals", operation_id="remove_suppression", status_code=204)
async def lift(caller: Writing, request: Request, wanted: NamedCreator) -> Response:
    """Let this person be stored again. Only for administrators. The name is in the body, never in a URL."""
    one, settings = wanted.name(), installation_of(request).settings

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        service.require_administrator(user)
        await service.lift_suppression(tx, user, ensure_key(settings), one)
        return Answer(b"", status=204)

    return await caller.once(work, claim=SYSTEM)


async def _exclude(
    caller: Access, people: Sequence[CreatorName], campaign_id: UUID | None, note: str | None
) -> Response:
    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        campaign = await _campaign(tx, user, campaign_id)
        added = await service.exclude(tx, user, people, campaign_id=campaign, note=note)
        return answer(AddedExclusions(added=added, known=len(people) - added))

    return await caller.once(work)


async def _campaign(tx: Transaction, user: CurrentUser, campaign_id: UUID | None) -> CampaignId | None:
    """Raises NotFound."""
    return None if campaign_id is None else (await get_campaign(tx, user, str(campaign_id))).id
