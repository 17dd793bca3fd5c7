"""Statements about where users stand with their plan, and their subscriptions in Stripe's words."""

from dataclasses import dataclass
from datetime import datetime

from tastemaker.db.enums import BillingSyncStatus, SubscriptionStatus, TrialStatus
from tastemaker.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStanding:
    """A row of `user_subscriptions`, and the plan that an administrator gave."""

    plan: str
    granted: str | None
    status: SubscriptionStatus
    trial_status: TrialStatus
    trial_start: datetime | None
    trial_end: datetime | None
    converted_at: datetime | None
    cancels_at: datetime | None
    renews_at: datetime | None
    sync: BillingSyncStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """A subscription in Stripe's words. `plan`: the one of its price; None where no plan has that price."""

    id: str
    status: str
    plan: str | None
    created: datetime
    period_start: datetime | None
    period_end: datetime | None
    trial_start: datetime | None
    trial_end: datetime | None
    cancel_at: datetime | None
    ended_at: datetime | None
    was_active: bool
    version: int


NOW = statement("SELECT app_now()", datetime, not_null="app_now")

_STANDING = """
    SELECT subscription.current_plan AS plan, given.plan_key AS granted,
           subscription.subscription_status AS status, subscription.trial_status,
           subscription.trial_start_date AS trial_start, subscription.trial_end_date AS trial_end,
           subscription.trial_conversion_date AS converted_at,
           subscription.subscription_cancel_date AS cancels_at,
           subscription.subscription_renewal_date AS renews_at, subscription.billing_sync_status AS sync
    FROM user_subscriptions subscription
    LEFT JOIN plan_grants given ON given.tenant_id = subscription.tenant_id
    WHERE subscription.tenant_id = %(user_id)s
"""
FIND_STANDING = statement(_STANDING, PlanStanding)
LOCK_STANDING = statement(f"{_STANDING} FOR UPDATE OF subscription", PlanStanding)

LIST_MIRRORED = statement(
    """
    SELECT mirrored.id, mirrored.status, coalesce((
               SELECT plan.plan_key FROM subscription_plans plan
               WHERE mirrored.price_id IN (plan.stripe_monthly_price_id, plan.stripe_yearly_price_id)
               ORDER BY plan.is_active DESC, plan.plan_key LIMIT 1), (
               SELECT plan.plan_key FROM subscription_plans plan
               WHERE plan.plan_key = mirrored.plan_key)) AS plan,
           mirrored.created, mirrored.period_start, mirrored.period_end, mirrored.trial_start,
           mirrored.trial_end, mirrored.cancel_at, mirrored.ended_at, mirrored.was_active, mirrored.version
    FROM stripe_subscriptions mirrored WHERE mirrored.tenant_id = %(user_id)s
    ORDER BY mirrored.created, mirrored.id
    """,
    Mirrored,
)

PUT_STANDING = statement(
    """
    UPDATE user_subscriptions SET current_plan = %(plan)s, subscription_status = %(status)s,
        trial_status = %(trial_status)s,
        trial_start_date = timezone('UTC', CAST(%(trial_start)s AS timestamptz)),
        trial_end_date = timezone('UTC', CAST(%(trial_end)s AS timestamptz)),
        trial_conversion_date = timezone('UTC', CAST(%(converted_at)s AS timestamptz)),
        subscription_cancel_date = timezone('UTC', CAST(%(cancels_at)s AS timestamptz)),
        subscription_renewal_date = timezone('UTC', CAST(%(renews_at)s AS timestamptz)),
        billing_sync_status = %(sync)s
    WHERE tenant_id = %(user_id)s
    """
)

PUT_SUBSCRIPTION_ID = statement(
    """
    UPDATE user_billing SET stripe_subscription_id = %(subscription_id)s
    WHERE tenant_id = %(user_id)s AND stripe_subscription_id IS DISTINCT FROM %(subscription_id)s
    """
)
