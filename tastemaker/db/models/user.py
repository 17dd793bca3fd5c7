"""The user domain: who a person is, and in four satellites what concerns money, usage and the system."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Computed, ForeignKey, Index, PrimaryKeyConstraint, String, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tastemaker.db.enums import (
    BillingSyncStatus,
    OnboardingStep,
    SubscriptionStatus,
    TrialStatus,
    UnsubscriptionSource,
)
from tastemaker.db.models.base import (
    Base,
    Counter,
    InsertedAt,
    Instant,
    InstantOfInsert,
    JsonObject,
    RandomKey,
    UtcTimestamp,
    WordOf,
    never_negative,
    one_of,
)

_FIELDS = " || ".join(rf"E'\n\n' || coalesce({name}, '')" for name in ("full_name", "email", "business_name"))
_SEPARATORS = r"""E'\n !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'"""
_LETTERS = "".join(chr(0x250 + place) for place in range(34))


class User(Base):
    __tablename__ = "users"

    id: Mapped[RandomKey]
    user_id: Mapped[str]
    email: Mapped[str | None]
    full_name: Mapped[str | None]
    business_name: Mapped[str | None]
    brand_description: Mapped[str | None]
    industry: Mapped[str | None]
    onboarding_step: Mapped[OnboardingStep] = mapped_column(
        WordOf(OnboardingStep), server_default=sql("'pending'")
    )
    is_admin: Mapped[bool] = mapped_column(server_default=sql("false"))
    created_at: Mapped[InsertedAt]
    updated_at: Mapped[InsertedAt]
    search_text: Mapped[str | None] = mapped_column(
        Computed(f"translate(lower({_FIELDS}), {_SEPARATORS}, '{_LETTERS}')", persisted=True)
    )

    __table_args__ = (
        UniqueConstraint("user_id", name="idx_users_user_id"),
        one_of("onboarding_step", OnboardingStep),
        Index("idx_users_email", "email"),
        Index("idx_users_onboarding", "onboarding_step"),
        Index("idx_users_admin", "is_admin", postgresql_where=sql("is_admin = true")),
        Index("idx_users_admin_search", sql("created_at DESC"), "onboarding_step"),
        Index(
            "idx_users_search",
            "search_text",
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
        ),
    )


class UserSubscription(Base):
    __tablename__ = "user_subscriptions"

    id: Mapped[RandomKey]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    current_plan: Mapped[str] = mapped_column(
        String, ForeignKey("subscription_plans.plan_key", ondelete="RESTRICT"), server_default=sql("'free'")
    )
    intended_plan: Mapped[str | None] = mapped_column(
        String, ForeignKey("subscription_plans.plan_key", ondelete="RESTRICT")
    )
    subscription_status: Mapped[SubscriptionStatus] = mapped_column(
        WordOf(SubscriptionStatus), server_default=sql("'none'")
    )
    trial_status: Mapped[TrialStatus] = mapped_column(WordOf(TrialStatus), server_default=sql("'pending'"))
    trial_start_date: Mapped[datetime | None]
    trial_end_date: Mapped[datetime | None]
    trial_conversion_date: Mapped[datetime | None]
    subscription_cancel_date: Mapped[datetime | None]
    subscription_renewal_date: Mapped[datetime | None]
    billing_sync_status: Mapped[BillingSyncStatus] = mapped_column(
        WordOf(BillingSyncStatus), server_default=sql("'pending'")
    )
    created_at: Mapped[InsertedAt]
    updated_at: Mapped[InsertedAt]
    tenant_id: Mapped[str]

    __table_args__ = (
        UniqueConstraint("user_id", name="idx_user_subscriptions_user_id"),
        one_of("subscription_status", SubscriptionStatus),
        one_of("trial_status", TrialStatus),
        one_of("billing_sync_status", BillingSyncStatus),
        Index("idx_user_subscriptions_current_plan", "current_plan"),
        Index("idx_user_subscriptions_trial_status", "trial_status"),
        Index("idx_user_subscriptions_subscription_status", "subscription_status"),
        Index(
            "idx_user_subscriptions_active_trials",
            "trial_status",
            "trial_start_date",
            "trial_end_date",
            postgresql_where=sql("trial_status <> 'pending'"),
        ),
        Index(
            "idx_user_subscriptions_intended_plan",
            "intended_plan",
            postgresql_where=sql("intended_plan IS NOT NULL"),
        ),
        Index("idx_user_subscriptions_tenant", "tenant_id"),
    )


class UserBilling(Base):
    __tablename__ = "user_billing"

    id: Mapped[RandomKey]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    stripe_customer_id: Mapped[str | None]
    stripe_subscription_id: Mapped[str | None]
    payment_method_id: Mapped[str | None]
    card_last_4: Mapped[str | None] = mapped_column(String(4))
    card_brand: Mapped[str | None] = mapped_column(String(20))
    card_exp_month: Mapped[int | None]
    card_exp_year: Mapped[int | None]
    billing_address_city: Mapped[str | None]
    billing_address_country: Mapped[str | None] = mapped_column(String(2))
    billing_address_postal_code: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[InsertedAt]
    updated_at: Mapped[InsertedAt]
    tenant_id: Mapped[str]

    __table_args__ = (
        UniqueConstraint("user_id", name="idx_user_billing_user_id"),
        UniqueConstraint("stripe_customer_id", name="idx_user_billing_stripe_customer"),
        Index("idx_user_billing_stripe_subscription", "stripe_subscription_id"),
        Index(
            "idx_user_billing_active_customers",
            "stripe_customer_id",
            "created_at",
            postgresql_where=sql("stripe_customer_id IS NOT NULL"),
        ),
        Index("idx_user_billing_tenant", "tenant_id"),
    )


class UserUsage(Base):
    __tablename__ = "user_usage"

    id: Mapped[RandomKey]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    plan_campaigns_limit: Mapped[int | None]
    plan_creators_limit: Mapped[int | None]
    plan_features: Mapped[JsonObject]
    usage_campaigns_current: Mapped[Counter]
    usage_creators_current_month: Mapped[Counter]
    usage_reset_date: Mapped[InsertedAt]
    created_at: Mapped[InsertedAt]
    updated_at: Mapped[InsertedAt]
    tenant_id: Mapped[str]

    __table_args__ = (
        UniqueConstraint("user_id", name="idx_user_usage_user_id"),
        never_negative("usage_campaigns_current"),
        never_negative("usage_creators_current_month"),
        Index("idx_user_usage_reset_date", "usage_reset_date"),
        Index("idx_user_usage_tenant", "tenant_id"),
    )


class UserSystemData(Base):
    __tablename__ = "user_system_data"

    id: Mapped[RandomKey]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    signup_timestamp: Mapped[InsertedAt]
    email_schedule_status: Mapped[JsonObject]
    last_webhook_event: Mapped[str | None] = mapped_column(String(100))
    last_webhook_timestamp: Mapped[datetime | None]
    created_at: Mapped[InsertedAt]
    updated_at: Mapped[InsertedAt]
    tenant_id: Mapped[str]

    __table_args__ = (
        UniqueConstraint("user_id", name="idx_user_system_data_user_id"),
        Index("idx_user_system_data_signup", "signup_timestamp"),
        Index("idx_user_system_data_tenant", "tenant_id"),
        Index(
            "idx_user_system_data_scheduled",
            "tenant_id",
            postgresql_where=sql(
                "jsonb_path_exists(email_schedule_status, '$.*.status ? (@ == \"scheduled\")')"
            ),
        ),
    )


class EmailUnsubscription(Base):
    """A user who wants no e-mail that is not needed to use the product."""

    __tablename__ = "email_unsubscriptions"

    tenant_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    source: Mapped[UnsubscriptionSource] = mapped_column(WordOf(UnsubscriptionSource, 20))
    created_at: Mapped[InstantOfInsert]

    __table_args__ = (one_of("source", UnsubscriptionSource),)


class SubscriptionPlan(Base):
    __tablename__ = "subscription_plans"

    id: Mapped[RandomKey]
    plan_key: Mapped[str] = mapped_column(String(50), unique=True)
    display_name: Mapped[str]
    description: Mapped[str | None]
    monthly_price: Mapped[int]
    yearly_price: Mapped[int | None]
    stripe_monthly_price_id: Mapped[str]
    stripe_yearly_price_id: Mapped[str | None]
    campaigns_limit: Mapped[int]
    creators_limit: Mapped[int]
    features: Mapped[JsonObject | None]
    is_active: Mapped[bool] = mapped_column(server_default=sql("true"))
    sort_order: Mapped[int | None] = mapped_column(server_default=sql("0"))
    created_at: Mapped[InsertedAt]
    updated_at: Mapped[InsertedAt]


class UsageCharge(Base):
    """A creator charged to a user in a period, once."""

    __tablename__ = "usage_charges"

    tenant_id: Mapped[str]
    period_start: Mapped[datetime]
    platform: Mapped[str] = mapped_column(String(50))
    stable_id: Mapped[str]
    job_id: Mapped[uuid.UUID | None]
    charged_at: Mapped[Instant]

    __table_args__ = (PrimaryKeyConstraint("tenant_id", "period_start", "platform", "stable_id"),)


class UserProfileBackup(Base):
    """The wide profiles as they were before they became users and satellites; the owner's alone."""

    __tablename__ = "user_profiles_backup"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    name: Mapped[str | None]
    company_name: Mapped[str | None]
    industry: Mapped[str | None]
    email: Mapped[str | None]
    created_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    signup_timestamp: Mapped[datetime | None]
    onboarding_step: Mapped[str | None] = mapped_column(String(50))
    full_name: Mapped[str | None]
    business_name: Mapped[str | None]
    brand_description: Mapped[str | None]
    email_schedule_status: Mapped[dict[str, Any] | None]
    is_admin: Mapped[bool | None]
    trial_start_date: Mapped[datetime | None]
    trial_end_date: Mapped[datetime | None]
    trial_status: Mapped[str | None] = mapped_column(String(50))
    trial_conversion_date: Mapped[datetime | None]
    stripe_customer_id: Mapped[str | None]
    stripe_subscription_id: Mapped[str | None]
    subscription_status: Mapped[str | None] = mapped_column(String(50))
    subscription_cancel_date: Mapped[datetime | None]
    subscription_renewal_date: Mapped[datetime | None]
    current_plan: Mapped[str | None] = mapped_column(String(50))
    intended_plan: Mapped[str | None] = mapped_column(String(50))
    payment_method_id: Mapped[str | None]
    card_last_4: Mapped[str | None] = mapped_column(String(4))
    card_brand: Mapped[str | None] = mapped_column(String(20))
    card_exp_month: Mapped[int | None]
    card_exp_year: Mapped[int | None]
    billing_address_city: Mapped[str | None]
    billing_address_country: Mapped[str | None] = mapped_column(String(2))
    billing_address_postal_code: Mapped[str | None] = mapped_column(String(20))
    billing_sync_status: Mapped[str | None] = mapped_column(String(50))
    last_webhook_event: Mapped[str | None] = mapped_column(String(100))
    last_webhook_timestamp: Mapped[datetime | None]
    plan_campaigns_limit: Mapped[int | None]
    plan_creators_limit: Mapped[int | None]
    plan_features: Mapped[dict[str, Any] | None]
    usage_campaigns_current: Mapped[int | None]
    usage_creators_current_month: Mapped[int | None]
    usage_reset_date: Mapped[datetime | None] = mapped_column(UtcTimestamp)
    backed_up_at: Mapped[InstantOfInsert]
