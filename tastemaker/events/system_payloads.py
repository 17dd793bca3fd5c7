"""What events of the installation itself carry: its jobs, its configuration, its log."""

from uuid import UUID

from pydantic import AwareDatetime

from tastemaker.events.names import Aggregate, EventType, Payload


class JobCompleted(Payload):
    """Of a background job; those that continue themselves write none."""

    event_type = EventType.JOB_COMPLETED
    aggregate = Aggregate.JOB

    job_type: str
    attempt: int


class JobFailed(Payload):
    """Given up for good: it is in the dead-letter view now."""

    event_type = EventType.JOB_FAILED
    aggregate = Aggregate.JOB

    job_type: str
    attempt: int
    error: str


class ConfigurationChanged(Payload):
    """Written by a trigger on each change of the row. None: there was no row before, or there is none now."""

    event_type = EventType.CONFIGURATION_CHANGED
    aggregate = Aggregate.CONFIG

    old: str | None
    new: str | None


class ProviderPaused(Payload):
    """Nobody calls a provider's account before `until`: its credits are used up, or it failed too often."""

    event_type = EventType.PROVIDER_PAUSED
    aggregate = Aggregate.CONFIG

    reason: str
    until: AwareDatetime


class EventsRedacted(Payload):
    """Written by `redact_events` itself, in the transaction that blanks the fields."""

    event_type = EventType.EVENTS_REDACTED
    aggregate = Aggregate.CONFIG

    events: list[UUID]
    fields: list[str]
    reason: str
