"""The four satellites of a user: their columns, and what is written for a source row `s` of a person `b`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Satellite:
    """`optional`: made only where there is something to keep. The others belong to every user."""

    table: str
    columns: Mapping[str, str]
    optional: bool = False
    joins: str = ""


WORDS: Final = frozenset(
    {"current_plan", "intended_plan", "subscription_status", "trial_status", "billing_sync_status"}
)

_CUSTOMER: Final = (
    "LEFT JOIN adoption_customers k ON k.customer = left(s.stripe_customer_id, 255) AND k.user_id = b.user_id"
)


def _as_is(*names: str) -> dict[str, str]:
    return {name: f"s.{name}" for name in names}


SUBSCRIPTIONS: Final = Satellite(
    table="user_subscriptions",
    columns=_as_is(
        "current_plan", "intended_plan", "subscription_status", "trial_status", "trial_start_date",
        "trial_end_date", "trial_conversion_date", "subscription_cancel_date", "subscription_renewal_date",
        "billing_sync_status",
    ),
)  # fmt: skip

BILLING: Final = Satellite(
    table="user_billing",
    optional=True,
    joins=_CUSTOMER,
    columns={
        "stripe_customer_id": "k.customer",
        "stripe_subscription_id": "left(s.stripe_subscription_id, 255)",
        "payment_method_id": "s.payment_method_id",
        "card_last_4": "left(s.card_last_4, 4)",
        "card_brand": "left(s.card_brand, 20)",
        "card_exp_month": "s.card_exp_month::integer",
        "card_exp_year": "s.card_exp_year::integer",
        "billing_address_city": "s.billing_address_city",
        "billing_address_country": """
            CASE WHEN length(s.billing_address_country) <= 2 THEN s.billing_address_country END""",
        "billing_address_postal_code": "left(s.billing_address_postal_code, 20)",
    },
)

USAGE: Final = Satellite(
    table="user_usage",
    columns={
        "plan_campaigns_limit": "s.plan_campaigns_limit::integer",
        "plan_creators_limit": "s.plan_creators_limit::integer",
        "plan_features": "coalesce(s.plan_features, '{}')",
        "usage_campaigns_current": "greatest(coalesce(s.usage_campaigns_current, 0), 0)::integer",
        "usage_creators_current_month": "greatest(coalesce(s.usage_creators_current_month, 0), 0)::integer",
        "usage_reset_date": "coalesce(s.usage_reset_date, s.created_at, s.updated_at, %(moment)s)",
    },
)

SYSTEM_DATA: Final = Satellite(
    table="user_system_data",
    columns={
        "signup_timestamp": "coalesce(s.signup_timestamp, s.created_at, s.updated_at, %(moment)s)",
        "email_schedule_status": "coalesce(s.email_schedule_status, '{}')",
        "last_webhook_event": "left(s.last_webhook_event, 100)",
        "last_webhook_timestamp": "s.last_webhook_timestamp",
    },
)

SATELLITES: Final = (SUBSCRIPTIONS, BILLING, USAGE, SYSTEM_DATA)
