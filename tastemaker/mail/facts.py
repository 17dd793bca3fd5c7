"""What an e-mail may speak of: read when it is due, so that it never says what was true once."""

from dataclasses import dataclass
from datetime import datetime

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import CampaignStatus, OnboardingStep, SubscriptionStatus, TrialStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFacts:
    """`creators`: how many its searches have stored."""

    id: str
    name: str
    status: CampaignStatus
    creators: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of one user; None where it is not known. `subject` is what a recurring e-mail is about: an id.

    `wants_marketing`: has not unsubscribed. `campaign` only where the e-mail is about one that is there.
    """

    user_id: ExternalUserId
    address: str | None
    full_name: str | None
    onboarding_step: OnboardingStep
    plan_name: str | None
    subscription_status: SubscriptionStatus
    trial_status: TrialStatus
    trial_ends_at: datetime | None
    wants_marketing: bool
    subject: str | None = None
    campaign: CampaignFacts | None = None
