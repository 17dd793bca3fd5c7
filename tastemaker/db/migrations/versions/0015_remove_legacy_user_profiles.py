"""`user_profiles` goes, after a complete copy of it is kept as `user_profiles_backup`.

Lock: ACCESS EXCLUSIVE on `user_profiles`, from the comparison until the drop.
The code before it reads and writes the five tables since 0014. If a profile was added or a copy is not
complete, the step fails and `user_profiles` stays.
"""

from alembic import op

revision = "0015"
down_revision = "0014"

BACKUP = """
LOCK TABLE user_profiles IN ACCESS EXCLUSIVE MODE;

CREATE TABLE IF NOT EXISTS user_profiles_backup (
    LIKE user_profiles,
    backed_up_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT user_profiles_backup_pkey PRIMARY KEY (id)
);
INSERT INTO user_profiles_backup SELECT * FROM user_profiles ON CONFLICT (id) DO NOTHING;
ANALYZE user_profiles_backup;

COMMENT ON TABLE user_profiles_backup IS 'The profiles as they were before they became users and satellites; owner only.';
"""

COMPLETION = """
CREATE OR REPLACE FUNCTION verify_user_normalization(source regclass)
RETURNS TABLE (check_name text, failures bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE satellite text;
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT ''profiles without a user'', count(*) FROM %s p
         WHERE NOT EXISTS (SELECT FROM users u WHERE u.user_id = p.user_id)', source);
    FOREACH satellite IN ARRAY ARRAY['user_subscriptions', 'user_usage', 'user_system_data'] LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L, count(*) FROM %s p JOIN users u USING (user_id)
             WHERE NOT EXISTS (SELECT FROM %I t WHERE t.user_id = u.id)',
            'users without a row in ' || satellite, source, satellite);
    END LOOP;
    RETURN QUERY EXECUTE format(
        'SELECT ''customers without a row in user_billing'', count(*) FROM %s p JOIN users u USING (user_id)
         WHERE p.stripe_customer_id IS NOT NULL AND NOT EXISTS (SELECT FROM user_billing t WHERE t.user_id = u.id)',
        source);
END $$;
REVOKE EXECUTE ON FUNCTION verify_user_normalization(regclass) FROM PUBLIC;

DO $$
DECLARE lost bigint; failed record; before text; after text;
BEGIN
    SELECT string_agg(format('p.%I', attname), ', ' ORDER BY attnum), string_agg(format('b.%I', attname), ', ' ORDER BY attnum)
    INTO before, after
    FROM pg_attribute WHERE attrelid = 'user_profiles'::regclass AND attnum > 0 AND NOT attisdropped;
    EXECUTE format('SELECT count(*) FROM user_profiles p LEFT JOIN user_profiles_backup b ON b.id = p.id
                    WHERE b.id IS NULL OR (%s) IS DISTINCT FROM (%s)', before, after) INTO lost;
    IF lost > 0 THEN
        RAISE EXCEPTION 'the backup lacks % profiles or holds them changed', lost USING ERRCODE = 'data_corrupted';
    END IF;
    SELECT * INTO failed FROM verify_user_normalization('user_profiles_backup') WHERE failures > 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'normalization is not complete: % %', failed.failures, failed.check_name
            USING ERRCODE = 'data_corrupted';
    END IF;
    PERFORM set_config('tastemaker.migration_report',
        jsonb_build_object('backed_up', (SELECT count(*) FROM user_profiles_backup))::text, true);
END $$;

DROP TABLE user_profiles;
"""


def upgrade() -> None:
    op.execute(BACKUP)
    op.execute(COMPLETION)
