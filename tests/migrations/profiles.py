"""Legacy profiles as real databases hold them: gaps, undocumented words, every script, a card twice.

Deterministic: profile number n is always the same.
"""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

Profile = dict[str, Any]

NAMES = (
    "Zoë Müller",
    "山田 花子",
    "محمد العلي",
    "Ольга Иванова",
    "José\u0301 Peña",
    "👩‍👩‍👧 Family & Co",
    "O'Brien; DROP TABLE",
    "נועה כהן",
    "\U0001d509raktur",
    " padded ",
    'a\tb\\c"d',
    "สมชาย",
    "",
    "%_like_%",
    "\u202eright-to-left",
)

WORDS: dict[str, tuple[str | None, ...]] = {
    "onboarding_step": (
        *("pending", "info_captured", "intent_captured", "completed"),
        *("Completed ", "step_3", "", None),
    ),
    "trial_status": (
        *("pending", "active", "expired", "cancelled", "converted"),
        *("canceled", "trialing", "??", None),
    ),
    "subscription_status": (
        *("none", "trialing", "active", "past_due", "canceled", "unpaid"),
        *("incomplete", "incomplete_expired", "paused", "cancelled", "ACTIVE", None),
    ),
    "billing_sync_status": (
        *("pending", "synced", "error", "webhook_subscription_created", "reconciled_from_stripe"),
        *("checkout_completed", "nightly_reconcile", "payment_saved", "plan_selected"),
        *("sub_pending_webhook", "upgrade_requested", "sync_failed_stripe_customer_not_found", "", None),
    ),
    "current_plan": ("free", "glow_up", "viral_surge", "fame_flex", "Glow Up", "beta-tester 2024", "", None),
    "intended_plan": ("glow_up", "fame_flex", "enterprise", "", None),
}

_BORN = datetime(2024, 2, 29, 23, 59, 59, 123456)  # noqa: DTZ001 - the column has no time zone


def legacy_profile(number: int) -> Profile:
    draw = random.Random(number)  # noqa: S311 - made-up data
    profile: Profile = {
        "id": UUID(int=draw.getrandbits(128), version=4),
        "user_id": f"user_{number:06d}" if number % 7 else f"Üser {number} 🚀",
        "name": draw.choice([*NAMES, None]),
        "company_name": draw.choice(["Acme", "Œuvre SARL", "", None]),
        "industry": draw.choice(["beauty", "игры", None]),
        "email": draw.choice([f"person{number}@example.com", "twice@example.org", "", None]),
        "full_name": draw.choice([*NAMES, None, None]),
        "business_name": draw.choice(["Studio " + str(number), "", None]),
        "brand_description": draw.choice(["x" * 5000, "line\nbreak", None]),
        "is_admin": draw.choice([True, False, False, None]),
        "card_last_4": draw.choice(["0042", "4242", None]),
        "card_brand": draw.choice(["visa", "mastercard", None]),
        "billing_address_city": draw.choice(["São Paulo", "Zürich", None, None]),
        "billing_address_country": draw.choice(["BR", "CH", None]),
        "billing_address_postal_code": draw.choice(["01000-000", "8001", None]),
        "card_exp_month": draw.choice([1, 12, None]),
        "card_exp_year": draw.choice([2024, 2031, None]),
        "payment_method_id": draw.choice([f"pm_{number}", None]),
        "stripe_customer_id": draw.choice([f"cus_{number}", f"cus_{number}", "cus_shared", None]),
        "stripe_subscription_id": draw.choice([f"sub_{number}", None]),
        "plan_campaigns_limit": draw.choice([-1, 0, 3, None]),
        "plan_creators_limit": draw.choice([-1, 0, 1000, None]),
        "plan_features": draw.choice([{}, {"apiAccess": True, "platforms": ["TikTok"]}, None]),
        "usage_campaigns_current": draw.choice([0, 2, -3, None]),
        "usage_creators_current_month": draw.choice([0, 17, 2_147_483_647, -1, None]),
        "last_webhook_event": draw.choice(["invoice.payment_failed", None]),
        "email_schedule_status": draw.choice(
            [
                {},
                {"welcome": {"status": "sent", "messageId": "m1", "timestamp": "2024-03-01T00:00:00Z"}},
                None,
            ]
        ),
    }
    profile |= {column: draw.choice(words) for column, words in WORDS.items()}
    profile |= {column: _time(draw) for column in _TIMES}
    if number % 5 == 0:
        profile |= dict.fromkeys(_BILLING)
    return profile


_TIMES = (
    *("created_at", "updated_at", "signup_timestamp", "usage_reset_date", "last_webhook_timestamp"),
    *("trial_start_date", "trial_end_date", "trial_conversion_date"),
    *("subscription_cancel_date", "subscription_renewal_date"),
)

_BILLING = (
    *("stripe_customer_id", "stripe_subscription_id", "payment_method_id"),
    *("card_last_4", "card_brand", "card_exp_month", "card_exp_year"),
    *("billing_address_city", "billing_address_country", "billing_address_postal_code"),
)


def insert_profiles(connection: psycopg.Connection, profiles: Iterable[Profile]) -> None:
    """By COPY, so that a hundred thousand take a second."""
    columns = list(legacy_profile(0))
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY user_profiles ({', '.join(columns)}) FROM STDIN".encode()) as copy,
    ):
        for profile in profiles:
            copy.write_row([Jsonb(v) if isinstance(v, dict) else v for v in profile.values()])


def _time(draw: random.Random) -> datetime | None:
    return draw.choice([None, _BORN + timedelta(microseconds=draw.randrange(10**14))])
