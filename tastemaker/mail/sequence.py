"""Which event causes which e-mail: one function per event, called in the transaction of the event."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from tastemaker.config_store.declaration import ConfigKey
from tastemaker.config_store.keys import (
    ABANDONMENT_DELAY,
    TRIAL_DAY2_DELAY,
    TRIAL_DAY5_DELAY,
    WELCOME_DELAY,
)
from tastemaker.config_store.service import current_value
from tastemaker.core.ids import CampaignId, ExternalUserId
from tastemaker.db.enums import EmailStatus, EmailType
from tastemaker.db.transaction import Transaction
from tastemaker.mail.service import cancel_emails, schedule_email

TRIAL: Final = (EmailType.TRIAL_DAY2, EmailType.TRIAL_DAY5)
SUBSCRIPTION: Final = (*TRIAL, EmailType.TRIAL_EXPIRY, EmailType.SUBSCRIPTION_WELCOME)
AT_SIGN_UP: Final = ((EmailType.WELCOME, WELCOME_DELAY), (EmailType.ABANDONMENT, ABANDONMENT_DELAY))
AT_TRIAL_START: Final = (
    (EmailType.TRIAL_DAY2, TRIAL_DAY2_DELAY),
    (EmailType.TRIAL_DAY5, TRIAL_DAY5_DELAY),
)


async def on_sign_up(tx: Transaction, user_id: ExternalUserId) -> None:
    await _schedule(tx, user_id, AT_SIGN_UP)


async def on_onboarding_completed(tx: Transaction, user_id: ExternalUserId) -> None:
    await cancel_emails(tx, user_id, [EmailType.ABANDONMENT], reason="The user has completed onboarding.")


async def on_trial_started(tx: Transaction, user_id: ExternalUserId) -> None:
    await _schedule(tx, user_id, AT_TRIAL_START)


async def on_trial_ended(tx: Transaction, user_id: ExternalUserId, *, is_converted: bool) -> None:
    """Converted into a subscription, or over without one."""
    await cancel_emails(tx, user_id, TRIAL, reason="The trial has ended.")
    if not is_converted:
        await schedule_email(tx, user_id, EmailType.TRIAL_EXPIRY)


async def on_trial_cancelled(tx: Transaction, user_id: ExternalUserId) -> None:
    await cancel_emails(tx, user_id, TRIAL, reason="The user has cancelled the trial.")


async def on_subscription_started(tx: Transaction, user_id: ExternalUserId, subscription_id: str) -> None:
    """Each subscription is welcomed once, and nobody is reminded of a trial any more."""
    await cancel_emails(tx, user_id, (*TRIAL, EmailType.TRIAL_EXPIRY), reason="The user has subscribed.")
    await schedule_email(tx, user_id, EmailType.SUBSCRIPTION_WELCOME, subject=subscription_id)


async def on_subscription_cancelled(tx: Transaction, user_id: ExternalUserId) -> None:
    await cancel_emails(
        tx,
        user_id,
        SUBSCRIPTION,
        status=EmailStatus.CANCELLED_SUBSCRIPTION,
        reason="The user has cancelled the subscription.",
    )


async def on_campaign_finished(
    tx: Transaction, user_id: ExternalUserId, campaign_id: CampaignId, *, occasion: str
) -> None:
    """`occasion` tells the times apart at which the same campaign is finished."""
    await schedule_email(
        tx, user_id, EmailType.CAMPAIGN_FINISHED, subject=str(campaign_id), occasion=occasion
    )


async def on_export_ready(tx: Transaction, user_id: ExternalUserId, export_id: UUID) -> None:
    await schedule_email(tx, user_id, EmailType.EXPORT_READY, subject=str(export_id))


async def on_user_deleted(tx: Transaction, user_id: ExternalUserId) -> None:
    """Before the rows go: nothing that waits is sent any more."""
    await cancel_emails(tx, user_id, EmailType, reason="The user was deleted.")


async def _schedule(
    tx: Transaction,
    user_id: ExternalUserId,
    emails: tuple[tuple[EmailType, ConfigKey[timedelta]], ...],
) -> None:
    for email, delay in emails:
        await schedule_email(tx, user_id, email, delay=await current_value(tx, delay))
