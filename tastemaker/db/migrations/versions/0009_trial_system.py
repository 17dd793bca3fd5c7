"""Trials, subscriptions and the card behind them, as columns of `user_profiles`.

Lock: ACCESS EXCLUSIVE on `user_profiles` for the catalog, SHARE for the two indexes.
The code before it names its columns and gets the defaults. `idx_user_profiles_trial_info` is the index
of "trials that have ended": status first, then the end date.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

SQL = """
ALTER TABLE user_profiles
    ADD COLUMN IF NOT EXISTS trial_start_date timestamp,
    ADD COLUMN IF NOT EXISTS trial_end_date timestamp,
    ADD COLUMN IF NOT EXISTS trial_status varchar(50) DEFAULT 'pending',
    ADD COLUMN IF NOT EXISTS trial_conversion_date timestamp,
    ADD COLUMN IF NOT EXISTS stripe_customer_id text,
    ADD COLUMN IF NOT EXISTS stripe_subscription_id text,
    ADD COLUMN IF NOT EXISTS subscription_status varchar(50) DEFAULT 'none',
    ADD COLUMN IF NOT EXISTS subscription_cancel_date timestamp,
    ADD COLUMN IF NOT EXISTS subscription_renewal_date timestamp,
    ADD COLUMN IF NOT EXISTS current_plan varchar(50) DEFAULT 'free',
    ADD COLUMN IF NOT EXISTS intended_plan varchar(50),
    ADD COLUMN IF NOT EXISTS payment_method_id text,
    ADD COLUMN IF NOT EXISTS card_last_4 varchar(4),
    ADD COLUMN IF NOT EXISTS card_brand varchar(20),
    ADD COLUMN IF NOT EXISTS card_exp_month integer,
    ADD COLUMN IF NOT EXISTS card_exp_year integer,
    ADD COLUMN IF NOT EXISTS billing_address_city text,
    ADD COLUMN IF NOT EXISTS billing_address_country varchar(2),
    ADD COLUMN IF NOT EXISTS billing_address_postal_code varchar(20),
    ADD COLUMN IF NOT EXISTS billing_sync_status varchar(50) DEFAULT 'pending',
    ADD COLUMN IF NOT EXISTS last_webhook_event varchar(100),
    ADD COLUMN IF NOT EXISTS last_webhook_timestamp timestamp;

CREATE INDEX IF NOT EXISTS idx_user_profiles_trial_info ON user_profiles (trial_status, trial_end_date);
CREATE INDEX IF NOT EXISTS idx_user_profiles_stripe_customer ON user_profiles (stripe_customer_id);
"""


def upgrade() -> None:
    op.execute(SQL)
