"""The event log's vocabulary. The specification's names are ours; they are never changed, only added to."""

from enum import StrEnum

from tastemaker.db.words import AggregateType, SourceSystem

Aggregate = AggregateType
Source = SourceSystem


class EventType(StrEnum):
    USER_REGISTERED = "user_registered"
    CAMPAIGN_CREATED = "campaign_created"
    SEARCH_STARTED = "search_started"
    SEARCH_PARKED = "search_parked"
    SEARCH_FINISHED = "search_finished"
