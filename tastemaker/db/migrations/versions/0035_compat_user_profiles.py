"""`user_profiles` as a view over the five tables, so that SQL written for the wide table keeps working.

Lock: none but for an instant on the five tables, for one more policy each.
The previous code never uses the view, and our own code never will. It reads and writes with the rights of
whoever asks, so row-level security holds. The words of the original are mapped on the way in; `name` and
`company_name` are `full_name` and `business_name`. INSERT ... ON CONFLICT is not possible on such a view.

The original's own server writes as `tastemaker_compat`: every profile through this view, and nothing else.
"""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

VIEW = """
CREATE SCHEMA compat;
COMMENT ON SCHEMA compat IS 'What SQL of the original product finds under its old names.';

CREATE VIEW compat.user_profiles WITH (security_invoker = true) AS
SELECT u.id, u.user_id, u.full_name AS name, u.business_name AS company_name, u.industry, u.email, u.created_at,
       greatest(u.updated_at, s.updated_at, b.updated_at, g.updated_at, d.updated_at) AS updated_at,
       d.signup_timestamp, u.onboarding_step, u.full_name, u.business_name, u.brand_description,
       d.email_schedule_status, s.trial_start_date, s.trial_end_date, s.trial_status, b.stripe_customer_id,
       b.stripe_subscription_id, s.subscription_status, s.current_plan, u.is_admin, b.payment_method_id,
       b.card_last_4, b.card_brand, b.card_exp_month, b.card_exp_year, b.billing_address_city,
       b.billing_address_country, b.billing_address_postal_code, g.plan_campaigns_limit, g.plan_creators_limit,
       g.plan_features, g.usage_campaigns_current, g.usage_creators_current_month, g.usage_reset_date,
       d.last_webhook_event, d.last_webhook_timestamp, s.billing_sync_status, s.trial_conversion_date,
       s.subscription_cancel_date, s.subscription_renewal_date, s.intended_plan
FROM users u
LEFT JOIN user_subscriptions s ON s.user_id = u.id
LEFT JOIN user_billing b ON b.user_id = u.id
LEFT JOIN user_usage g ON g.user_id = u.id
LEFT JOIN user_system_data d ON d.user_id = u.id;
"""

COLUMNS = """
CREATE FUNCTION compat.user_profile_columns()
RETURNS TABLE (table_name text, column_name text, profile_column text, expression text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    VALUES
    ('users', 'user_id', 'user_id', '($1).user_id'),
    ('users', 'full_name', 'full_name', '($1).full_name'),
    ('users', 'full_name', 'name', '($1).name'),
    ('users', 'business_name', 'business_name', '($1).business_name'),
    ('users', 'business_name', 'company_name', '($1).company_name'),
    ('users', 'industry', 'industry', '($1).industry'),
    ('users', 'email', 'email', '($1).email'),
    ('users', 'brand_description', 'brand_description', '($1).brand_description'),
    ('users', 'onboarding_step', 'onboarding_step', 'coalesce(public.legacy_onboarding_step(($1).onboarding_step), ''pending'')'),
    ('users', 'is_admin', 'is_admin', 'coalesce(($1).is_admin, false)'),
    ('users', 'created_at', 'created_at', 'coalesce(($1).created_at, ($2).created_at)'),
    ('users', 'updated_at', 'updated_at', 'coalesce(($1).updated_at, timezone(''UTC'', public.app_now()))'),
    ('user_subscriptions', 'trial_start_date', 'trial_start_date', '($1).trial_start_date'),
    ('user_subscriptions', 'trial_end_date', 'trial_end_date', '($1).trial_end_date'),
    ('user_subscriptions', 'trial_status', 'trial_status', 'coalesce(public.legacy_trial_status(($1).trial_status), ''pending'')'),
    ('user_subscriptions', 'trial_conversion_date', 'trial_conversion_date', '($1).trial_conversion_date'),
    ('user_subscriptions', 'subscription_status', 'subscription_status', 'coalesce(public.legacy_subscription_status(($1).subscription_status), ''none'')'),
    ('user_subscriptions', 'subscription_cancel_date', 'subscription_cancel_date', '($1).subscription_cancel_date'),
    ('user_subscriptions', 'subscription_renewal_date', 'subscription_renewal_date', '($1).subscription_renewal_date'),
    ('user_subscriptions', 'current_plan', 'current_plan', 'coalesce(public.legacy_plan_key(($1).current_plan), ''free'')'),
    ('user_subscriptions', 'intended_plan', 'intended_plan', 'public.legacy_plan_key(($1).intended_plan)'),
    ('user_subscriptions', 'billing_sync_status', 'billing_sync_status', 'public.legacy_billing_sync_status(($1).billing_sync_status)'),
    ('user_billing', 'stripe_customer_id', 'stripe_customer_id', '($1).stripe_customer_id'),
    ('user_billing', 'stripe_subscription_id', 'stripe_subscription_id', '($1).stripe_subscription_id'),
    ('user_billing', 'payment_method_id', 'payment_method_id', '($1).payment_method_id'),
    ('user_billing', 'card_last_4', 'card_last_4', '($1).card_last_4'),
    ('user_billing', 'card_brand', 'card_brand', '($1).card_brand'),
    ('user_billing', 'card_exp_month', 'card_exp_month', '($1).card_exp_month'),
    ('user_billing', 'card_exp_year', 'card_exp_year', '($1).card_exp_year'),
    ('user_billing', 'billing_address_city', 'billing_address_city', '($1).billing_address_city'),
    ('user_billing', 'billing_address_country', 'billing_address_country', '($1).billing_address_country'),
    ('user_billing', 'billing_address_postal_code', 'billing_address_postal_code', '($1).billing_address_postal_code'),
    ('user_usage', 'plan_campaigns_limit', 'plan_campaigns_limit', '($1).plan_campaigns_limit'),
    ('user_usage', 'plan_creators_limit', 'plan_creators_limit', '($1).plan_creators_limit'),
    ('user_usage', 'plan_features', 'plan_features', 'coalesce(($1).plan_features, ''{}'')'),
    ('user_usage', 'usage_campaigns_current', 'usage_campaigns_current', 'greatest(($1).usage_campaigns_current, 0)'),
    ('user_usage', 'usage_creators_current_month', 'usage_creators_current_month', 'greatest(($1).usage_creators_current_month, 0)'),
    ('user_usage', 'usage_reset_date', 'usage_reset_date', 'coalesce(($1).usage_reset_date, timezone(''UTC'', public.app_now()))'),
    ('user_system_data', 'signup_timestamp', 'signup_timestamp', 'coalesce(($1).signup_timestamp, timezone(''UTC'', public.app_now()))'),
    ('user_system_data', 'email_schedule_status', 'email_schedule_status', 'coalesce(($1).email_schedule_status, ''{}'')'),
    ('user_system_data', 'last_webhook_event', 'last_webhook_event', '($1).last_webhook_event'),
    ('user_system_data', 'last_webhook_timestamp', 'last_webhook_timestamp', '($1).last_webhook_timestamp')
$$;

CREATE FUNCTION compat.write_user_profile(wanted compat.user_profiles, present compat.user_profiles, owner uuid)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    t record;
    statement text;
    written bigint;
BEGIN
    FOR t IN
        SELECT changed.table_name, string_agg(format('%I = %s', column_name, expression), ', ') AS assignments
        FROM (SELECT DISTINCT ON (c.table_name, c.column_name) c.*
              FROM compat.user_profile_columns() c
              WHERE to_jsonb(wanted) -> c.profile_column IS DISTINCT FROM to_jsonb(present) -> c.profile_column
              ORDER BY c.table_name, c.column_name, c.column_name = c.profile_column DESC) changed
        GROUP BY changed.table_name
    LOOP
        statement := format('UPDATE public.%I SET %s WHERE %I = $3', t.table_name, t.assignments,
                            CASE t.table_name WHEN 'users' THEN 'id' ELSE 'user_id' END);
        EXECUTE statement USING wanted, present, owner;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written = 0 AND t.table_name <> 'users' THEN
            EXECUTE format('INSERT INTO public.%I (user_id) VALUES ($1)', t.table_name) USING owner;
            EXECUTE statement USING wanted, present, owner;
        END IF;
    END LOOP;
END $$;
"""

TRIGGERS = """
CREATE FUNCTION compat.insert_user_profile() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    made compat.user_profiles;
BEGIN
    NEW.created_at := coalesce(NEW.created_at, timezone('UTC', app_now()));
    NEW.id := coalesce(NEW.id, gen_random_uuid());
    INSERT INTO users (id, user_id, created_at) VALUES (NEW.id, NEW.user_id, NEW.created_at);
    INSERT INTO user_subscriptions (user_id, created_at) VALUES (NEW.id, NEW.created_at);
    INSERT INTO user_usage (user_id, usage_reset_date, created_at) VALUES (NEW.id, NEW.created_at, NEW.created_at);
    INSERT INTO user_system_data (user_id, signup_timestamp, created_at) VALUES (NEW.id, NEW.created_at, NEW.created_at);
    SELECT p.* INTO made FROM compat.user_profiles p WHERE p.id = NEW.id;
    NEW.name := coalesce(nullif(NEW.full_name, ''), NEW.name, NEW.full_name);
    NEW.full_name := NEW.name;
    NEW.company_name := coalesce(nullif(NEW.business_name, ''), NEW.company_name, NEW.business_name);
    NEW.business_name := NEW.company_name;
    NEW.updated_at := coalesce(NEW.updated_at, made.updated_at);
    NEW.usage_reset_date := coalesce(NEW.usage_reset_date, made.usage_reset_date);
    NEW.signup_timestamp := coalesce(NEW.signup_timestamp, made.signup_timestamp);
    PERFORM compat.write_user_profile(NEW, made, NEW.id);
    SELECT p.* INTO NEW FROM compat.user_profiles p WHERE p.id = NEW.id;
    RETURN NEW;
END $$;

CREATE FUNCTION compat.update_user_profile() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.id IS DISTINCT FROM OLD.id THEN
        RAISE EXCEPTION 'the id of a profile cannot be changed' USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM compat.write_user_profile(NEW, OLD, OLD.id);
    SELECT p.* INTO NEW FROM compat.user_profiles p WHERE p.id = OLD.id;
    RETURN NEW;
END $$;

CREATE FUNCTION compat.delete_user_profile() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    DELETE FROM users WHERE id = OLD.id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER insert_user_profile INSTEAD OF INSERT ON compat.user_profiles
    FOR EACH ROW EXECUTE FUNCTION compat.insert_user_profile();
CREATE TRIGGER update_user_profile INSTEAD OF UPDATE ON compat.user_profiles
    FOR EACH ROW EXECUTE FUNCTION compat.update_user_profile();
CREATE TRIGGER delete_user_profile INSTEAD OF DELETE ON compat.user_profiles
    FOR EACH ROW EXECUTE FUNCTION compat.delete_user_profile();

CREATE VIEW public.user_profiles WITH (security_invoker = true) AS SELECT * FROM compat.user_profiles;
"""

COMMENTS = """
COMMENT ON VIEW compat.user_profiles IS 'The original''s wide table, over the five tables; for its SQL only, read and written with the asker''s rights.';
COMMENT ON VIEW public.user_profiles IS 'compat.user_profiles under its first name.';
COMMENT ON FUNCTION compat.user_profile_columns() IS 'For each column of the five tables, which profile column it is and what is written for a profile $1 that was $2.';
COMMENT ON FUNCTION compat.write_user_profile(compat.user_profiles, compat.user_profiles, uuid) IS 'Writes what differs between two states of a profile, touching only the columns that do.';
COMMENT ON FUNCTION compat.insert_user_profile() IS 'Makes a user and its satellites from a profile.';
COMMENT ON FUNCTION compat.update_user_profile() IS 'Writes a changed profile to the tables it comes from.';
COMMENT ON FUNCTION compat.delete_user_profile() IS 'Deletes the user; its satellites go with it.';
DO $$
DECLARE c record;
BEGIN
    FOR c IN
        SELECT v.attrelid::regclass AS view, v.attname AS name, coalesce(m.table_name, 'users') AS source,
               coalesce(m.column_name, v.attname) AS column
        FROM pg_attribute v LEFT JOIN compat.user_profile_columns() m ON m.profile_column = v.attname
        WHERE v.attrelid IN ('compat.user_profiles'::regclass, 'public.user_profiles'::regclass) AND v.attnum > 0
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', c.view, c.name, format('%s.%s', c.source, c.column)
            || CASE c.name WHEN 'updated_at' THEN ', or the latest of the five.' ELSE '.' END);
    END LOOP;
END $$;
"""

RIGHTS = """
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA compat FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA compat TO tastemaker_app, tastemaker_compat;
GRANT EXECUTE ON FUNCTION app_now(), app_tenant(), app_is_system() TO tastemaker_compat;
GRANT USAGE ON SCHEMA compat TO tastemaker_app, tastemaker_readonly, tastemaker_backup, tastemaker_compat;
GRANT SELECT, INSERT, UPDATE, DELETE ON compat.user_profiles TO tastemaker_app, tastemaker_compat;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.user_profiles TO tastemaker_app, tastemaker_compat;
GRANT SELECT ON compat.user_profiles, public.user_profiles TO tastemaker_readonly, tastemaker_backup;
"""


def _behind_the_view(table: str) -> str:
    return f"""
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO tastemaker_compat;
CREATE POLICY compat ON {table} TO tastemaker_compat USING (true) WITH CHECK (true);
"""


def upgrade() -> None:
    for sql in (VIEW, COLUMNS, TRIGGERS, COMMENTS, RIGHTS):
        op.execute(sql)
    for table in ("users", "user_subscriptions", "user_billing", "user_usage", "user_system_data"):
        op.execute(_behind_the_view(table))
