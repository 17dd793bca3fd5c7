"""Statements about users: the current user, the rows of a new user, and the complete profile."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, LiteralString, get_args, get_type_hints

from psycopg.rows import RowMaker
from sqlalchemy import text

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.ids import ExternalUserId, UserId
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import Database
from tastemaker.db.enums import BillingSyncStatus, OnboardingStep, SubscriptionStatus, TrialStatus
from tastemaker.db.reading import read_one
from tastemaker.db.transaction import Transaction

FIND_CURRENT_USER = text("""
    SELECT u.id, u.user_id, u.is_admin, coalesce(s.current_plan, 'free') AS plan
    FROM users u LEFT JOIN user_subscriptions s ON s.user_id = u.id
    WHERE u.user_id = :user_id
""")

INSERT_USER = text("""
    INSERT INTO users (user_id, full_name, onboarding_step, is_admin)
    VALUES (:user_id, :full_name, 'completed', :is_admin)
    ON CONFLICT (user_id) DO NOTHING
    RETURNING id
""")

INSERT_SUBSCRIPTION = text("INSERT INTO user_subscriptions (user_id, current_plan) VALUES (:id, :plan)")
INSERT_USAGE = text("INSERT INTO user_usage (user_id, usage_reset_date) VALUES (:id, app_now())")
INSERT_SYSTEM_DATA = text("INSERT INTO user_system_data (user_id, signup_timestamp) VALUES (:id, app_now())")

COMPLETE_ONBOARDING = text("""
    UPDATE users SET onboarding_step = 'completed'
    FROM user_subscriptions subscription
    WHERE users.user_id = :user_id AND subscription.user_id = users.id AND onboarding_step <> 'completed'
    RETURNING subscription.current_plan
""")


async def find_current_user(session: Transaction, user_id: ExternalUserId) -> CurrentUser | None:
    row = (await session.execute(FIND_CURRENT_USER, {"user_id": user_id})).mappings().first()
    if row is None:
        return None
    return CurrentUser(
        id=UserId(row["id"]),
        user_id=ExternalUserId(row["user_id"]),
        plan=row["plan"],
        is_admin=row["is_admin"],
    )


async def insert_user(
    session: Transaction, user_id: ExternalUserId, *, full_name: str, plan: str, is_admin: bool
) -> bool:
    """A user and the rows that belong to one (billing waits for a payment). False: it was there."""
    row = await session.execute(
        INSERT_USER, {"user_id": user_id, "full_name": full_name, "is_admin": is_admin}
    )
    new_id = row.scalar_one_or_none()
    if new_id is None:
        return False
    await session.execute(INSERT_SUBSCRIPTION, {"id": new_id, "plan": plan})
    await session.execute(INSERT_USAGE, {"id": new_id})
    await session.execute(INSERT_SYSTEM_DATA, {"id": new_id})
    return True


async def complete_onboarding(session: Transaction, user_id: ExternalUserId) -> str | None:
    """The user's plan; None where onboarding was complete before, or there is no such user."""
    rows = await session.execute(COMPLETE_ONBOARDING, {"user_id": user_id})
    return rows.scalar_one_or_none()


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
    """A user and the four satellites; what a missing satellite would say is None."""


PARTS: Final = {"u": _Identity, "s": _Subscription, "b": _Billing, "g": _Usage, "d": _SystemData}
"""By the name that the statement calls their table."""


def _columns() -> Iterator[LiteralString]:
    for table, part in PARTS.items():
        for column in fields(part):
            yield f"{table}.{column.name}"


GET_USER_PROFILE: Final[LiteralString] = f"""
    SELECT {", ".join(_columns())}
    FROM users u
    LEFT JOIN user_subscriptions s ON s.user_id = u.id
    LEFT JOIN user_billing b ON b.user_id = u.id
    LEFT JOIN user_usage g ON g.user_id = u.id
    LEFT JOIN user_system_data d ON d.user_id = u.id
    WHERE u.user_id = %(user_id)s
"""  # noqa: S608 - of this module's own names


async def get_user_profile(database: Database, user_id: ExternalUserId) -> UserProfileComplete | None:
    """One round trip: the user's own claim travels with the statement."""
    return await read_one(database, Tenant(user_id), GET_USER_PROFILE, {"user_id": user_id}, row=profile_row)


def profile_row(cursor: object) -> RowMaker[UserProfileComplete]:
    """A row factory for GET_USER_PROFILE, as psycopg calls it."""
    del cursor
    return _profile


def _words() -> Iterator[tuple[int, type[StrEnum]]]:
    for place, annotation in enumerate(_annotations()):
        for part in (annotation, *get_args(annotation)):
            if isinstance(part, type) and issubclass(part, StrEnum):
                yield place, part


def _annotations() -> Iterator[Any]:
    known = get_type_hints(UserProfileComplete)
    for column in fields(UserProfileComplete):
        yield known[column.name]


_WORDS: Final = tuple(_words())
"""Which values become which enum."""


def _profile(values: Sequence[Any]) -> UserProfileComplete:
    row = list(values)
    for place, words in _WORDS:
        if row[place] is not None:
            row[place] = words(row[place])
    return UserProfileComplete(*row)
