"""Events reach their subscribers, one row for each, and are edited by nobody.

A delivery is made when a dispatcher takes a new event by its status, so that appending costs nothing more and a
late commit is not overlooked. The log refuses UPDATE of what happened, DELETE and TRUNCATE from everybody, its
owner included; the one door that blanks personal fields writes its own event. No foreign key leads to `events`,
which may be partitioned by time. What waited before has no subscriber and is completed: nobody is written to about
what happened long ago.

Lock: SHARE ROW EXCLUSIVE on `events` for an instant each for its triggers; SHARE while two indexes are built. The
previous code goes on: what it writes is delivered alike.
"""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

DELIVERIES = """
CREATE TABLE event_deliveries (
    event_id uuid NOT NULL,
    subscriber varchar(100) NOT NULL,
    event_timestamp timestamp NOT NULL,
    event_type varchar(100) NOT NULL,
    tenant_id text,
    status varchar(20) NOT NULL DEFAULT 'pending',
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    lease_until timestamptz,
    error text,
    created_at timestamptz NOT NULL,
    completed_at timestamptz,
    PRIMARY KEY (event_id, subscriber),
    CONSTRAINT ck_event_deliveries_status CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    CONSTRAINT ck_event_deliveries_attempts CHECK (attempts >= 0)
);
CREATE INDEX idx_event_deliveries_due ON event_deliveries (due_at) WHERE status = 'pending';
CREATE INDEX idx_event_deliveries_leases ON event_deliveries (lease_until) WHERE status = 'processing';
CREATE INDEX idx_event_deliveries_failed ON event_deliveries (event_timestamp) WHERE status = 'failed';
CREATE INDEX idx_event_deliveries_tenant ON event_deliveries (tenant_id);
COMMENT ON TABLE event_deliveries IS 'Which subscriber has to hear of which event, and how far that is. The effect and its being completed are one transaction.';
COMMENT ON COLUMN event_deliveries.event_id IS 'The event. No foreign key: events may be partitioned by time.';
COMMENT ON COLUMN event_deliveries.subscriber IS 'Who hears of it: the name under which the program registers it.';
COMMENT ON COLUMN event_deliveries.event_timestamp IS 'The event''s time: with the id, its place in a partitioned table.';
COMMENT ON COLUMN event_deliveries.event_type IS 'What happened, for reading the deliveries by it.';
COMMENT ON COLUMN event_deliveries.tenant_id IS 'The user whom the event concerns (external id); NULL for the installation''s own.';
COMMENT ON COLUMN event_deliveries.status IS 'pending (also between two attempts), processing, completed, failed (given up, may be replayed).';
COMMENT ON COLUMN event_deliveries.attempts IS 'How often it was tried, counted before the attempt; the fence: only the holder of this number may complete it.';
COMMENT ON COLUMN event_deliveries.due_at IS 'Not before (database clock).';
COMMENT ON COLUMN event_deliveries.lease_until IS 'While processing: after this its dispatcher is taken for dead (database clock).';
COMMENT ON COLUMN event_deliveries.error IS 'Why the last attempt failed.';
COMMENT ON COLUMN event_deliveries.created_at IS 'When the event was handed out.';
COMMENT ON COLUMN event_deliveries.completed_at IS 'When its effect was written.';

CREATE TRIGGER fill_tenant BEFORE INSERT ON event_deliveries
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_claim();
ALTER TABLE event_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON event_deliveries TO tastemaker_owner
    USING ((SELECT app_is_system())) WITH CHECK ((SELECT app_is_system()));
CREATE POLICY tenant ON event_deliveries TO tastemaker_app
    USING (tenant_id = (SELECT app_tenant()) OR (SELECT app_is_system()))
    WITH CHECK (tenant_id = (SELECT app_tenant()) OR (SELECT app_is_system()));
CREATE POLICY backup ON event_deliveries FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT ON event_deliveries TO tastemaker_backup;
GRANT SELECT, INSERT, UPDATE, DELETE ON event_deliveries TO tastemaker_app;

CREATE INDEX idx_events_type ON events (event_type, "timestamp" DESC, seq DESC);
CREATE INDEX idx_events_time ON events ("timestamp" DESC, seq DESC);
"""

BEFORE_THERE_WERE_SUBSCRIBERS = """
SELECT set_config('request.jwt.claims', '{"role": "tastemaker_system"}', true);
UPDATE events SET processing_status = 'completed', processed_at = timezone('UTC', app_now())
WHERE processing_status = 'pending';
SELECT set_config('request.jwt.claims', '', true);
"""

WAKING = """
CREATE FUNCTION notify_events() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NOTIFY events;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION notify_events() IS 'Wakes the dispatchers and whoever watches the log, once per transaction; they look for themselves.';
REVOKE EXECUTE ON FUNCTION notify_events() FROM PUBLIC;
CREATE TRIGGER wake_dispatchers AFTER INSERT ON events
    FOR EACH STATEMENT EXECUTE FUNCTION notify_events();
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_changed_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('tastemaker.events_door', true) = 'redaction' THEN
        RETURN NEW;
    END IF;
    RAISE insufficient_privilege USING MESSAGE = 'what happened is not edited: events are append-only',
        HINT = 'Personal fields are blanked by redact_events(), which writes its own event.';
END $$;
COMMENT ON FUNCTION refuse_changed_event() IS 'Everything of an event but how far its processing is stays as it was written.';
REVOKE EXECUTE ON FUNCTION refuse_changed_event() FROM PUBLIC;
CREATE TRIGGER refuse_change BEFORE UPDATE ON events FOR EACH ROW
    WHEN ((OLD.id, OLD.aggregate_id, OLD.aggregate_type, OLD.event_type, OLD.event_version, OLD.event_data,
           OLD.metadata, OLD."timestamp", OLD.idempotency_key, OLD.source_system, OLD.correlation_id,
           OLD.causation_id, OLD.tenant_id, OLD.seq)
          IS DISTINCT FROM
          (NEW.id, NEW.aggregate_id, NEW.aggregate_type, NEW.event_type, NEW.event_version, NEW.event_data,
           NEW.metadata, NEW."timestamp", NEW.idempotency_key, NEW.source_system, NEW.correlation_id,
           NEW.causation_id, NEW.tenant_id, NEW.seq))
    EXECUTE FUNCTION refuse_changed_event();

CREATE FUNCTION refuse_lost_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('tastemaker.events_door', true) = 'archive' THEN
        RETURN NULL;
    END IF;
    RAISE insufficient_privilege USING MESSAGE = 'what happened is not deleted: events are append-only';
END $$;
COMMENT ON FUNCTION refuse_lost_event() IS 'No event leaves the log but into an archive, whose maker says so by the setting tastemaker.events_door and has the right to delete.';
REVOKE EXECUTE ON FUNCTION refuse_lost_event() FROM PUBLIC;
CREATE TRIGGER refuse_loss BEFORE DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_lost_event();
"""

REDACTION = """
CREATE FUNCTION redact_events(ids uuid[], fields text[], reason text, actor text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found uuid[];
    audit uuid := gen_random_uuid();
    moment timestamp := timezone('UTC', public.app_now());
BEGIN
    IF NOT public.app_is_system() THEN
        RAISE insufficient_privilege USING MESSAGE = 'only the product''s own work redacts events';
    END IF;
    IF coalesce(reason, '') = '' OR coalesce(actor, '') = '' OR coalesce(cardinality(fields), 0) = 0 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a redaction names its fields, its reason and its actor';
    END IF;
    PERFORM set_config('tastemaker.events_door', 'redaction', true);
    WITH blanked AS (
        UPDATE public.events e
        SET event_data = (
                SELECT coalesce(jsonb_object_agg(key, CASE
                    WHEN NOT key = ANY (fields) OR value = 'null'::jsonb THEN value
                    WHEN jsonb_typeof(value) = 'string' THEN '"[redacted]"'::jsonb
                    WHEN jsonb_typeof(value) = 'array' THEN '[]'::jsonb
                    WHEN jsonb_typeof(value) = 'object' THEN '{}'::jsonb
                    ELSE 'null'::jsonb END), '{}'::jsonb)
                FROM jsonb_each(e.event_data)),
            metadata = e.metadata - fields
        WHERE e.id = ANY (ids)
          AND (jsonb_typeof(e.event_data) = 'object' AND e.event_data ?| fields OR e.metadata ?| fields)
        RETURNING e.id
    ) SELECT coalesce(array_agg(id ORDER BY id), '{}') INTO found FROM blanked;
    PERFORM set_config('tastemaker.events_door', '', true);
    IF cardinality(found) > 0 THEN
        INSERT INTO public.event_keys (idempotency_key, event_id, "timestamp")
        VALUES ('admin_action_' || audit || '_events_redacted', audit, moment);
        INSERT INTO public.events (id, "timestamp", aggregate_id, aggregate_type, event_type, event_version,
                                   event_data, metadata, idempotency_key, source_system)
        VALUES (audit, moment, audit::text, 'config', 'events_redacted', 1,
                jsonb_build_object('events', to_jsonb(found), 'fields', to_jsonb(fields), 'reason', reason),
                jsonb_build_object('actor', actor),
                'admin_action_' || audit || '_events_redacted', 'admin_action');
    END IF;
    RETURN cardinality(found);
END $$;
COMMENT ON FUNCTION redact_events(uuid[], text[], text, text) IS 'The one door through which the log is edited: blanks the named fields of the named events, for the system''s claim only, and writes an event that says so.';
REVOKE EXECUTE ON FUNCTION redact_events(uuid[], text[], text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redact_events(uuid[], text[], text, text) TO tastemaker_app;
"""


def upgrade() -> None:
    op.execute(DELIVERIES)
    op.execute(BEFORE_THERE_WERE_SUBSCRIBERS)
    op.execute(WAKING)
    op.execute(APPEND_ONLY)
    op.execute(REDACTION)
