"""Statements about users as customers of Stripe: who is which, their card, subscriptions, and trials."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import TrialStatus
from tastemaker.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """What a checkout needs to know of a user. `subscription_id`: the one that counts."""

    user_id: ExternalUserId
    email: str | None
    full_name: str | None
    customer_id: str | None
    subscription_id: str | None
    trial_status: TrialStatus
    trial_start: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVersion:
    """How far a subscription is known."""

    id: str
    version: int
    last_event: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkedCustomer:
    """A row of the reconciliation's walk."""

    id: UUID
    user_id: ExternalUserId
    customer_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOnFile:
    """What may be shown of a card."""

    brand: str | None
    last_4: str | None
    month: int | None
    year: int | None


FIND_CARD = statement(
    """
    SELECT card_brand AS brand, card_last_4 AS last_4, card_exp_month AS month, card_exp_year AS year
    FROM user_billing WHERE tenant_id = %(user_id)s AND stripe_customer_id IS NOT NULL
    """,
    CardOnFile,
)

FIND_CUSTOMER = statement(
    """
    SELECT users.user_id, users.email, users.full_name, billing.stripe_customer_id AS customer_id,
           billing.stripe_subscription_id AS subscription_id, subscription.trial_status,
           subscription.trial_start_date AS trial_start
    FROM users
    JOIN user_subscriptions subscription ON subscription.user_id = users.id
    LEFT JOIN user_billing billing ON billing.user_id = users.id
    WHERE users.user_id = %(user_id)s
    """,
    Customer,
)

FIND_USER_OF_CUSTOMER = statement(
    "SELECT tenant_id FROM user_billing WHERE stripe_customer_id = %(customer_id)s",
    ExternalUserId,
)

FIND_USER = statement("SELECT user_id FROM users WHERE user_id = %(user_id)s", ExternalUserId)

LINK_CUSTOMER = statement(
    """
    INSERT INTO user_billing (user_id, stripe_customer_id)
    SELECT id, %(customer_id)s FROM users WHERE user_id = %(user_id)s
    ON CONFLICT (user_id) DO UPDATE
        SET stripe_customer_id = coalesce(user_billing.stripe_customer_id, excluded.stripe_customer_id)
    """
)

INTEND_PLAN = statement(
    "UPDATE user_subscriptions SET intended_plan = %(plan)s WHERE tenant_id = %(user_id)s"
)

PUT_CARD = statement(
    """
    UPDATE user_billing SET payment_method_id = %(payment_method_id)s, card_last_4 = %(last_4)s,
        card_brand = %(brand)s, card_exp_month = %(month)s, card_exp_year = %(year)s,
        billing_address_city = %(city)s, billing_address_country = %(country)s,
        billing_address_postal_code = %(postal_code)s
    WHERE tenant_id = %(user_id)s
    """
)

NOTE_WEBHOOK = statement(
    """
    UPDATE user_system_data SET last_webhook_event = left(%(type)s, 100),
        last_webhook_timestamp = timezone('UTC', CAST(%(moment)s AS timestamptz))
    WHERE tenant_id = %(user_id)s AND (last_webhook_timestamp IS NULL
        OR last_webhook_timestamp < timezone('UTC', CAST(%(moment)s AS timestamptz)))
    """
)

FIND_VERSION = statement(
    "SELECT id, version, last_event FROM stripe_subscriptions WHERE id = %(id)s",
    KnownVersion,
)

LIST_VERSIONS = statement(
    "SELECT id, version, last_event FROM stripe_subscriptions WHERE customer_id = %(customer_id)s",
    KnownVersion,
)

PUT_MIRRORED = statement(
    """
    INSERT INTO stripe_subscriptions AS known (id, customer_id, tenant_id, status, price_id, plan_key,
        created, period_start, period_end, trial_start, trial_end, cancel_at, ended_at, was_active, version,
        last_event)
    VALUES (%(id)s, %(customer_id)s, %(user_id)s, %(status)s, %(price_id)s, %(plan_key)s, %(created)s,
        %(period_start)s, %(period_end)s, %(trial_start)s, %(trial_end)s, %(cancel_at)s, %(ended_at)s,
        %(was_active)s, %(version)s, %(event)s)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, price_id = excluded.price_id,
        plan_key = excluded.plan_key, period_start = excluded.period_start,
        period_end = excluded.period_end, trial_start = excluded.trial_start,
        trial_end = excluded.trial_end, cancel_at = excluded.cancel_at, ended_at = excluded.ended_at,
        was_active = known.was_active OR excluded.was_active, version = excluded.version,
        last_event = excluded.last_event
    WHERE known.version = %(expected)s
    """
)
"""Changes nothing where the row is not as `expected` any more, the version that the caller has seen."""

NOTE_ACTIVE = statement(
    "UPDATE stripe_subscriptions SET was_active = true WHERE id = %(id)s AND NOT was_active"
)

CLAIM_TRIAL = statement(
    """
    INSERT INTO trial_claims (kind, digest, claimed_at) VALUES (%(kind)s, %(digest)s, app_now())
    ON CONFLICT (kind, digest) DO NOTHING
    """
)

FIND_CLAIM = statement(
    "SELECT claimed_at FROM trial_claims WHERE kind = %(kind)s AND digest = %(digest)s",
    datetime,
)

LIST_CUSTOMERS = statement(
    """
    SELECT id, tenant_id AS user_id, stripe_customer_id AS customer_id FROM user_billing
    WHERE stripe_customer_id IS NOT NULL AND id > CAST(%(after)s AS uuid) ORDER BY id LIMIT %(batch)s
    """,
    WalkedCustomer,
    not_null="user_id customer_id",
)
