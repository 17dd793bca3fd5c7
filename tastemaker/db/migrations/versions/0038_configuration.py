"""A configuration that cannot be made unreadable, tells its readers, and writes down who changed it.

The code tells the database the bounds of its keys (`configuration_keys`) when a process starts, so what the
code could not read is refused also from plain SQL. Every change is an event, whoever makes it. Rows that no
code reads are not seeded any more: those of this product's own seed go, an adopted installation's stay.

Lock: SHARE ROW EXCLUSIVE on `system_configurations` (some forty rows) while the triggers are made. The previous code reads on;
what it writes is checked.
"""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

KEYS = """
CREATE TABLE configuration_keys (
    category varchar(50) NOT NULL,
    key varchar(100) NOT NULL,
    value_type varchar(20) NOT NULL,
    least text,
    most text,
    choices text[],
    CONSTRAINT configuration_keys_pkey PRIMARY KEY (category, key),
    CONSTRAINT ck_configuration_keys_value_type CHECK (value_type IN ('number', 'duration', 'boolean', 'string'))
);
COMMENT ON TABLE configuration_keys IS 'What the running code can read: types and bounds of its keys, told by each process that starts.';
COMMENT ON COLUMN configuration_keys.category IS 'As in system_configurations.';
COMMENT ON COLUMN configuration_keys.key IS 'As in system_configurations.';
COMMENT ON COLUMN configuration_keys.value_type IS 'number, duration, boolean or string.';
COMMENT ON COLUMN configuration_keys.least IS 'The smallest value accepted, written as a value; NULL is no bound.';
COMMENT ON COLUMN configuration_keys.most IS 'The largest value accepted, written as a value; NULL is no bound.';
COMMENT ON COLUMN configuration_keys.choices IS 'The only texts accepted; NULL is any.';
ALTER TABLE configuration_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE configuration_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON configuration_keys TO tastemaker_owner
    USING ((SELECT app_is_system())) WITH CHECK ((SELECT app_is_system()));
CREATE POLICY backup ON configuration_keys FOR SELECT TO tastemaker_backup USING (true);
CREATE POLICY reading ON configuration_keys FOR SELECT TO tastemaker_app
    USING (((SELECT app_tenant()) IS NOT NULL OR (SELECT app_is_system())));
CREATE POLICY adding ON configuration_keys FOR INSERT TO tastemaker_app WITH CHECK ((SELECT app_is_system()));
CREATE POLICY changing ON configuration_keys FOR UPDATE TO tastemaker_app
    USING ((SELECT app_is_system())) WITH CHECK ((SELECT app_is_system()));
CREATE POLICY deleting ON configuration_keys FOR DELETE TO tastemaker_app USING ((SELECT app_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON configuration_keys TO tastemaker_app;
GRANT SELECT ON configuration_keys TO tastemaker_backup;
"""

CHECKING = r"""
CREATE FUNCTION configuration_measure(value text, value_type text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[];
BEGIN
    CASE value_type
        WHEN 'number' THEN
            IF btrim(value) ~ '^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$' AND length(value) <= 30 THEN
                RETURN btrim(value)::numeric;
            END IF;
        WHEN 'duration' THEN
            parts := regexp_match(btrim(value), '^(\d{1,12})(ms|s|m|h|d)?$');
            IF parts IS NOT NULL THEN
                RETURN parts[1]::numeric * CASE coalesce(parts[2], 'ms')
                    WHEN 'ms' THEN 1 WHEN 's' THEN 1000 WHEN 'm' THEN 60000 WHEN 'h' THEN 3600000 ELSE 86400000 END;
            END IF;
        WHEN 'boolean' THEN
            IF lower(btrim(value)) IN ('true', 'false') THEN
                RETURN 0;
            END IF;
        ELSE
            RETURN 0;
    END CASE;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION configuration_measure(text, text) IS 'A value as a number (durations in milliseconds), 0 where there is nothing to measure, NULL where it cannot be read as its type.';

CREATE FUNCTION configuration_is_carried_over() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT current_user = 'tastemaker_owner' AND current_setting('tastemaker.carrying_over', true) = 'on' $$;
COMMENT ON FUNCTION configuration_is_carried_over() IS 'True while the owner adopts another installation: its rows are kept as they are, and are no change of today''s.';

CREATE FUNCTION refuse_unreadable_configuration() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    known configuration_keys;
    measure numeric;
BEGIN
    IF configuration_is_carried_over() THEN
        RETURN NEW;
    END IF;
    SELECT * INTO known FROM configuration_keys k WHERE k.category = NEW.category AND k.key = NEW.key;
    IF known.value_type <> NEW.value_type THEN
        RAISE check_violation USING MESSAGE =
            format('%s.%s is a %s, not a %s', NEW.category, NEW.key, known.value_type, NEW.value_type);
    END IF;
    measure := configuration_measure(NEW.value, NEW.value_type);
    IF measure IS NULL THEN
        RAISE check_violation USING MESSAGE =
            format('%s.%s: this value cannot be read as a %s', NEW.category, NEW.key, NEW.value_type);
    END IF;
    IF measure < configuration_measure(known.least, known.value_type)
        OR measure > configuration_measure(known.most, known.value_type)
        OR NOT NEW.value = ANY (known.choices) THEN
        RAISE check_violation USING MESSAGE = format(
            '%s.%s is out of its bounds (%s to %s)', NEW.category, NEW.key,
            coalesce(known.least, 'any'), coalesce(known.most, 'any'));
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION refuse_unreadable_configuration() IS 'What the running code could not read is refused at write; the last good value stays.';
CREATE TRIGGER refuse_unreadable BEFORE INSERT OR UPDATE ON system_configurations
    FOR EACH ROW EXECUTE FUNCTION refuse_unreadable_configuration();
"""

TELLING = """
CREATE FUNCTION notify_system_configurations() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NOTIFY system_configurations;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION notify_system_configurations() IS 'Wakes every process that keeps the configuration; they read it themselves.';
CREATE TRIGGER wake_readers AFTER INSERT OR UPDATE OR DELETE ON system_configurations
    FOR EACH STATEMENT EXECUTE FUNCTION notify_system_configurations();

CREATE FUNCTION record_configuration_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    changed system_configurations := coalesce(NEW, OLD);
    before text := CASE WHEN TG_OP <> 'INSERT' THEN OLD.value END;
    after text := CASE WHEN TG_OP <> 'DELETE' THEN NEW.value END;
    name text := changed.category || '.' || changed.key;
    new_id uuid := gen_random_uuid();
    used_key text := format('admin_action_%s_%s_configuration_changed', name, new_id);
    actor text := coalesce(nullif(current_setting('tastemaker.actor', true), ''), app_tenant(), session_user::text);
BEGIN
    IF before IS NOT DISTINCT FROM after OR configuration_is_carried_over() THEN
        RETURN NULL;
    END IF;
    INSERT INTO event_keys (idempotency_key, event_id, "timestamp") VALUES (used_key, new_id, app_now());
    INSERT INTO events (id, "timestamp", aggregate_id, aggregate_type, event_type, event_data, metadata,
                        idempotency_key, source_system)
    VALUES (new_id, app_now(), name, 'config', 'configuration_changed',
            jsonb_build_object('old', before, 'new', after), jsonb_build_object('actor', actor),
            used_key, 'admin_action');
    RETURN NULL;
END $$;
COMMENT ON FUNCTION record_configuration_change() IS 'Writes the event of a change, by whichever way it came: old and new value, and who did it.';
CREATE TRIGGER record_change AFTER INSERT OR UPDATE OR DELETE ON system_configurations
    FOR EACH ROW EXECUTE FUNCTION record_configuration_change();

REVOKE EXECUTE ON FUNCTION refuse_unreadable_configuration(), notify_system_configurations(),
    record_configuration_change() FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION configuration_measure(text, text), configuration_is_carried_over() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION configuration_measure(text, text), configuration_is_carried_over() TO tastemaker_app, tastemaker_compat,
    tastemaker_readonly, tastemaker_backup, tastemaker_door;
"""

UNREAD = """
SELECT set_config('request.jwt.claims', '{"role": "tastemaker_system"}', true);
DELETE FROM system_configurations WHERE (category, key, value) IN (
    ('api_limits', 'max_api_calls_for_testing', '1000'), ('api_limits', 'max_api_calls_tiktok_similar', '1000'),
    ('api_limits', 'max_api_calls_instagram_similar', '1000'),
    ('qstash_delays', 'instagram_similar_delay', '5s'), ('timeouts', 'cleanup_timeout_hours', '24h'),
    ('polling', 'frontend_status_check_interval', '5000'), ('polling', 'campaign_status_interval', '3000'),
    ('polling', 'ui_refresh_delay', '2000'), ('cache', 'image_cache_success_duration', '3600'),
    ('cache', 'image_cache_placeholder_duration', '300'), ('processing', 'batch_processing_delay', '50'),
    ('processing', 'batch_size', '50'), ('logging', 'min_level', 'INFO'),
    ('logging', 'slow_operation_threshold', '5000'), ('logging', 'log_retention_days', '30'),
    ('logging', 'enable_rate_limiting', 'true'), ('logging', 'rate_limit_per_minute', '100'),
    ('logging', 'enable_performance_tracking', 'true'));
SELECT set_config('request.jwt.claims', '', true);
"""


def upgrade() -> None:
    op.execute(UNREAD)
    op.execute(KEYS)
    op.execute(CHECKING)
    op.execute(TELLING)
