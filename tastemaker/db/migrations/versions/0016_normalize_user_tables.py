"""Completes the normalization: one satellite per user, legal words only, counters that never go below zero.

Lock: ACCESS EXCLUSIVE on each table while its rows are checked.
The code before it writes only what the constraints allow; older words are mapped here and counted.

Two satellite rows of one user become one: the row changed last stays (then the one made last, then the
smaller id), and what it does not say is taken from the others, the latest first.
"""

from alembic import op

revision = "0016"
down_revision = "0015"

SATELLITES = ("user_subscriptions", "user_billing", "user_usage", "user_system_data")

MERGE = """
CREATE TEMPORARY TABLE merged_satellites (table_name text, merged bigint) ON COMMIT DROP;

CREATE FUNCTION pg_temp.merge_satellites(satellite text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE merged bigint; assignments text; choices text;
BEGIN
    SELECT string_agg(format('%1$I = m.%1$I', a.attname), ', '),
           string_agg(format('(array_agg(t.%1$I ORDER BY t.place) FILTER (WHERE t.%1$I IS NOT NULL))[1] AS %1$I', a.attname), ', ')
    INTO assignments, choices
    FROM pg_attribute a
    WHERE a.attrelid = satellite::regclass AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attname NOT IN ('id', 'user_id');
    EXECUTE format($q$
        CREATE TEMPORARY TABLE duplicates ON COMMIT DROP AS
        SELECT t.*, row_number() OVER (PARTITION BY t.user_id ORDER BY t.updated_at DESC, t.created_at DESC, t.id) AS place
        FROM %1$I t WHERE t.user_id IN (SELECT user_id FROM %1$I GROUP BY user_id HAVING count(*) > 1)$q$, satellite);
    EXECUTE format('DELETE FROM %I s USING duplicates d WHERE d.id = s.id AND d.place > 1', satellite);
    GET DIAGNOSTICS merged = ROW_COUNT;
    EXECUTE format($q$
        UPDATE %1$I s SET %2$s
        FROM (SELECT t.user_id, %3$s FROM duplicates t GROUP BY t.user_id) m WHERE m.user_id = s.user_id$q$,
        satellite, assignments, choices);
    DROP TABLE duplicates;
    INSERT INTO merged_satellites VALUES (satellite, merged);
END $$;
"""

MAP_WORDS = """
CREATE TEMPORARY TABLE mapped_words (field text, word text, mapped text) ON COMMIT DROP;

WITH changed AS (
    UPDATE scraping_jobs j SET status = CASE j.status WHEN 'partial' THEN 'completed' ELSE 'processing' END
    FROM scraping_jobs o
    WHERE o.id = j.id AND o.status IN ('dispatching', 'searching', 'enriching', 'partial')
    RETURNING o.status AS word, j.status AS mapped)
INSERT INTO mapped_words SELECT 'scraping_jobs.status', word, mapped FROM changed;

WITH changed AS (
    UPDATE scraping_jobs j SET platform = CASE
        WHEN o.platform ~* 'tiktok' THEN 'TikTok' WHEN o.platform ~* 'instagram' THEN 'Instagram' ELSE 'YouTube' END
    FROM scraping_jobs o
    WHERE o.id = j.id AND o.platform NOT IN ('TikTok', 'Tiktok', 'Instagram', 'YouTube')
      AND o.platform ~* '^(similar_discovery_)?(tiktok|instagram|youtube)(_similar)?$'
    RETURNING o.platform AS word, j.platform AS mapped)
INSERT INTO mapped_words SELECT 'scraping_jobs.platform', word, mapped FROM changed;

UPDATE users SET onboarding_step = legacy_onboarding_step(onboarding_step)
WHERE onboarding_step <> legacy_onboarding_step(onboarding_step);
UPDATE user_subscriptions SET trial_status = legacy_trial_status(trial_status),
    subscription_status = legacy_subscription_status(subscription_status),
    billing_sync_status = legacy_billing_sync_status(billing_sync_status)
WHERE (trial_status, subscription_status, billing_sync_status) IS DISTINCT FROM
      (legacy_trial_status(trial_status), legacy_subscription_status(subscription_status),
       legacy_billing_sync_status(billing_sync_status));
"""

UNIQUE = """
DROP INDEX idx_{table}_user_id;
ALTER TABLE {table} ADD CONSTRAINT idx_{table}_user_id UNIQUE (user_id);
"""

USER_CHECKS = """
ALTER TABLE users
    ADD CONSTRAINT ck_users_onboarding_step CHECK (onboarding_step IN (
        'pending', 'info_captured', 'intent_captured', 'plan_selected', 'completed'));
ALTER TABLE user_subscriptions
    ADD CONSTRAINT ck_user_subscriptions_trial_status CHECK (trial_status IN (
        'pending', 'active', 'expired', 'cancelled', 'converted')),
    ADD CONSTRAINT ck_user_subscriptions_subscription_status CHECK (subscription_status IN (
        'none', 'trialing', 'active', 'past_due', 'canceled', 'unpaid')),
    ADD CONSTRAINT ck_user_subscriptions_billing_sync_status CHECK (billing_sync_status IN (
        'pending', 'synced', 'error'));
ALTER TABLE user_usage
    ADD CONSTRAINT ck_user_usage_usage_campaigns_current CHECK (usage_campaigns_current >= 0),
    ADD CONSTRAINT ck_user_usage_usage_creators_current_month CHECK (usage_creators_current_month >= 0);
"""

SEARCH_CHECKS = """
ALTER TABLE campaigns
    ADD CONSTRAINT ck_campaigns_search_type CHECK (search_type IN ('keyword', 'similar')),
    ADD CONSTRAINT ck_campaigns_status CHECK (status IN ('draft', 'active', 'completed', 'archived'));
ALTER TABLE scraping_jobs
    ADD CONSTRAINT ck_scraping_jobs_status CHECK (status IN (
        'pending', 'processing', 'completed', 'error', 'timeout', 'cancelled')),
    ADD CONSTRAINT ck_scraping_jobs_platform CHECK (platform IN ('Tiktok', 'TikTok', 'Instagram', 'YouTube')),
    ADD CONSTRAINT ck_scraping_jobs_processed_runs CHECK (processed_runs >= 0),
    ADD CONSTRAINT ck_scraping_jobs_processed_results CHECK (processed_results >= 0),
    ADD CONSTRAINT ck_scraping_jobs_target_results CHECK (target_results > 0),
    ADD CONSTRAINT ck_scraping_jobs_cursor CHECK (cursor >= 0),
    ADD CONSTRAINT ck_scraping_jobs_progress CHECK (progress BETWEEN 0 AND 100);
ALTER TABLE search_jobs
    ADD CONSTRAINT ck_search_jobs_search_type CHECK (search_type IN ('keyword', 'similar')),
    ADD CONSTRAINT ck_search_jobs_status CHECK (status IN (
        'queued', 'pending', 'processing', 'completed', 'error', 'timeout', 'cancelled')),
    ADD CONSTRAINT ck_search_jobs_total_count CHECK (total_count >= 0),
    ADD CONSTRAINT ck_search_jobs_completed_count CHECK (completed_count >= 0);
ALTER TABLE search_results
    ADD CONSTRAINT ck_search_results_is_verified CHECK (is_verified IN ('true', 'false')),
    ADD CONSTRAINT ck_search_results_followers CHECK (followers >= 0);
"""

SYSTEM_CHECKS = """
ALTER TABLE system_configurations
    ADD CONSTRAINT ck_system_configurations_value_type CHECK (value_type IN (
        'number', 'duration', 'boolean', 'string')),
    ADD CONSTRAINT ck_system_configurations_is_hot_reloadable CHECK (is_hot_reloadable IN ('true', 'false'));
ALTER TABLE events
    ADD CONSTRAINT ck_events_processing_status CHECK (processing_status IN (
        'pending', 'processing', 'completed', 'failed')),
    ADD CONSTRAINT ck_events_aggregate_type CHECK (aggregate_type IN (
        'user', 'subscription', 'onboarding', 'payment', 'trial', 'campaign', 'job', 'list', 'creator', 'config')),
    ADD CONSTRAINT ck_events_source_system CHECK (source_system IN (
        'stripe_webhook', 'clerk_webhook', 'admin_action', 'user_action', 'system_automation', 'qstash_job')),
    ADD CONSTRAINT ck_events_retry_count CHECK (retry_count >= 0);
ALTER TABLE background_jobs
    ADD CONSTRAINT ck_background_jobs_status CHECK (status IN (
        'pending', 'processing', 'completed', 'failed', 'cancelled')),
    ADD CONSTRAINT ck_background_jobs_max_retries CHECK (max_retries >= 0),
    ADD CONSTRAINT ck_background_jobs_retry_count CHECK (retry_count >= 0);
"""

INDEXES = """
CREATE INDEX IF NOT EXISTS idx_user_subscriptions_active_trials
    ON user_subscriptions (trial_status, trial_start_date, trial_end_date) WHERE trial_status != 'pending';
CREATE INDEX IF NOT EXISTS idx_user_billing_active_customers
    ON user_billing (stripe_customer_id, created_at) WHERE stripe_customer_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_users_full_name_search ON users USING gin (full_name gin_trgm_ops);
CREATE INDEX IF NOT EXISTS idx_users_admin_search ON users (created_at DESC, onboarding_step);
"""

RECORD = """
INSERT INTO system_configurations (category, key, value, value_type, description, is_hot_reloadable)
VALUES ('database', 'user_tables_normalized', 'true', 'boolean',
        'The five user tables replace user_profiles.', 'false')
ON CONFLICT (category, key) DO UPDATE SET value = 'true', updated_at = now();

SELECT set_config('tastemaker.migration_report', jsonb_build_object(
    'merged', (SELECT jsonb_object_agg(table_name, merged) FROM merged_satellites),
    'words', (SELECT coalesce(jsonb_agg(to_jsonb(w)), '[]') FROM (
        SELECT field, word, mapped, count(*) AS rows FROM mapped_words GROUP BY 1, 2, 3 ORDER BY 1, 2) w)
)::text, true);
"""


def upgrade() -> None:
    op.execute(MERGE)
    for table in SATELLITES:
        op.execute(f"SELECT pg_temp.merge_satellites('{table}')")
        op.execute(UNIQUE.format(table=table))
    for sql in (MAP_WORDS, USER_CHECKS, SEARCH_CHECKS, SYSTEM_CHECKS, INDEXES, RECORD):
        op.execute(sql)
