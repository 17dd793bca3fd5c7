"""The event log's vocabulary: event types, their former names, and the base of every payload model.

The names are the specification's. They are never changed, only added to.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from tastemaker.db.enums import AggregateType, SourceSystem

Aggregate = AggregateType
Source = SourceSystem

CHANNEL: Final = "events"
"""Notified by every transaction that has written an event."""


class EventType(StrEnum):
    USER_REGISTERED = "user_registered"
    USER_DELETED = "user_deleted"
    PROFILE_CHANGED = "profile_changed"
    CREDENTIALS_CHANGED = "credentials_changed"
    MEMBER_JOINED = "member_joined"
    DATA_EXPORTED = "data_exported"
    MEMBER_LEFT = "member_left"
    ONBOARDING_STARTED = "onboarding_started"
    ONBOARDING_ADVANCED = "onboarding_advanced"
    ONBOARDING_COMPLETED = "onboarding_completed"
    TRIAL_STARTED = "trial_started"
    TRIAL_CONVERTED = "trial_converted"
    TRIAL_EXPIRED = "trial_expired"
    SUBSCRIPTION_CREATED = "subscription_created"
    SUBSCRIPTION_UPDATED = "subscription_updated"
    SUBSCRIPTION_CANCELED = "subscription_canceled"
    SUBSCRIPTION_SNAPSHOT = "subscription_snapshot"
    PAYMENT_SUCCEEDED = "payment_succeeded"
    PAYMENT_FAILED = "payment_failed"
    BILLING_WEBHOOK_RECEIVED = "billing_webhook_received"
    API_KEY_CREATED = "api_key_created"
    API_KEY_REVOKED = "api_key_revoked"
    USAGE_THRESHOLD_REACHED = "usage_threshold_reached"
    PLAN_CHANGED = "plan_changed"
    ADMIN_ACTION = "admin_action"
    CAMPAIGN_CREATED = "campaign_created"
    CAMPAIGN_CHANGED = "campaign_changed"
    CAMPAIGN_ACTIVATED = "campaign_activated"
    CAMPAIGN_COMPLETED = "campaign_completed"
    CAMPAIGN_ARCHIVED = "campaign_archived"
    CAMPAIGN_RESTORED = "campaign_restored"
    CAMPAIGN_DELETED = "campaign_deleted"
    EXCLUSIONS_CHANGED = "exclusions_changed"
    CREATORS_IMPORTED = "creators_imported"
    CREATOR_MERGED = "creator_merged"
    CREATOR_SUPPRESSED = "creator_suppressed"
    SUPPRESSION_LIFTED = "suppression_lifted"
    SEARCH_STARTED = "search_started"
    SEARCH_PROCESSING = "search_processing"
    SEARCH_PARKED = "search_parked"
    SEARCH_RESUMED = "search_resumed"
    SEARCH_FINISHED = "search_finished"
    PROVIDER_MALFORMED = "provider_malformed"
    SEARCH_SNAPSHOT = "search_snapshot"
    EVENTS_REDACTED = "events_redacted"
    JOB_COMPLETED = "job_completed"
    JOB_FAILED = "job_failed"
    CONFIGURATION_CHANGED = "configuration_changed"
    PROVIDER_PAUSED = "provider_paused"


class Payload(BaseModel):
    """A version rises when a reader of the old form would misread the new one.

    Version 1 of what the original product wrote under the same name is the original's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_type: ClassVar[EventType]
    aggregate: ClassVar[Aggregate]
    version: ClassVar[int] = 1


FORMER_NAMES: Final[Mapping[str, EventType]] = {
    "user_created": EventType.USER_REGISTERED,
    "subscription_deleted": EventType.SUBSCRIPTION_CANCELED,
}
"""What older databases call an event of ours. Reading understands both; writing knows only ours."""


def current_name(event_type: str) -> str:
    """Our name of what may be an older one; an unknown name stays as it is."""
    return FORMER_NAMES.get(event_type, event_type)


def all_names(event_type: str) -> tuple[str, ...]:
    """The name, then every older one of the same event: for reading and for recognising its keys."""
    return (event_type, *(old for old, new in FORMER_NAMES.items() if new == event_type))


def find_type(name: str) -> EventType | None:
    """The event type of that name, be it ours or an older one."""
    try:
        return EventType(current_name(name))
    except ValueError:
        return None
