"""Campaigns as JSON: what is taken and what is told."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from tastemaker.campaigns.queries import Campaign
from tastemaker.db.keyset import Page


class NewCampaign(BaseModel):
    """A campaign to be made."""

    model_config = ConfigDict(extra="forbid")

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


def campaigns_document(page: Page[Campaign]) -> CampaignsDocument:
    return CampaignsDocument(campaigns=[campaign_document(one) for one in page.rows], next=page.next)
