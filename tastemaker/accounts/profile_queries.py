"""Everything the database says about one user, in one statement over the five tables.

Stable: `UserProfileComplete` only ever gains fields. A new column of any of the five tables is one line here,
a field of that table's part; the statement is made of the fields.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, LiteralString, get_args, get_type_hints

from psycopg.rows import RowMaker

from tastemaker.core.ids import ExternalUserId, UserId
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import Database
from tastemaker.db.enums import BillingSyncStatus, OnboardingStep, SubscriptionStatus, TrialStatus
from tastemaker.db.reading import read_one


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
