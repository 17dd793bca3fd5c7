"""What each event carries. Ids and facts, no contact data: events are kept for good."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tastemaker.events.names import Aggregate, EventType


class Payload(BaseModel):
    """A version rises when a reader of the old form would misread the new one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_type: ClassVar[EventType]
    aggregate: ClassVar[Aggregate]
    version: ClassVar[int] = 1


class UserRegistered(Payload):
    event_type = EventType.USER_REGISTERED
    aggregate = Aggregate.USER

    plan: str


class CampaignCreated(Payload):
    event_type = EventType.CAMPAIGN_CREATED
    aggregate = Aggregate.CAMPAIGN

    name: str
    search_type: str


class SearchStarted(Payload):
    event_type = EventType.SEARCH_STARTED
    aggregate = Aggregate.JOB

    campaign_id: UUID
    platform: str
    keywords: list[str]
    target: int


class SearchParked(Payload):
    event_type = EventType.SEARCH_PARKED
    aggregate = Aggregate.JOB

    until: datetime
    reason: str
    stored: int


class SearchFinished(Payload):
    event_type = EventType.SEARCH_FINISHED
    aggregate = Aggregate.JOB

    status: str
    outcome: str
    stored: int
    pages: int
