"""A configuration row under another name is two changes, and none goes without its event.

A row renamed by plain SQL is written down as one key removed and another made; TRUNCATE, which would tell nobody,
is refused. Two seeded rows had no reader and go, as others did in 0038, silently; one that somebody changed stays.
`event_sourcing.event_retention_days`: events are the audit trail and are kept until there is an archive to take them
to. `cleanup.timeout_jobs_retention_days`: a background job that takes too long is a failed one.

Lock: SHARE ROW EXCLUSIVE on `system_configurations` (some forty rows) while the trigger is made. The previous code
works on; what it changes is written down as before.
"""

from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

RECORDING = """
CREATE OR REPLACE FUNCTION record_configuration_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    name text;
    before text;
    after text;
    new_id uuid;
    used_key text;
    actor text := coalesce(nullif(current_setting('tastemaker.actor', true), ''), app_tenant(), session_user::text);
BEGIN
    IF configuration_is_carried_over() THEN
        RETURN NULL;
    END IF;
    FOR name, before, after IN
        SELECT told.name, max(told.before), max(told.after)
        FROM (VALUES (OLD.category || '.' || OLD.key, OLD.value, NULL::text),
                     (NEW.category || '.' || NEW.key, NULL::text, NEW.value)) told (name, before, after)
        WHERE told.name IS NOT NULL
        GROUP BY told.name
        HAVING max(told.before) IS DISTINCT FROM max(told.after)
    LOOP
        new_id := gen_random_uuid();
        used_key := format('admin_action_%s_%s_configuration_changed', name, new_id);
        INSERT INTO event_keys (idempotency_key, event_id, "timestamp") VALUES (used_key, new_id, app_now());
        INSERT INTO events (id, "timestamp", aggregate_id, aggregate_type, event_type, event_data, metadata,
                            idempotency_key, source_system)
        VALUES (new_id, app_now(), name, 'config', 'configuration_changed',
                jsonb_build_object('old', before, 'new', after), jsonb_build_object('actor', actor),
                used_key, 'admin_action');
    END LOOP;
    RETURN NULL;
END $$;
"""

TRUNCATING = """
CREATE FUNCTION refuse_truncated_configuration() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = 'configuration is removed row by row, so that each change is written down',
        HINT = 'Use DELETE, or tastemaker config unset.';
END $$;
COMMENT ON FUNCTION refuse_truncated_configuration() IS 'TRUNCATE fires no trigger of a row: no event would be written.';
REVOKE EXECUTE ON FUNCTION refuse_truncated_configuration() FROM PUBLIC;
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON system_configurations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncated_configuration();
"""

UNREAD = """
SELECT set_config('request.jwt.claims', '{"role": "tastemaker_system"}', true),
       set_config('tastemaker.carrying_over', 'on', true);
DELETE FROM system_configurations
WHERE (category, key, value) IN (('event_sourcing', 'event_retention_days', '365'),
                                 ('cleanup', 'timeout_jobs_retention_days', '7'));
SELECT set_config('request.jwt.claims', '', true), set_config('tastemaker.carrying_over', '', true);
"""


def upgrade() -> None:
    op.execute(RECORDING)
    op.execute(TRUNCATING)
    op.execute(UNREAD)
