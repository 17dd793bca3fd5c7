"""`/api/v1/campaigns`: campaigns for programs, with the JSON documents of the routes."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictStr

from tastemaker.accounts.authentication import Access, access
from tastemaker.campaigns import queries, service
from tastemaker.campaigns.queries import Campaign
from tastemaker.db.enums import ApiScope
from tastemaker.db.keyset import KeysetPage
from tastemaker.db.transaction import Transaction
from tastemaker.web.idempotency import Answer, answer, respond


class NewCampaign(BaseModel):
    """A campaign to be made."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Chess, winter", "description": "Boards"}]}
    )

    name: Annotated[StrictStr, Field(max_length=1000, examples=["Chess, winter"])]
    description: Annotated[StrictStr, Field(max_length=10_000)] | None = None
    search_type: StrictStr = "keyword"


class ChangedCampaign(BaseModel):
    """What is not named stays; an empty description takes it away."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[StrictStr, Field(max_length=1000)] | None = None
    description: Annotated[StrictStr, Field(max_length=10_000)] | None = None


class CampaignDocument(BaseModel):
    """`searches` and `creators` count what the campaign holds now."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    description: str | None
    search_type: str
    status: str
    created_at: datetime
    searches: int
    creators: int


class CampaignsDocument(BaseModel):
    """A page, newest first; `next` is null on the last."""

    campaigns: list[CampaignDocument]
    next: str | None


def campaign_document(campaign: Campaign) -> CampaignDocument:
    return CampaignDocument.model_validate(campaign)


def campaigns_document(page: KeysetPage[Campaign]) -> CampaignsDocument:
    return CampaignsDocument(campaigns=[campaign_document(one) for one in page.rows], next=page.next)


PATH = "/api/v1/campaigns"

router = APIRouter(prefix=PATH, tags=["campaigns"])

Reading = Annotated[Access, access(ApiScope.CAMPAIGNS_READ)]
Writing = Annotated[Access, access(ApiScope.CAMPAIGNS_WRITE, once=True)]
Limit = Annotated[int, Query(ge=1, le=200)]
After = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]


@router.post(
    "", operation_id="create_campaign", status_code=201, responses={201: {"model": CampaignDocument}}
)
async def create(caller: Writing, campaign: NewCampaign) -> Response:
    """Make a campaign. It counts against the plan."""

    async def work(tx: Transaction) -> Answer:
        made = await service.create_campaign(
            tx,
            await caller.user(tx),
            name=campaign.name,
            description=campaign.description,
            search_type=campaign.search_type,
        )
        return answer(campaign_document(made), status=201, location=f"{PATH}/{made.id}")

    return await caller.once(work)


@router.get("", operation_id="list_campaigns", responses={200: {"model": CampaignsDocument}})
async def show_all(caller: Reading, limit: Limit = 50, after: After = None) -> Response:
    """The campaigns, the newest first."""

    async def work(tx: Transaction) -> Answer:
        page = await queries.list_campaigns(tx, caller.caller.user_id, limit=limit, after=after)
        return answer(campaigns_document(page))

    return respond(await caller.read(work))


@router.get("/{campaign_id}", operation_id="get_campaign", responses={200: {"model": CampaignDocument}})
async def show(caller: Reading, campaign_id: UUID) -> Response:
    """One campaign."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        return answer(campaign_document(await service.get_campaign(tx, user, str(campaign_id))))

    return respond(await caller.read(work))


@router.patch("/{campaign_id}", operation_id="change_campaign", responses={200: {"model": CampaignDocument}})
async def change(caller: Writing, campaign_id: UUID, changed: ChangedCampaign) -> Response:
    """Rename or describe a campaign."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        campaign = await service.get_campaign(tx, user, str(campaign_id))
        if changed.name is not None:
            campaign = await service.rename_campaign(tx, user, campaign, name=changed.name)
        if changed.description is not None:
            campaign = await service.describe_campaign(tx, user, campaign, description=changed.description)
        return answer(campaign_document(campaign))

    return await caller.once(work)


@router.post(
    "/{campaign_id}/archival", operation_id="archive_campaign", responses={200: {"model": CampaignDocument}}
)
async def archive(caller: Writing, campaign_id: UUID) -> Response:
    """Put a campaign away. 409 while one of its searches runs, and where it is archived already."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        campaign = await service.get_campaign(tx, user, str(campaign_id))
        return answer(campaign_document(await service.archive_campaign(tx, user, campaign)))

    return await caller.once(work)


@router.delete(
    "/{campaign_id}/archival", operation_id="restore_campaign", responses={200: {"model": CampaignDocument}}
)
async def restore(caller: Writing, campaign_id: UUID) -> Response:
    """Take a campaign out of the archive. It counts against the plan again."""

    async def work(tx: Transaction) -> Answer:
        user = await caller.user(tx)
        campaign = await service.get_campaign(tx, user, str(campaign_id))
        return answer(campaign_document(await service.restore_campaign(tx, user, campaign)))

    return await caller.once(work)
