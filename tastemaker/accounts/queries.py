"""Statements about users: the current user, the rows of a new user, and the complete profile."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.ids import ExternalUserId, UserId
from tastemaker.db.claims import Tenant
from tastemaker.db.enums import BillingSyncStatus, OnboardingStep, SubscriptionStatus, TrialStatus
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, read_one


@dataclass(frozen=True)
class _Identity:
    id: UserId
    user_id: ExternalUserId
    email: str | None
    full_name: str | None
    business_name: str | None
    brand_description: str | None
    industry: str | None
    onboarding_step: OnboardingStep
    is_admin: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class _Subscription:
    current_plan: str | None
    intended_plan: str | None
    subscription_status: SubscriptionStatus | None
    trial_status: TrialStatus | None
    trial_start_date: datetime | None
    trial_end_date: datetime | None
    trial_conversion_date: datetime | None
    subscription_cancel_date: datetime | None
    subscription_renewal_date: datetime | None
    billing_sync_status: BillingSyncStatus | None


@dataclass(frozen=True)
class _Billing:
    stripe_customer_id: str | None
    stripe_subscription_id: str | None
    payment_method_id: str | None
    card_last_4: str | None
    card_brand: str | None
    card_exp_month: int | None
    card_exp_year: int | None
    billing_address_city: str | None
    billing_address_country: str | None
    billing_address_postal_code: str | None


@dataclass(frozen=True)
class _Usage:
    plan_campaigns_limit: int | None
    plan_creators_limit: int | None
    plan_features: Mapping[str, Any] | None
    usage_campaigns_current: int | None
    usage_creators_current_month: int | None
    usage_reset_date: datetime | None


@dataclass(frozen=True)
class _SystemData:
    signup_timestamp: datetime | None
    email_schedule_status: Mapping[str, Any] | None
    last_webhook_event: str | None
    last_webhook_timestamp: datetime | None


@dataclass(frozen=True)
class UserProfileComplete(_SystemData, _Usage, _Billing, _Subscription, _Identity):
    """A user and the four satellites. The fields of a missing satellite are None.

    Stable: it only gains fields. A new column of one of the five tables is one field of its part; the
    statement is made of the fields.
    """


FIND_CURRENT_USER = statement(
    """
    SELECT u.id, u.user_id, coalesce(s.current_plan, 'free') AS plan,
           u.is_admin AND coalesce(app_actor() = u.user_id, true) AS is_admin
    FROM users u LEFT JOIN user_subscriptions s ON s.user_id = u.id
    WHERE u.user_id = %(user_id)s
    """,
    CurrentUser,
    not_null="plan is_admin",
)

INSERT_USER = statement(
    """
    INSERT INTO users (user_id, email, full_name, onboarding_step, is_admin)
    VALUES (%(user_id)s, %(email)s, %(full_name)s, %(step)s, %(is_admin)s)
    ON CONFLICT (user_id) DO NOTHING
    RETURNING id
    """,
    UserId,
)

INSERT_SUBSCRIPTION = statement(
    "INSERT INTO user_subscriptions (user_id, current_plan) VALUES (%(id)s, %(plan)s)"
)
INSERT_BILLING = statement("INSERT INTO user_billing (user_id) VALUES (%(id)s)")
INSERT_USAGE = statement("INSERT INTO user_usage (user_id, usage_reset_date) VALUES (%(id)s, app_now())")
INSERT_SYSTEM_DATA = statement(
    "INSERT INTO user_system_data (user_id, signup_timestamp) VALUES (%(id)s, app_now())"
)

SET_PROFILE = statement("""
    UPDATE users SET full_name = %(full_name)s, business_name = %(business_name)s, industry = %(industry)s,
           brand_description = %(brand_description)s
    WHERE user_id = %(user_id)s
""")

LOCK_ONBOARDING = statement(
    "SELECT onboarding_step FROM users WHERE user_id = %(user_id)s FOR NO KEY UPDATE", OnboardingStep
)

SET_ONBOARDING = statement("UPDATE users SET onboarding_step = %(step)s WHERE user_id = %(user_id)s")

SET_INTENDED_PLAN = statement("""
    UPDATE user_subscriptions subscription SET intended_plan = %(plan)s
    FROM users WHERE users.user_id = %(user_id)s AND subscription.user_id = users.id
""")

COMPLETE_ONBOARDING = statement(
    """
    UPDATE users SET onboarding_step = 'completed'
    FROM user_subscriptions subscription
    WHERE users.user_id = %(user_id)s AND subscription.user_id = users.id AND onboarding_step <> 'completed'
    RETURNING subscription.current_plan
    """,
    str,
)

PARTS: Final = {"u": _Identity, "s": _Subscription, "b": _Billing, "g": _Usage, "d": _SystemData}
_COLUMNS: Final = ", ".join(
    f"{table}.{column.name}" for table, part in PARTS.items() for column in fields(part)
)

GET_USER_PROFILE = statement(
    f"""
    SELECT {_COLUMNS}
    FROM users u
    LEFT JOIN user_subscriptions s ON s.user_id = u.id
    LEFT JOIN user_billing b ON b.user_id = u.id
    LEFT JOIN user_usage g ON g.user_id = u.id
    LEFT JOIN user_system_data d ON d.user_id = u.id
    WHERE u.user_id = %(user_id)s
    """,  # noqa: S608 - names of our own fields
    UserProfileComplete,
)


async def find_current_user(tx: Transaction, user_id: ExternalUserId) -> CurrentUser | None:
    return await tx.one(FIND_CURRENT_USER, user_id=user_id)


async def insert_user(
    tx: Transaction,
    user_id: ExternalUserId,
    *,
    full_name: str | None,
    plan: str,
    is_admin: bool,
    email: str | None = None,
    step: OnboardingStep = OnboardingStep.COMPLETED,
) -> bool:
    """A user and the four satellites. False: the user exists already."""
    new_id = await tx.one(
        INSERT_USER, user_id=user_id, email=email, full_name=full_name, is_admin=is_admin, step=step
    )
    if new_id is None:
        return False
    await tx.run(INSERT_SUBSCRIPTION, id=new_id, plan=plan)
    await tx.run(INSERT_BILLING, id=new_id)
    await tx.run(INSERT_USAGE, id=new_id)
    await tx.run(INSERT_SYSTEM_DATA, id=new_id)
    return True


async def complete_onboarding(tx: Transaction, user_id: ExternalUserId) -> str | None:
    """The plan of the user; None where onboarding was complete before, or there is no such user."""
    return await tx.one(COMPLETE_ONBOARDING, user_id=user_id)


async def get_user_profile(database: Database, user_id: ExternalUserId) -> UserProfileComplete | None:
    """One JOIN in one round trip: the claim of the user travels with the statement."""
    return await read_one(database, Tenant(user_id), GET_USER_PROFILE, user_id=user_id)
