"""What leaves the database and what enters it: one table each, shared by everything that talks to the outside.

A message to the outside is a row of the change's own transaction, and a relay sends it afterwards. A webhook
is a row before it is answered, and its effect is written together with its being processed. What was received
is never altered: the application may only change how far it is.

Lock: none on existing tables. The previous code knows neither table.
"""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

OUTBOX = """
CREATE TABLE outbox_messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel varchar(50) NOT NULL,
    body jsonb NOT NULL,
    dedupe_key text NOT NULL,
    tenant_id text,
    status varchar(20) NOT NULL DEFAULT 'pending',
    attempts integer NOT NULL DEFAULT 0,
    available_at timestamptz NOT NULL,
    lease_until timestamptz,
    sent_at timestamptz,
    error text,
    external_id text,
    created_at timestamptz NOT NULL,
    CONSTRAINT ck_outbox_messages_status
        CHECK (status IN ('pending', 'sending', 'sent', 'failed', 'unknown', 'cancelled')),
    CONSTRAINT ck_outbox_messages_attempts CHECK (attempts >= 0)
);
CREATE UNIQUE INDEX uq_outbox_messages_dedupe_key ON outbox_messages (channel, dedupe_key);
CREATE INDEX idx_outbox_messages_pending ON outbox_messages (channel, available_at, id) WHERE status = 'pending';
CREATE INDEX idx_outbox_messages_leases ON outbox_messages (lease_until) WHERE status = 'sending';
CREATE INDEX idx_outbox_messages_tenant ON outbox_messages (tenant_id);
CREATE INDEX idx_outbox_messages_created ON outbox_messages (created_at);
COMMENT ON TABLE outbox_messages IS 'What has to leave the database: written with the change it tells of, sent by a relay afterwards.';
COMMENT ON COLUMN outbox_messages.id IS 'Primary key, in the order of writing.';
COMMENT ON COLUMN outbox_messages.channel IS 'Which way it goes (mail, …); the channel says what becomes of a message whose relay died half-way.';
COMMENT ON COLUMN outbox_messages.body IS 'What its sender needs: ids and facts, no secrets.';
COMMENT ON COLUMN outbox_messages.dedupe_key IS 'The same for the same message, for good: a second one of a channel is not written, and receivers that deduplicate are told it.';
COMMENT ON COLUMN outbox_messages.tenant_id IS 'Whose message it is (external id); NULL for the installation''s own.';
COMMENT ON COLUMN outbox_messages.status IS 'pending, sending, sent, failed (given up), unknown (nobody knows whether it left: an operator decides), cancelled.';
COMMENT ON COLUMN outbox_messages.attempts IS 'How often a relay took it, counted before it sends; the fence: only the holder of this number may settle it.';
COMMENT ON COLUMN outbox_messages.available_at IS 'Not before (database clock).';
COMMENT ON COLUMN outbox_messages.lease_until IS 'While sending: after this its relay is taken for dead (database clock).';
COMMENT ON COLUMN outbox_messages.sent_at IS 'When the receiver accepted it.';
COMMENT ON COLUMN outbox_messages.error IS 'Why the last attempt did not succeed; no address, no secret.';
COMMENT ON COLUMN outbox_messages.external_id IS 'What the receiver calls it, where it said so.';
COMMENT ON COLUMN outbox_messages.created_at IS 'When it was written.';

CREATE FUNCTION notify_outbox() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NOTIFY outbox_messages;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION notify_outbox() IS 'Wakes the relays once per statement; they look for themselves.';
REVOKE EXECUTE ON FUNCTION notify_outbox() FROM PUBLIC;
CREATE TRIGGER wake_relays AFTER INSERT ON outbox_messages
    FOR EACH STATEMENT EXECUTE FUNCTION notify_outbox();
"""

INBOX = """
CREATE TABLE inbox_messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source varchar(50) NOT NULL,
    message_id text NOT NULL,
    headers jsonb NOT NULL,
    raw bytea NOT NULL,
    verified boolean NOT NULL,
    tenant_id text,
    status varchar(20) NOT NULL DEFAULT 'received',
    attempts integer NOT NULL DEFAULT 0,
    error text,
    received_at timestamptz NOT NULL,
    processed_at timestamptz,
    CONSTRAINT ck_inbox_messages_status CHECK (status IN ('received', 'processed', 'failed')),
    CONSTRAINT ck_inbox_messages_attempts CHECK (attempts >= 0)
);
CREATE UNIQUE INDEX uq_inbox_messages_message_id ON inbox_messages (source, message_id);
CREATE INDEX idx_inbox_messages_received ON inbox_messages (received_at);
CREATE INDEX idx_inbox_messages_tenant ON inbox_messages (tenant_id);
COMMENT ON TABLE inbox_messages IS 'What others told us, as it came: kept before it is answered, processed afterwards, for 35 days.';
COMMENT ON COLUMN inbox_messages.id IS 'Primary key, in the order of arrival.';
COMMENT ON COLUMN inbox_messages.source IS 'Who sent it: stripe, clerk, qstash, ….';
COMMENT ON COLUMN inbox_messages.message_id IS 'What its sender calls it: the same one is kept once.';
COMMENT ON COLUMN inbox_messages.headers IS 'The request''s headers by lower-case name, without signatures, tokens and cookies.';
COMMENT ON COLUMN inbox_messages.raw IS 'The body, byte for byte.';
COMMENT ON COLUMN inbox_messages.verified IS 'Whether the sender''s signature was checked and right.';
COMMENT ON COLUMN inbox_messages.tenant_id IS 'Whom it is about (external id), where that is known.';
COMMENT ON COLUMN inbox_messages.status IS 'received (waits), processed, failed (given up, or the last attempt failed).';
COMMENT ON COLUMN inbox_messages.attempts IS 'How often processing was tried to its end.';
COMMENT ON COLUMN inbox_messages.error IS 'Why the last attempt failed.';
COMMENT ON COLUMN inbox_messages.received_at IS 'When it came (database clock).';
COMMENT ON COLUMN inbox_messages.processed_at IS 'When its effect was written.';
"""

COMPRESSION = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE outbox_messages ALTER COLUMN body SET COMPRESSION lz4;
        ALTER TABLE inbox_messages ALTER COLUMN headers SET COMPRESSION lz4;
        ALTER TABLE inbox_messages ALTER COLUMN raw SET COMPRESSION lz4;
    END IF;
END $$;
"""

SYSTEM = "(SELECT app_is_system())"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"


def _guarded(table: str, grant: str) -> str:
    return f"""
CREATE TRIGGER fill_tenant BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_claim();
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON {table} TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY tenant ON {table} TO tastemaker_app USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY backup ON {table} FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT ON {table} TO tastemaker_backup;
GRANT SELECT ON SEQUENCE {table}_id_seq TO tastemaker_backup;
GRANT USAGE ON SEQUENCE {table}_id_seq TO tastemaker_app;
GRANT {grant} ON {table} TO tastemaker_app;
"""


def upgrade() -> None:
    op.execute(OUTBOX)
    op.execute(INBOX)
    op.execute(_guarded("outbox_messages", "SELECT, INSERT, UPDATE, DELETE"))
    op.execute(
        _guarded(
            "inbox_messages",
            "SELECT, INSERT, DELETE, UPDATE (status, attempts, error, processed_at, tenant_id)",
        )
    )
    op.execute(COMPRESSION)
