"""What each event carries. Ids and facts, no contact data: events are kept for good.

A payload model is the newest version of its event. Older versions, older names and the original product's
looser records become it in `upcasting`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import field_validator

from tastemaker.events import account_payloads, creator_payloads, system_payloads  # noqa: F401 - with payloads like those here
from tastemaker.events.names import Aggregate, EventType, Payload
from tastemaker.events.redaction import without_contact_data


class UserRegistered(Payload):
    event_type = EventType.USER_REGISTERED
    aggregate = Aggregate.USER

    plan: str


class UserDeleted(Payload):
    """From now on nothing of theirs runs; their rows go batch by batch."""

    event_type = EventType.USER_DELETED
    aggregate = Aggregate.USER

    campaigns: int


class OnboardingStarted(Payload):
    event_type = EventType.ONBOARDING_STARTED
    aggregate = Aggregate.ONBOARDING
    version = 2

    step: str | None = None


class OnboardingCompleted(Payload):
    event_type = EventType.ONBOARDING_COMPLETED
    aggregate = Aggregate.ONBOARDING
    version = 2

    plan: str | None = None


class TrialStarted(Payload):
    event_type = EventType.TRIAL_STARTED
    aggregate = Aggregate.TRIAL
    version = 2

    plan: str
    started_at: datetime
    ends_at: datetime


class TrialConverted(Payload):
    event_type = EventType.TRIAL_CONVERTED
    aggregate = Aggregate.TRIAL
    version = 2

    plan: str
    converted_at: datetime


class TrialExpired(Payload):
    """`plan` is what is left: the plan after the trial."""

    event_type = EventType.TRIAL_EXPIRED
    aggregate = Aggregate.TRIAL
    version = 2

    plan: str
    ended_at: datetime


class SubscriptionFacts(Payload):
    """Where a subscription stands after the event, in full: no reader needs the one before it."""

    aggregate = Aggregate.SUBSCRIPTION
    version = 2

    plan: str
    status: str
    trial_status: str
    trial_ends_at: datetime | None = None
    renews_at: datetime | None = None
    cancels_at: datetime | None = None


class SubscriptionCreated(SubscriptionFacts):
    event_type = EventType.SUBSCRIPTION_CREATED


class SubscriptionUpdated(SubscriptionFacts):
    event_type = EventType.SUBSCRIPTION_UPDATED


class SubscriptionCanceled(SubscriptionFacts):
    event_type = EventType.SUBSCRIPTION_CANCELED


class SubscriptionSnapshot(SubscriptionFacts):
    """Where rebuilding begins when what came before is not in the log any more, or never was."""

    event_type = EventType.SUBSCRIPTION_SNAPSHOT


class PaymentSucceeded(Payload):
    event_type = EventType.PAYMENT_SUCCEEDED
    aggregate = Aggregate.PAYMENT
    version = 2

    amount_cents: int | None = None
    currency: str | None = None
    invoice_id: str | None = None


class PaymentFailed(Payload):
    event_type = EventType.PAYMENT_FAILED
    aggregate = Aggregate.PAYMENT
    version = 2

    amount_cents: int | None = None
    currency: str | None = None
    invoice_id: str | None = None
    reason: str | None = None


class BillingWebhookReceived(Payload):
    """`data` is what was sent, less contact data; the bytes themselves are in the inbox for their term."""

    event_type = EventType.BILLING_WEBHOOK_RECEIVED
    aggregate = Aggregate.PAYMENT
    version = 2

    webhook_id: str
    webhook_type: str
    data: Mapping[str, Any] = {}

    @field_validator("data")
    @classmethod
    def _redacted(cls, data: Mapping[str, Any]) -> Mapping[str, Any]:
        return dict(without_contact_data(data))


class AdminAction(Payload):
    """Who did it is in the metadata, as `actor`."""

    event_type = EventType.ADMIN_ACTION
    aggregate = Aggregate.USER
    version = 2

    action: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str | None = None

    @field_validator("before", "after")
    @classmethod
    def _redacted(cls, values: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        return None if values is None else dict(without_contact_data(values))


class UsageThresholdReached(Payload):
    """Of the plan's limit on `resource`: campaigns or creators. At 100 per cent nothing more is allowed."""

    event_type = EventType.USAGE_THRESHOLD_REACHED
    aggregate = Aggregate.USER

    resource: str
    percent: int
    used: int
    limit: int
    period_start: datetime


class PlanChanged(Payload):
    """The values of a plan that changed; `before` is None for a new one. The aggregate is its key."""

    event_type = EventType.PLAN_CHANGED
    aggregate = Aggregate.CONFIG

    before: Mapping[str, Any] | None
    after: Mapping[str, Any]
    reason: str | None = None


class ApiKeyCreated(Payload):
    """A program may act for the user from now on. Who made the key is in the metadata, as `actor`."""

    event_type = EventType.API_KEY_CREATED
    aggregate = Aggregate.USER

    key_id: UUID
    prefix: str
    scopes: list[str]
    expires_at: datetime | None


class ApiKeyRevoked(Payload):
    event_type = EventType.API_KEY_REVOKED
    aggregate = Aggregate.USER

    key_id: UUID
    prefix: str


class CampaignCreated(Payload):
    event_type = EventType.CAMPAIGN_CREATED
    aggregate = Aggregate.CAMPAIGN

    name: str
    search_type: str


class CampaignChanged(Payload):
    """Name or description: how they are now."""

    event_type = EventType.CAMPAIGN_CHANGED
    aggregate = Aggregate.CAMPAIGN

    name: str
    description: str | None


class CampaignActivated(Payload):
    event_type = EventType.CAMPAIGN_ACTIVATED
    aggregate = Aggregate.CAMPAIGN


class CampaignCompleted(Payload):
    event_type = EventType.CAMPAIGN_COMPLETED
    aggregate = Aggregate.CAMPAIGN


class CampaignArchived(Payload):
    event_type = EventType.CAMPAIGN_ARCHIVED
    aggregate = Aggregate.CAMPAIGN


class CampaignRestored(Payload):
    event_type = EventType.CAMPAIGN_RESTORED
    aggregate = Aggregate.CAMPAIGN

    status: str


class CampaignDeleted(Payload):
    """From now on nobody sees it; its rows go batch by batch."""

    event_type = EventType.CAMPAIGN_DELETED
    aggregate = Aggregate.CAMPAIGN

    searches: int


class ExclusionsChanged(Payload):
    """How many names came on a user's list or left it; the list of one campaign where there is an id."""

    event_type = EventType.EXCLUSIONS_CHANGED
    aggregate = Aggregate.USER

    campaign_id: UUID | None
    added: int
    removed: int


class SearchStarted(Payload):
    event_type = EventType.SEARCH_STARTED
    aggregate = Aggregate.JOB

    campaign_id: UUID
    platform: str
    keywords: list[str]
    target: int


class SearchProcessing(Payload):
    """A worker asks for pages: the first time, or after it was parked or resumed."""

    event_type = EventType.SEARCH_PROCESSING
    aggregate = Aggregate.JOB


class SearchResumed(Payload):
    """A user resumed it; `was` is the status before, `pending` from then on."""

    event_type = EventType.SEARCH_RESUMED
    aggregate = Aggregate.JOB

    was: str


class SearchParked(Payload):
    event_type = EventType.SEARCH_PARKED
    aggregate = Aggregate.JOB

    until: datetime
    reason: str
    stored: int


class ProviderMalformed(Payload):
    """A keyword ended since its next page could not be understood, however often it was asked for.

    `sample_id` is the row of `provider_samples` with the beginning of the last answer; None where that hour
    has enough of them.
    """

    event_type = EventType.PROVIDER_MALFORMED
    aggregate = Aggregate.JOB

    run_id: UUID
    provider: str
    platform: str
    attempts: int
    reason: str
    sample_id: UUID | None


class SearchFinished(Payload):
    event_type = EventType.SEARCH_FINISHED
    aggregate = Aggregate.JOB

    status: str
    outcome: str
    stored: int
    pages: int


class SearchSnapshot(Payload):
    """As `SubscriptionSnapshot`, of a search. `outcome` is None while it is open."""

    event_type = EventType.SEARCH_SNAPSHOT
    aggregate = Aggregate.JOB

    campaign_id: UUID | None
    platform: str
    target: int
    status: str
    outcome: str | None
    stored: int
    pages: int


MOST_BYTES: Final = 1024 * 1024
"""Of one event's payload as JSON; more belongs into a table that the event names."""


def payload_models() -> Mapping[EventType, type[Payload]]:
    """Every event's newest model."""
    if len(_models) < len(EventType):
        _models.update({model.event_type: model for model in _concrete(Payload)})
    return _models


_models: dict[EventType, type[Payload]] = {}


def _concrete(base: type[Payload]) -> list[type[Payload]]:
    found = [base] if hasattr(base, "event_type") else []
    return found + [model for child in base.__subclasses__() for model in _concrete(child)]
