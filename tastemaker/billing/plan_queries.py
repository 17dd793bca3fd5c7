"""Statements of plans: the price list, what one user has instead, and periods of usage that are over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionPlan:
    """Prices in US cents; an empty price id is not sold through Stripe. A limit of -1 is none."""

    plan_key: str
    display_name: str
    description: str | None
    monthly_price: int
    yearly_price: int | None
    stripe_monthly_price_id: str
    stripe_yearly_price_id: str | None
    campaigns_limit: int
    creators_limit: int
    features: Mapping[str, Any]
    is_active: bool
    sort_order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOfUser:
    """`plan` is in force; `granted` is what an administrator gave. A limit of None is the plan's."""

    user_id: ExternalUserId
    plan: str
    granted: str | None
    campaigns_limit: int | None
    creators_limit: int | None
    features: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPeriod:
    """A period of usage that is over. `enrichments` were counted in it."""

    period_start: datetime
    period_end: datetime
    plan: str
    campaigns: int
    creators: int
    creators_limit: int
    enrichments: int


_COLUMNS = """plan_key, display_name, description, monthly_price, yearly_price, stripe_monthly_price_id,
    stripe_yearly_price_id, campaigns_limit, creators_limit, coalesce(features, '{}') AS features, is_active,
    coalesce(sort_order, 0) AS sort_order"""

LIST_PLANS = statement(
    f"SELECT {_COLUMNS} FROM subscription_plans ORDER BY is_active DESC, sort_order, plan_key",  # noqa: S608 - constants
    SubscriptionPlan,
    not_null="features sort_order",
)

FIND_PLAN = statement(
    f"SELECT {_COLUMNS} FROM subscription_plans WHERE plan_key = %(key)s",  # noqa: S608 - constants
    SubscriptionPlan,
    not_null="features sort_order",
)

LOCK_PLAN = statement(
    f"SELECT {_COLUMNS} FROM subscription_plans WHERE plan_key = %(key)s FOR UPDATE",  # noqa: S608 - the same
    SubscriptionPlan,
    not_null="features sort_order",
)

PUT_PLAN = statement(
    """
    INSERT INTO subscription_plans (plan_key, display_name, description, monthly_price, yearly_price,
        stripe_monthly_price_id, stripe_yearly_price_id, campaigns_limit, creators_limit, features, is_active,
        sort_order)
    VALUES (%(plan_key)s, %(display_name)s, %(description)s, %(monthly_price)s, %(yearly_price)s,
        %(stripe_monthly_price_id)s, %(stripe_yearly_price_id)s, %(campaigns_limit)s, %(creators_limit)s,
        CAST(%(features)s AS jsonb), %(is_active)s, %(sort_order)s)
    ON CONFLICT (plan_key) DO UPDATE SET display_name = excluded.display_name,
        description = excluded.description, monthly_price = excluded.monthly_price,
        yearly_price = excluded.yearly_price, stripe_monthly_price_id = excluded.stripe_monthly_price_id,
        stripe_yearly_price_id = excluded.stripe_yearly_price_id,
        campaigns_limit = excluded.campaigns_limit, creators_limit = excluded.creators_limit,
        features = excluded.features, is_active = excluded.is_active, sort_order = excluded.sort_order
    """
)

FIND_FEATURES = statement(
    """
    SELECT coalesce(plan.features, '{}') || usage.plan_features AS features
    FROM user_usage usage
    JOIN user_subscriptions subscription ON subscription.user_id = usage.user_id
    JOIN subscription_plans plan ON plan.plan_key = subscription.current_plan
    WHERE usage.tenant_id = %(user_id)s
    """,
    dict[str, Any],
    not_null="features",
)

LOCK_PLAN_OF_USER = statement(
    """
    SELECT usage.tenant_id AS user_id, subscription.current_plan AS plan, given.plan_key AS granted,
           usage.plan_campaigns_limit AS campaigns_limit, usage.plan_creators_limit AS creators_limit,
           usage.plan_features AS features
    FROM user_usage usage
    JOIN user_subscriptions subscription ON subscription.user_id = usage.user_id
    LEFT JOIN plan_grants given ON given.tenant_id = usage.tenant_id
    WHERE usage.tenant_id = %(user_id)s
    FOR UPDATE OF usage, subscription
    """,
    PlanOfUser,
    not_null="user_id",
)

GRANT_PLAN = statement(
    """
    INSERT INTO plan_grants (tenant_id, plan_key, granted_by, reason, granted_at)
    VALUES (%(user_id)s, %(plan)s, %(by)s, %(reason)s, app_now())
    ON CONFLICT (tenant_id) DO UPDATE SET plan_key = excluded.plan_key, granted_by = excluded.granted_by,
        reason = excluded.reason, granted_at = excluded.granted_at
    """
)

REVOKE_GRANT = statement("DELETE FROM plan_grants WHERE tenant_id = %(user_id)s")

SET_OVERRIDES = statement(
    """
    UPDATE user_usage SET plan_campaigns_limit = %(campaigns)s, plan_creators_limit = %(creators)s,
        plan_features = CAST(%(features)s AS jsonb)
    WHERE tenant_id = %(user_id)s
    """
)

LIST_PERIODS = statement(
    """
    SELECT period.period_start, period.period_end, period.plan, period.campaigns, period.creators,
           period.creators_limit, coalesce(enriched.used, 0) AS enrichments
    FROM usage_periods period
    LEFT JOIN usage_enrichments enriched
        ON enriched.tenant_id = period.tenant_id AND enriched.period_start = period.period_start
    WHERE period.tenant_id = %(user_id)s ORDER BY period.period_start DESC LIMIT %(limit)s
    """,
    PastPeriod,
    not_null="enrichments",
)

FIND_ENRICHMENTS = statement(
    """
    SELECT used FROM usage_enrichments
    WHERE tenant_id = %(user_id)s AND period_start = (
        SELECT timezone('UTC', usage_reset_date) FROM user_usage WHERE tenant_id = %(user_id)s)
    """,
    int,
)
