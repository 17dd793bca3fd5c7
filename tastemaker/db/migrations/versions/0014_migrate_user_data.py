"""Every profile becomes a user with its four satellites; functions verify that nothing was lost or changed.

Lock: SHARE on `user_profiles`: readers go on, writers wait until the copy is verified and committed.
The code before it goes on with `user_profiles`, which is not touched.

The rules of the copy, all counted in the step's report:
* a word that is not legal is mapped by the `legacy_*` functions; a plan nobody knows becomes an inactive plan;
* `full_name` falls back to `name`, `business_name` to `company_name`;
* a missing time falls back to the nearest known one, at last to the moment of the migration;
* a negative usage counter becomes 0;
* two profiles with one Stripe customer: the one with a subscription keeps it, then the one changed last;
* a billing row is made only where there is something to bill;
* a row that the new tables already hold was written by newer code and wins.

A single value that does not arrive fails the verification, and the whole step is rolled back.
"""

from alembic import op

revision = "0014"
down_revision = "0013"

WORDS = r"""
CREATE OR REPLACE FUNCTION legacy_onboarding_step(word text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE w text := lower(btrim(word));
BEGIN
    RETURN CASE WHEN w IN ('pending', 'info_captured', 'intent_captured', 'plan_selected', 'completed')
                THEN w ELSE 'pending' END;
END $$;

CREATE OR REPLACE FUNCTION legacy_trial_status(word text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE w text := lower(btrim(word));
BEGIN
    RETURN CASE WHEN w IN ('pending', 'active', 'expired', 'cancelled', 'converted') THEN w
                WHEN w = 'canceled' THEN 'cancelled'
                WHEN w = 'trialing' THEN 'active'
                ELSE 'pending' END;
END $$;

CREATE OR REPLACE FUNCTION legacy_subscription_status(word text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE w text := lower(btrim(word));
BEGIN
    RETURN CASE WHEN w IN ('none', 'trialing', 'active', 'past_due', 'canceled', 'unpaid') THEN w
                WHEN w = 'cancelled' THEN 'canceled'
                WHEN w = 'paused' THEN 'past_due'
                ELSE 'none' END;
END $$;

CREATE OR REPLACE FUNCTION legacy_billing_sync_status(word text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE w text := lower(btrim(word));
BEGIN
    RETURN CASE WHEN w IS NULL THEN 'pending'
                WHEN w IN ('pending', 'synced', 'error') THEN w
                WHEN w IN ('sub_pending_webhook', 'upgrade_requested') THEN 'pending'
                WHEN w IN ('payment_saved', 'plan_selected') THEN 'synced'
                WHEN w ~ '^(webhook|reconciled|checkout)_' OR w ~ '_reconcile$' THEN 'synced'
                ELSE 'error' END;
END $$;

CREATE OR REPLACE FUNCTION legacy_plan_key(word text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN word ~ '^[a-z]+(_[a-z]+)*$' THEN word
                ELSE nullif(btrim(regexp_replace(lower(word), '[\s_-]+', '_', 'g'), '_'), '') END;
END $$;
"""

EXPECTATIONS = """
CREATE OR REPLACE FUNCTION user_migration_columns()
RETURNS TABLE (table_name text, column_name text, expression text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    VALUES
    ('users', 'id', 'p.id'),
    ('users', 'user_id', 'p.user_id'),
    ('users', 'email', 'p.email'),
    ('users', 'full_name', 'CASE WHEN p.full_name <> '''' THEN p.full_name ELSE coalesce(p.name, p.full_name) END'),
    ('users', 'business_name', 'CASE WHEN p.business_name <> '''' THEN p.business_name ELSE coalesce(p.company_name, p.business_name) END'),
    ('users', 'brand_description', 'p.brand_description'),
    ('users', 'industry', 'p.industry'),
    ('users', 'onboarding_step', 'public.legacy_onboarding_step(p.onboarding_step)'),
    ('users', 'is_admin', 'coalesce(p.is_admin, false)'),
    ('user_subscriptions', 'current_plan', 'coalesce(public.legacy_plan_key(p.current_plan), ''free'')'),
    ('user_subscriptions', 'intended_plan', 'public.legacy_plan_key(p.intended_plan)'),
    ('user_subscriptions', 'subscription_status', 'public.legacy_subscription_status(p.subscription_status)'),
    ('user_subscriptions', 'trial_status', 'public.legacy_trial_status(p.trial_status)'),
    ('user_subscriptions', 'trial_start_date', 'p.trial_start_date'),
    ('user_subscriptions', 'trial_end_date', 'p.trial_end_date'),
    ('user_subscriptions', 'trial_conversion_date', 'p.trial_conversion_date'),
    ('user_subscriptions', 'subscription_cancel_date', 'p.subscription_cancel_date'),
    ('user_subscriptions', 'subscription_renewal_date', 'p.subscription_renewal_date'),
    ('user_subscriptions', 'billing_sync_status', 'public.legacy_billing_sync_status(p.billing_sync_status)'),
    ('user_billing', 'stripe_customer_id', 'CASE WHEN p.keeps_customer THEN p.stripe_customer_id END'),
    ('user_billing', 'stripe_subscription_id', 'p.stripe_subscription_id'),
    ('user_billing', 'payment_method_id', 'p.payment_method_id'),
    ('user_billing', 'card_last_4', 'p.card_last_4'),
    ('user_billing', 'card_brand', 'p.card_brand'),
    ('user_billing', 'card_exp_month', 'p.card_exp_month'),
    ('user_billing', 'card_exp_year', 'p.card_exp_year'),
    ('user_billing', 'billing_address_city', 'p.billing_address_city'),
    ('user_billing', 'billing_address_country', 'p.billing_address_country'),
    ('user_billing', 'billing_address_postal_code', 'p.billing_address_postal_code'),
    ('user_usage', 'plan_campaigns_limit', 'p.plan_campaigns_limit'),
    ('user_usage', 'plan_creators_limit', 'p.plan_creators_limit'),
    ('user_usage', 'plan_features', 'coalesce(p.plan_features, ''{}'')'),
    ('user_usage', 'usage_campaigns_current', 'greatest(p.usage_campaigns_current, 0)'),
    ('user_usage', 'usage_creators_current_month', 'greatest(p.usage_creators_current_month, 0)'),
    ('user_usage', 'usage_reset_date', 'coalesce(p.usage_reset_date, p.made_at)'),
    ('user_system_data', 'signup_timestamp', 'coalesce(p.signup_timestamp, p.made_at)'),
    ('user_system_data', 'email_schedule_status', 'coalesce(p.email_schedule_status, ''{}'')'),
    ('user_system_data', 'last_webhook_event', 'p.last_webhook_event'),
    ('user_system_data', 'last_webhook_timestamp', 'p.last_webhook_timestamp')
    UNION ALL
    SELECT t, c, e
    FROM unnest(ARRAY['users', 'user_subscriptions', 'user_billing', 'user_usage', 'user_system_data']) t,
         (VALUES ('created_at', 'p.made_at'), ('updated_at', 'coalesce(p.updated_at, p.made_at)')) times (c, e)
$$;

CREATE OR REPLACE FUNCTION user_migration_source(source regclass, target text, already regclass, moment timestamp)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format($q$
        SELECT s.*, coalesce(s.created_at, s.signup_timestamp, s.updated_at, %L::timestamp) AS made_at,
               %s AS keeps_customer
        FROM %s s %s
        WHERE %s %s$q$,
        moment,
        CASE WHEN target = 'user_billing' THEN 'keeper.user_id IS NOT NULL' ELSE 'NULL::boolean' END,
        source,
        CASE WHEN target = 'user_billing' THEN format($q$
            LEFT JOIN (
                SELECT DISTINCT ON (stripe_customer_id) user_id FROM %s c WHERE stripe_customer_id IS NOT NULL %s
                ORDER BY stripe_customer_id, (stripe_subscription_id IS NOT NULL) DESC, updated_at DESC NULLS LAST, user_id
            ) keeper ON keeper.user_id = s.user_id$q$, source,
            CASE WHEN already IS NULL THEN '' ELSE format(
                'AND NOT EXISTS (SELECT FROM %s a WHERE a.stripe_customer_id = c.stripe_customer_id)', already) END)
        ELSE '' END,
        CASE WHEN target = 'user_billing' THEN
            'num_nonnulls(s.stripe_customer_id, s.stripe_subscription_id, s.payment_method_id, s.card_last_4,
                 s.card_brand, s.card_exp_month, s.card_exp_year, s.billing_address_city,
                 s.billing_address_country, s.billing_address_postal_code) > 0'
        ELSE 'true' END,
        CASE WHEN already IS NULL THEN '' ELSE format(
            'AND NOT EXISTS (SELECT FROM %s a WHERE a.table_name = %L AND a.user_id = s.user_id)', already, target)
        END)
$$;

CREATE OR REPLACE FUNCTION user_migration_target(target text, already regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN target = 'users' THEN 'SELECT t.*, t.user_id AS external_id FROM public.users t WHERE true'
                ELSE format('SELECT t.*, k.user_id AS external_id FROM public.%I t
                             JOIN public.users k ON k.id = t.user_id WHERE true', target) END
        || CASE WHEN already IS NULL THEN '' ELSE format(
            ' AND NOT EXISTS (SELECT FROM %s a WHERE a.table_name = %L AND a.user_id = %s)',
            already, target, CASE WHEN target = 'users' THEN 't.user_id' ELSE 'k.user_id' END) END
$$;
"""

VERIFICATION = """
CREATE OR REPLACE FUNCTION verify_user_migration_rows(
    source regclass, already regclass DEFAULT NULL, moment timestamp DEFAULT timezone('UTC', now()))
RETURNS TABLE (user_id text, table_name text, column_name text, expected text, found text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE t record;
BEGIN
    FOR t IN SELECT c.table_name AS name,
                    string_agg(format('(%L, (%s)::text, t.%I::text)', c.column_name, c.expression, c.column_name), ', ') AS pairs,
                    string_agg(c.expression, ', ' ORDER BY c.column_name) AS expected,
                    string_agg(format('t.%I', c.column_name), ', ' ORDER BY c.column_name) AS found
             FROM user_migration_columns() c GROUP BY c.table_name
    LOOP
        RETURN QUERY EXECUTE format($q$
            SELECT p.user_id, %L::text, v.column_name, v.expected, v.found
            FROM (%s) p LEFT JOIN (%s) t ON t.external_id = p.user_id
            CROSS JOIN LATERAL (VALUES %s) v (column_name, expected, found)
            WHERE (t.external_id IS NULL OR (%s) IS DISTINCT FROM (%s)) AND v.expected IS DISTINCT FROM v.found$q$,
            t.name, user_migration_source(source, t.name, already, moment),
            user_migration_target(t.name, already), t.pairs, t.expected, t.found);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION verify_user_migration_tables(
    source regclass, already regclass DEFAULT NULL, moment timestamp DEFAULT timezone('UTC', now()))
RETURNS TABLE (table_name text, column_name text, expected_rows bigint, found_rows bigint,
               expected_checksum numeric, found_checksum numeric, missing bigint, orphans bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE t record;
BEGIN
    FOR t IN SELECT c.table_name AS name, array_agg(c.column_name ORDER BY c.column_name) AS columns,
                    string_agg(format('sum(coalesce(hashtextextended((%s)::text, p.seed), p.seed))', c.expression),
                               ', ' ORDER BY c.column_name) AS expected,
                    string_agg(format('sum(coalesce(hashtextextended(t.%I::text, t.seed), t.seed))', c.column_name),
                               ', ' ORDER BY c.column_name) AS found
             FROM user_migration_columns() c GROUP BY c.table_name
    LOOP
        RETURN QUERY EXECUTE format($q$
            WITH e AS (SELECT count(*) AS rows, ARRAY[%3$s] AS sums
                       FROM (SELECT *, hashtextextended(s.user_id, 0) AS seed FROM (%1$s) s) p),
            f AS (SELECT count(*) AS rows, ARRAY[%4$s] AS sums
                  FROM (SELECT *, hashtextextended(s.external_id, 0) AS seed FROM (%2$s) s) t),
            m AS (SELECT count(*) FILTER (WHERE t.external_id IS NULL) AS missing,
                         count(*) FILTER (WHERE p.user_id IS NULL) AS orphans
                  FROM (%1$s) p FULL JOIN (%2$s) t ON t.external_id = p.user_id)
            SELECT %5$L::text, c.name, e.rows, f.rows, e.sums[c.place], f.sums[c.place], m.missing, m.orphans
            FROM e, f, m, unnest(%6$L::text[]) WITH ORDINALITY c (name, place)$q$,
            user_migration_source(source, t.name, already, moment), user_migration_target(t.name, already),
            t.expected, t.found, t.name, t.columns);
    END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION verify_user_migration_rows(regclass, regclass, timestamp) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION verify_user_migration_tables(regclass, regclass, timestamp) FROM PUBLIC;
"""

PREPARE = """
LOCK TABLE user_profiles IN SHARE MODE;

CREATE TEMPORARY TABLE already_normalized ON COMMIT DROP AS
SELECT 'users' AS table_name, u.user_id, NULL::text AS stripe_customer_id FROM users u
UNION ALL SELECT 'user_subscriptions', u.user_id, NULL FROM user_subscriptions t JOIN users u ON u.id = t.user_id
UNION ALL SELECT 'user_billing', u.user_id, t.stripe_customer_id FROM user_billing t JOIN users u ON u.id = t.user_id
UNION ALL SELECT 'user_usage', u.user_id, NULL FROM user_usage t JOIN users u ON u.id = t.user_id
UNION ALL SELECT 'user_system_data', u.user_id, NULL FROM user_system_data t JOIN users u ON u.id = t.user_id;

CREATE TEMPORARY TABLE migrating_profiles ON COMMIT DROP AS
SELECT p.*, coalesce(p.created_at, p.signup_timestamp, p.updated_at, timezone('UTC', now())) AS made_at,
       ranked.customer_rank
FROM user_profiles p LEFT JOIN (
    SELECT user_id, row_number() OVER (
        PARTITION BY stripe_customer_id
        ORDER BY (stripe_subscription_id IS NOT NULL) DESC, updated_at DESC NULLS LAST, user_id) AS customer_rank
    FROM user_profiles WHERE stripe_customer_id IS NOT NULL
) ranked USING (user_id);
ANALYZE migrating_profiles;

INSERT INTO subscription_plans (plan_key, display_name, description, monthly_price, stripe_monthly_price_id,
                                campaigns_limit, creators_limit, is_active)
SELECT DISTINCT ON (w.key) w.key, w.word, 'Found in existing profiles; unknown to the price list.', 0, '', 0, 0, false
FROM (SELECT legacy_plan_key(current_plan) AS key, current_plan AS word FROM migrating_profiles
      UNION ALL SELECT legacy_plan_key(intended_plan), intended_plan FROM migrating_profiles) w
WHERE w.key IS NOT NULL
ORDER BY w.key, w.word
ON CONFLICT (plan_key) DO NOTHING;
"""

COPY = """
INSERT INTO users (id, user_id, email, full_name, business_name, brand_description, industry, onboarding_step,
                   is_admin, created_at, updated_at)
SELECT id, user_id, email, coalesce(nullif(full_name, ''), name, full_name),
       coalesce(nullif(business_name, ''), company_name, business_name), brand_description, industry,
       legacy_onboarding_step(onboarding_step), coalesce(is_admin, false), made_at, coalesce(updated_at, made_at)
FROM migrating_profiles
ON CONFLICT (user_id) DO NOTHING;

INSERT INTO user_subscriptions (user_id, current_plan, intended_plan, subscription_status, trial_status,
    trial_start_date, trial_end_date, trial_conversion_date, subscription_cancel_date, subscription_renewal_date,
    billing_sync_status, created_at, updated_at)
SELECT u.id, coalesce(legacy_plan_key(p.current_plan), 'free'), legacy_plan_key(p.intended_plan),
       legacy_subscription_status(p.subscription_status), legacy_trial_status(p.trial_status),
       p.trial_start_date, p.trial_end_date, p.trial_conversion_date, p.subscription_cancel_date,
       p.subscription_renewal_date, legacy_billing_sync_status(p.billing_sync_status), p.made_at,
       coalesce(p.updated_at, p.made_at)
FROM migrating_profiles p JOIN users u USING (user_id)
WHERE NOT EXISTS (SELECT FROM user_subscriptions t WHERE t.user_id = u.id);

INSERT INTO user_billing (user_id, stripe_customer_id, stripe_subscription_id, payment_method_id, card_last_4,
    card_brand, card_exp_month, card_exp_year, billing_address_city, billing_address_country,
    billing_address_postal_code, created_at, updated_at)
SELECT u.id,
       CASE WHEN p.customer_rank = 1
             AND NOT EXISTS (SELECT FROM already_normalized a WHERE a.stripe_customer_id = p.stripe_customer_id)
            THEN p.stripe_customer_id END,
       p.stripe_subscription_id, p.payment_method_id, p.card_last_4, p.card_brand, p.card_exp_month,
       p.card_exp_year, p.billing_address_city, p.billing_address_country, p.billing_address_postal_code,
       p.made_at, coalesce(p.updated_at, p.made_at)
FROM migrating_profiles p JOIN users u USING (user_id)
WHERE num_nonnulls(p.stripe_customer_id, p.stripe_subscription_id, p.payment_method_id, p.card_last_4, p.card_brand,
                   p.card_exp_month, p.card_exp_year, p.billing_address_city, p.billing_address_country,
                   p.billing_address_postal_code) > 0
  AND NOT EXISTS (SELECT FROM user_billing t WHERE t.user_id = u.id);

INSERT INTO user_usage (user_id, plan_campaigns_limit, plan_creators_limit, plan_features, usage_campaigns_current,
    usage_creators_current_month, usage_reset_date, created_at, updated_at)
SELECT u.id, p.plan_campaigns_limit, p.plan_creators_limit, coalesce(p.plan_features, '{}'),
       greatest(p.usage_campaigns_current, 0), greatest(p.usage_creators_current_month, 0),
       coalesce(p.usage_reset_date, p.made_at), p.made_at, coalesce(p.updated_at, p.made_at)
FROM migrating_profiles p JOIN users u USING (user_id)
WHERE NOT EXISTS (SELECT FROM user_usage t WHERE t.user_id = u.id);

INSERT INTO user_system_data (user_id, signup_timestamp, email_schedule_status, last_webhook_event,
    last_webhook_timestamp, created_at, updated_at)
SELECT u.id, coalesce(p.signup_timestamp, p.made_at), coalesce(p.email_schedule_status, '{}'), p.last_webhook_event,
       p.last_webhook_timestamp, p.made_at, coalesce(p.updated_at, p.made_at)
FROM migrating_profiles p JOIN users u USING (user_id)
WHERE NOT EXISTS (SELECT FROM user_system_data t WHERE t.user_id = u.id);

ANALYZE users, user_subscriptions, user_billing, user_usage, user_system_data;
"""

VERIFY = """
DO $$
DECLARE wrong bigint; example record;
BEGIN
    CREATE TEMPORARY TABLE wrong_rows ON COMMIT DROP AS
        SELECT * FROM verify_user_migration_rows('user_profiles', 'already_normalized');
    SELECT count(*) INTO wrong FROM wrong_rows;
    IF wrong > 0 THEN
        SELECT * INTO example FROM wrong_rows LIMIT 1;
        RAISE EXCEPTION '% values did not arrive, the first in %.% of user %',
            wrong, example.table_name, example.column_name, example.user_id USING ERRCODE = 'data_corrupted';
    END IF;

    CREATE TEMPORARY TABLE table_proof ON COMMIT DROP AS
        SELECT * FROM verify_user_migration_tables('user_profiles', 'already_normalized');
    SELECT * INTO example FROM table_proof
    WHERE expected_rows <> found_rows OR expected_checksum IS DISTINCT FROM found_checksum
       OR missing > 0 OR orphans > 0
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the table % does not hold what the profiles hold: column %, % rows for %, % missing, % orphans',
            example.table_name, example.column_name, example.found_rows, example.expected_rows,
            example.missing, example.orphans USING ERRCODE = 'data_corrupted';
    END IF;
END $$;
"""

REPORT = """
SELECT set_config('tastemaker.migration_report', jsonb_build_object(
    'moment', timezone('UTC', now()),
    'profiles', (SELECT count(*) FROM migrating_profiles),
    'already_normalized', (SELECT count(*) FROM already_normalized a JOIN migrating_profiles p USING (user_id)
                           WHERE a.table_name = 'users'),
    'rows', (SELECT jsonb_object_agg(table_name, found_rows) FROM table_proof),
    'checksums', (SELECT jsonb_object_agg(table_name || '.' || column_name, found_checksum) FROM table_proof),
    'words', (SELECT coalesce(jsonb_agg(to_jsonb(w) ORDER BY w.field, w.word), '[]') FROM (
        SELECT field, word, mapped, rows FROM (
            SELECT v.field, v.word, count(*) AS rows FROM migrating_profiles p CROSS JOIN LATERAL (VALUES
                ('onboarding_step', p.onboarding_step), ('trial_status', p.trial_status),
                ('subscription_status', p.subscription_status), ('billing_sync_status', p.billing_sync_status),
                ('current_plan', p.current_plan), ('intended_plan', p.intended_plan)
            ) v (field, word) GROUP BY 1, 2) counted
        CROSS JOIN LATERAL (SELECT CASE field
            WHEN 'onboarding_step' THEN legacy_onboarding_step(word)
            WHEN 'trial_status' THEN legacy_trial_status(word)
            WHEN 'subscription_status' THEN legacy_subscription_status(word)
            WHEN 'billing_sync_status' THEN legacy_billing_sync_status(word)
            WHEN 'current_plan' THEN coalesce(legacy_plan_key(word), 'free')
            ELSE legacy_plan_key(word) END) m (mapped)
        WHERE word IS DISTINCT FROM mapped) w),
    'negative_counters', (SELECT count(*) FROM migrating_profiles
                          WHERE usage_campaigns_current < 0 OR usage_creators_current_month < 0),
    'missing_times', (SELECT count(*) FROM migrating_profiles WHERE created_at IS NULL),
    'stripe_customers_in_two_profiles', (SELECT count(*) FROM migrating_profiles
                                         WHERE customer_rank > 1)
)::text, true);
"""

INDEXES = """
CREATE INDEX IF NOT EXISTS idx_users_email ON users (email);
CREATE INDEX IF NOT EXISTS idx_users_onboarding ON users (onboarding_step);
CREATE INDEX IF NOT EXISTS idx_users_admin ON users (is_admin) WHERE is_admin = true;

CREATE INDEX IF NOT EXISTS idx_user_subscriptions_user_id ON user_subscriptions (user_id);
CREATE INDEX IF NOT EXISTS idx_user_subscriptions_current_plan ON user_subscriptions (current_plan);
CREATE INDEX IF NOT EXISTS idx_user_subscriptions_trial_status ON user_subscriptions (trial_status);
CREATE INDEX IF NOT EXISTS idx_user_subscriptions_subscription_status ON user_subscriptions (subscription_status);

CREATE INDEX IF NOT EXISTS idx_user_billing_user_id ON user_billing (user_id);
CREATE INDEX IF NOT EXISTS idx_user_billing_stripe_subscription ON user_billing (stripe_subscription_id);

CREATE INDEX IF NOT EXISTS idx_user_usage_user_id ON user_usage (user_id);
CREATE INDEX IF NOT EXISTS idx_user_usage_reset_date ON user_usage (usage_reset_date);

CREATE INDEX IF NOT EXISTS idx_user_system_data_user_id ON user_system_data (user_id);
CREATE INDEX IF NOT EXISTS idx_user_system_data_signup ON user_system_data (signup_timestamp);
"""


def upgrade() -> None:
    for sql in (WORDS, EXPECTATIONS, VERIFICATION, PREPARE, COPY, VERIFY, REPORT, INDEXES):
        op.execute(sql)
