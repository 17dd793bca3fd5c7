"""An order for events, and their idempotency keys in a table that survives partitioning.

Lock: ACCESS EXCLUSIVE on `events` while `seq` is added (a rewrite: small before adoption, and adoption
does it in its own step). The previous code neither reads nor writes either.
"""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

KEYS = """
ALTER TABLE events ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX uq_events_seq ON events (seq);
CREATE INDEX idx_events_correlation ON events (correlation_id) WHERE correlation_id IS NOT NULL;
COMMENT ON COLUMN events.seq IS 'Order of writing (not of commit: readers claim by status).';

CREATE TABLE event_keys (
    idempotency_key text PRIMARY KEY,
    event_id uuid NOT NULL,
    "timestamp" timestamp NOT NULL,
    tenant_id text
);
CREATE INDEX idx_event_keys_tenant ON event_keys (tenant_id);
INSERT INTO event_keys (idempotency_key, event_id, "timestamp", tenant_id)
    SELECT idempotency_key, id, "timestamp", tenant_id FROM events;
CREATE TRIGGER fill_tenant BEFORE INSERT ON event_keys
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_claim();
COMMENT ON TABLE event_keys IS 'Every idempotency key ever used, written with its event: unique also when events is partitioned by time.';
COMMENT ON COLUMN event_keys.idempotency_key IS 'The key; a second event with it is not written.';
COMMENT ON COLUMN event_keys.event_id IS 'The event that has it.';
COMMENT ON COLUMN event_keys."timestamp" IS 'That event''s time: with the id, its place in a partitioned table.';
COMMENT ON COLUMN event_keys.tenant_id IS 'Whose claim wrote it (external id); NULL for the installation''s own. A key can name what it is about, so nobody else reads it.';
"""


def upgrade() -> None:
    op.execute(KEYS)
