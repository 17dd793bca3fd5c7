"""The e-mails that exist: the purpose of each, the facts it reads, and when it is still wanted.

`docs/reference/emails.md` lists the same. Text and layout are in `templates/`, one file per e-mail.
Delays are configuration.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import CampaignStatus, EmailType, OnboardingStep, SubscriptionStatus, TrialStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFacts:
    """`creators`: how many its searches have stored."""

    id: str
    name: str
    status: CampaignStatus
    creators: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFacts:
    """What the database knows of one user. `wants_marketing`: has not unsubscribed."""

    user_id: ExternalUserId
    address: str | None
    full_name: str | None
    onboarding_step: OnboardingStep
    plan_name: str | None
    subscription_status: SubscriptionStatus
    trial_status: TrialStatus
    trial_ends_at: datetime | None
    wants_marketing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(UserFacts):
    """What an e-mail may say, read when it is due, so that it never says what is no longer true.

    `subject` is the id of what the e-mail is about. `campaign`: set where that is an existing campaign.
    """

    subject: str | None = None
    campaign: CampaignFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """`is_wanted` is asked when it is due and again before it is sent.

    `is_marketing`: not needed to use the product; one may unsubscribe. `cause`: what schedules it.
    """

    type: EmailType
    meaning: str
    cause: str
    is_wanted: Callable[[Facts], bool]
    is_marketing: bool = False

    def refusal(self, facts: Facts | None) -> str | None:
        """Why it must not be sent to whom the facts are about; None where it may."""
        if facts is None:
            return "There is no such user any more."
        if not facts.address:
            return "The user has no address."
        if self.is_marketing and not facts.wants_marketing:
            return "The user has unsubscribed."
        return None if self.is_wanted(facts) else "The reason for it is gone."


def _is_on_trial(facts: Facts) -> bool:
    return facts.trial_status is TrialStatus.ACTIVE


def _is_subscribed(facts: Facts) -> bool:
    return facts.subscription_status in {SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING}


def _has_finished_campaign(facts: Facts) -> bool:
    return facts.campaign is not None and facts.campaign.status is CampaignStatus.COMPLETED


KINDS: Final[Mapping[EmailType, Kind]] = {
    kind.type: kind
    for kind in (
        Kind(
            type=EmailType.WELCOME,
            meaning="Welcomes a new user and explains the first steps.",
            cause="sign-up",
            is_wanted=lambda _: True,
        ),
        Kind(
            type=EmailType.ABANDONMENT,
            meaning="Reminds a user who has not finished onboarding.",
            cause="sign-up",
            is_wanted=lambda facts: facts.onboarding_step is not OnboardingStep.COMPLETED,
            is_marketing=True,
        ),
        Kind(
            type=EmailType.TRIAL_DAY2,
            meaning="Describes the features of the trial, on its second day.",
            cause="start of a trial",
            is_wanted=_is_on_trial,
            is_marketing=True,
        ),
        Kind(
            type=EmailType.TRIAL_DAY5,
            meaning="Says when the trial ends, two days before the end.",
            cause="start of a trial",
            is_wanted=_is_on_trial,
            is_marketing=True,
        ),
        Kind(
            type=EmailType.TRIAL_EXPIRY,
            meaning="Says that the trial has ended and what happens to the results.",
            cause="end of a trial without a subscription",
            is_wanted=lambda facts: facts.trial_status is TrialStatus.EXPIRED,
        ),
        Kind(
            type=EmailType.SUBSCRIPTION_WELCOME,
            meaning="Confirms a new subscription.",
            cause="start of a subscription",
            is_wanted=_is_subscribed,
        ),
        Kind(
            type=EmailType.CAMPAIGN_FINISHED,
            meaning="Says that all searches of a campaign have ended, and what they found.",
            cause="completion of a campaign",
            is_wanted=_has_finished_campaign,
        ),
        Kind(
            type=EmailType.EXPORT_READY,
            meaning="Says that an export is ready.",
            cause="completion of an export",
            is_wanted=lambda _: True,
        ),
    )
}
"""In the order in which a user meets them."""
