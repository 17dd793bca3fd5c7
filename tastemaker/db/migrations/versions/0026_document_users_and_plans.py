"""Says in the catalog what every table and column of the user domain means.

Lock: SHARE UPDATE EXCLUSIVE on each table for an instant.
Comments change nothing for any code.
"""

from alembic import op

revision = "0026"
down_revision = "0025"

IDENTITY = """
COMMENT ON TABLE users IS 'A person who signs in: identity and company, nothing about money.';
COMMENT ON COLUMN users.id IS 'The internal id, to which the four satellites refer.';
COMMENT ON COLUMN users.user_id IS 'The external id: what the identity provider calls this person, and the tenant.';
COMMENT ON COLUMN users.email IS 'Where to reach the person.';
COMMENT ON COLUMN users.full_name IS 'The person''s name.';
COMMENT ON COLUMN users.business_name IS 'The company''s name.';
COMMENT ON COLUMN users.brand_description IS 'What the brand stands for, in the person''s words.';
COMMENT ON COLUMN users.industry IS 'The company''s industry.';
COMMENT ON COLUMN users.onboarding_step IS 'pending, info_captured, intent_captured, plan_selected or completed.';
COMMENT ON COLUMN users.is_admin IS 'Whether the person administers this installation.';
COMMENT ON COLUMN users.created_at IS 'When the person was first known (UTC).';
COMMENT ON COLUMN users.updated_at IS 'Last change (UTC), kept by trigger.';

COMMENT ON TABLE user_system_data IS 'What the system remembers about a user: signup, mail, webhooks. One row per user.';
COMMENT ON COLUMN user_system_data.id IS 'The row.';
COMMENT ON COLUMN user_system_data.user_id IS 'The user, by internal id.';
COMMENT ON COLUMN user_system_data.signup_timestamp IS 'When the user signed up (UTC).';
COMMENT ON COLUMN user_system_data.email_schedule_status IS 'For each type of mail its status, message id and time.';
COMMENT ON COLUMN user_system_data.last_webhook_event IS 'The last webhook about this user, by type.';
COMMENT ON COLUMN user_system_data.last_webhook_timestamp IS 'When it came (UTC).';
COMMENT ON COLUMN user_system_data.created_at IS 'When the row was made (UTC).';
COMMENT ON COLUMN user_system_data.updated_at IS 'Last change (UTC), kept by trigger.';
"""

MONEY = """
COMMENT ON TABLE user_subscriptions IS 'The state of a user''s trial and subscription. One row per user.';
COMMENT ON COLUMN user_subscriptions.id IS 'The row.';
COMMENT ON COLUMN user_subscriptions.user_id IS 'The user, by internal id.';
COMMENT ON COLUMN user_subscriptions.current_plan IS 'The plan in force: subscription_plans.plan_key.';
COMMENT ON COLUMN user_subscriptions.intended_plan IS 'The plan chosen before the checkout.';
COMMENT ON COLUMN user_subscriptions.subscription_status IS 'none, trialing, active, past_due, canceled or unpaid.';
COMMENT ON COLUMN user_subscriptions.trial_status IS 'pending, active, expired, cancelled or converted.';
COMMENT ON COLUMN user_subscriptions.trial_start_date IS 'When the trial began (UTC); a second one is never given.';
COMMENT ON COLUMN user_subscriptions.trial_end_date IS 'When the trial ends or ended (UTC).';
COMMENT ON COLUMN user_subscriptions.trial_conversion_date IS 'When the trial became a paid subscription (UTC).';
COMMENT ON COLUMN user_subscriptions.subscription_cancel_date IS 'When the subscription was or will be cancelled (UTC).';
COMMENT ON COLUMN user_subscriptions.subscription_renewal_date IS 'When the subscription renews (UTC).';
COMMENT ON COLUMN user_subscriptions.billing_sync_status IS 'pending, synced or error: how this row stands to the payment provider.';
COMMENT ON COLUMN user_subscriptions.created_at IS 'When the row was made (UTC).';
COMMENT ON COLUMN user_subscriptions.updated_at IS 'Last change (UTC), kept by trigger.';

COMMENT ON TABLE user_billing IS 'How a user pays: ids at Stripe and what may be shown of the card. At most one row per user.';
COMMENT ON COLUMN user_billing.id IS 'The row.';
COMMENT ON COLUMN user_billing.user_id IS 'The user, by internal id.';
COMMENT ON COLUMN user_billing.stripe_customer_id IS 'The customer at Stripe; it belongs to one user.';
COMMENT ON COLUMN user_billing.stripe_subscription_id IS 'The subscription at Stripe.';
COMMENT ON COLUMN user_billing.payment_method_id IS 'The payment method at Stripe.';
COMMENT ON COLUMN user_billing.card_last_4 IS 'The card''s last four digits.';
COMMENT ON COLUMN user_billing.card_brand IS 'The card''s brand.';
COMMENT ON COLUMN user_billing.card_exp_month IS 'The month in which it expires, 1 to 12.';
COMMENT ON COLUMN user_billing.card_exp_year IS 'The year in which it expires, four digits.';
COMMENT ON COLUMN user_billing.billing_address_city IS 'City of the billing address.';
COMMENT ON COLUMN user_billing.billing_address_country IS 'Its country, ISO 3166-1 alpha-2.';
COMMENT ON COLUMN user_billing.billing_address_postal_code IS 'Its postal code.';
COMMENT ON COLUMN user_billing.created_at IS 'When the row was made (UTC).';
COMMENT ON COLUMN user_billing.updated_at IS 'Last change (UTC), kept by trigger.';

COMMENT ON TABLE user_usage IS 'What a user may use and has used in the current period. One row per user.';
COMMENT ON COLUMN user_usage.id IS 'The row.';
COMMENT ON COLUMN user_usage.user_id IS 'The user, by internal id.';
COMMENT ON COLUMN user_usage.plan_campaigns_limit IS 'Campaigns allowed instead of the plan''s number: -1 unlimited, 0 none, NULL as the plan says.';
COMMENT ON COLUMN user_usage.plan_creators_limit IS 'Creators a period allowed instead of the plan''s number: -1 unlimited, 0 none, NULL as the plan says.';
COMMENT ON COLUMN user_usage.plan_features IS 'Features granted or taken in addition to the plan''s.';
COMMENT ON COLUMN user_usage.usage_campaigns_current IS 'Campaigns that are neither archived nor deleted.';
COMMENT ON COLUMN user_usage.usage_creators_current_month IS 'Creators charged in the current period.';
COMMENT ON COLUMN user_usage.usage_reset_date IS 'When the current period began (UTC).';
COMMENT ON COLUMN user_usage.created_at IS 'When the row was made (UTC).';
COMMENT ON COLUMN user_usage.updated_at IS 'Last change (UTC), kept by trigger.';

COMMENT ON TABLE subscription_plans IS 'The plans: price, limits and features.';
COMMENT ON COLUMN subscription_plans.id IS 'The row.';
COMMENT ON COLUMN subscription_plans.plan_key IS 'The plan''s name in code and configuration, such as glow_up.';
COMMENT ON COLUMN subscription_plans.display_name IS 'The plan''s name for people.';
COMMENT ON COLUMN subscription_plans.description IS 'What it is for.';
COMMENT ON COLUMN subscription_plans.monthly_price IS 'US cents a month.';
COMMENT ON COLUMN subscription_plans.yearly_price IS 'US cents a year; NULL when it is not sold by the year.';
COMMENT ON COLUMN subscription_plans.stripe_monthly_price_id IS 'The monthly price at Stripe; empty when it is not sold through Stripe.';
COMMENT ON COLUMN subscription_plans.stripe_yearly_price_id IS 'The yearly price at Stripe.';
COMMENT ON COLUMN subscription_plans.campaigns_limit IS 'Campaigns at a time: -1 unlimited, 0 none.';
COMMENT ON COLUMN subscription_plans.creators_limit IS 'Creators in a period: -1 unlimited, 0 none.';
COMMENT ON COLUMN subscription_plans.features IS 'Platforms, export formats and switches.';
COMMENT ON COLUMN subscription_plans.is_active IS 'Whether it can be chosen.';
COMMENT ON COLUMN subscription_plans.sort_order IS 'Its place in lists.';
COMMENT ON COLUMN subscription_plans.created_at IS 'When the row was made (UTC).';
COMMENT ON COLUMN subscription_plans.updated_at IS 'Last change (UTC), kept by trigger.';
"""

BACKUP = """
DO $$
DECLARE c name;
BEGIN
    FOR c IN SELECT attname FROM pg_attribute
             WHERE attrelid = 'user_profiles_backup'::regclass AND attnum > 0 AND NOT attisdropped
    LOOP
        EXECUTE format('COMMENT ON COLUMN user_profiles_backup.%I IS %L', c,
            CASE c WHEN 'backed_up_at' THEN 'When the copy was made.'
                   ELSE 'user_profiles.' || c || ' as it was.' END);
    END LOOP;
END $$;
"""

FUNCTIONS = """
COMMENT ON FUNCTION legacy_onboarding_step(text) IS 'The legal onboarding step for a word found in existing data.';
COMMENT ON FUNCTION legacy_trial_status(text) IS 'The legal trial status for a word found in existing data.';
COMMENT ON FUNCTION legacy_subscription_status(text) IS 'The legal subscription status for a word found in existing data or at Stripe.';
COMMENT ON FUNCTION legacy_billing_sync_status(text) IS 'The legal sync status for a word found in existing data.';
COMMENT ON FUNCTION legacy_plan_key(text) IS 'The plan key for a plan''s name found in existing data; NULL for none.';
COMMENT ON FUNCTION user_migration_columns() IS 'For each column of the five user tables, what it must hold for a profile p.';
COMMENT ON FUNCTION user_migration_source(regclass, text, regclass, timestamp) IS 'The query for the profiles that must be in the table.';
COMMENT ON FUNCTION user_migration_target(text, regclass) IS 'The query for the rows of the table, with their external id.';
COMMENT ON FUNCTION verify_user_migration_rows(regclass, regclass, timestamp) IS 'Every value that is not what the profile says; none when all arrived.';
COMMENT ON FUNCTION verify_user_migration_tables(regclass, regclass, timestamp) IS 'For each column: rows and checksum on both sides, missing rows and orphans.';
COMMENT ON FUNCTION verify_user_normalization(regclass) IS 'Whether every profile has its user and satellites, by counts.';
"""


def upgrade() -> None:
    for sql in (IDENTITY, MONEY, BACKUP, FUNCTIONS):
        op.execute(sql)
