"""A subscription names a plan that exists; a plan that somebody has cannot be removed.

Lock: SHARE ROW EXCLUSIVE on `user_subscriptions` and `subscription_plans` while the rows are checked.
The code before it writes plans of the price list. Plans that it wrote and nobody knows become inactive rows.
"""

from alembic import op

revision = "0021"
down_revision = "0020"

SQL = """
INSERT INTO subscription_plans (plan_key, display_name, description, monthly_price, stripe_monthly_price_id,
                                campaigns_limit, creators_limit, is_active)
SELECT DISTINCT word, word, 'Found in existing subscriptions; unknown to the price list.', 0, '', 0, 0, false
FROM (SELECT current_plan AS word FROM user_subscriptions UNION SELECT intended_plan FROM user_subscriptions) found
WHERE word IS NOT NULL
ON CONFLICT (plan_key) DO NOTHING;

ALTER TABLE user_subscriptions
    ADD CONSTRAINT user_subscriptions_current_plan_fkey
        FOREIGN KEY (current_plan) REFERENCES subscription_plans (plan_key) ON DELETE RESTRICT,
    ADD CONSTRAINT user_subscriptions_intended_plan_fkey
        FOREIGN KEY (intended_plan) REFERENCES subscription_plans (plan_key) ON DELETE RESTRICT;
"""


def upgrade() -> None:
    op.execute(SQL)
