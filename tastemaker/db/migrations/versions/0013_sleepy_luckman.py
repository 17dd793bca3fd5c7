"""The foundation of normalization: five tables that replace `user_profiles`, still empty.

Lock: none on anything that exists.
The code before it goes on with `user_profiles`, which stays the truth until 0014.
"""

from alembic import op

revision = "0013"
down_revision = "0012"

IDENTITY = """
CREATE TABLE IF NOT EXISTS users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id text NOT NULL CONSTRAINT idx_users_user_id UNIQUE,
    email text,
    full_name text,
    business_name text,
    brand_description text,
    industry text,
    onboarding_step varchar DEFAULT 'pending' NOT NULL,
    is_admin boolean DEFAULT false NOT NULL,
    created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL
);

CREATE TABLE IF NOT EXISTS user_system_data (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    signup_timestamp timestamp DEFAULT now() NOT NULL,
    email_schedule_status jsonb DEFAULT '{}' NOT NULL,
    last_webhook_event varchar(100),
    last_webhook_timestamp timestamp,
    created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL
);
"""

MONEY = """
CREATE TABLE IF NOT EXISTS user_subscriptions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    current_plan varchar DEFAULT 'free' NOT NULL,
    intended_plan varchar,
    subscription_status varchar DEFAULT 'none' NOT NULL,
    trial_status varchar DEFAULT 'pending' NOT NULL,
    trial_start_date timestamp,
    trial_end_date timestamp,
    trial_conversion_date timestamp,
    subscription_cancel_date timestamp,
    subscription_renewal_date timestamp,
    billing_sync_status varchar DEFAULT 'pending' NOT NULL,
    created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL
);

CREATE TABLE IF NOT EXISTS user_billing (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    stripe_customer_id text CONSTRAINT idx_user_billing_stripe_customer UNIQUE,
    stripe_subscription_id text,
    payment_method_id text,
    card_last_4 varchar(4),
    card_brand varchar(20),
    card_exp_month integer,
    card_exp_year integer,
    billing_address_city text,
    billing_address_country varchar(2),
    billing_address_postal_code varchar(20),
    created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL
);

CREATE TABLE IF NOT EXISTS user_usage (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    plan_campaigns_limit integer,
    plan_creators_limit integer,
    plan_features jsonb DEFAULT '{}' NOT NULL,
    usage_campaigns_current integer DEFAULT 0 NOT NULL,
    usage_creators_current_month integer DEFAULT 0 NOT NULL,
    usage_reset_date timestamp DEFAULT now() NOT NULL,
    created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL
);
"""


def upgrade() -> None:
    op.execute(IDENTITY)
    op.execute(MONEY)
