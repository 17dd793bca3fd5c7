"""The beginnings of answers that could not be understood, for whoever mends the adapter.

Lock: none on existing tables. The previous code does not know the table.
"""

from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

SAMPLES = """
CREATE TABLE provider_samples (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider varchar(50) NOT NULL,
    operation varchar(50) NOT NULL,
    http_status integer NOT NULL,
    content_type varchar(200),
    said varchar(500) NOT NULL,
    bytes_read bigint NOT NULL,
    beginning text NOT NULL,
    taken_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT provider_samples_pkey PRIMARY KEY (id),
    CONSTRAINT ck_provider_samples_beginning CHECK (octet_length(beginning) <= 4096),
    CONSTRAINT ck_provider_samples_expiry CHECK (expires_at >= taken_at)
);
CREATE INDEX idx_provider_samples_taken ON provider_samples (taken_at);
COMMENT ON TABLE provider_samples IS 'Beginnings of answers of providers that could not be understood, without keys and addresses, for a few days.';
COMMENT ON COLUMN provider_samples.id IS 'As in the event provider_malformed.';
COMMENT ON COLUMN provider_samples.provider IS 'The adapter.';
COMMENT ON COLUMN provider_samples.operation IS 'What was asked for: search_keyword or fetch_profile.';
COMMENT ON COLUMN provider_samples.http_status IS 'The status that the answer came with.';
COMMENT ON COLUMN provider_samples.content_type IS 'What the answer said of its form; NULL where it said nothing.';
COMMENT ON COLUMN provider_samples.said IS 'Why it could not be understood.';
COMMENT ON COLUMN provider_samples.bytes_read IS 'How many bytes of the answer were read, unpacked.';
COMMENT ON COLUMN provider_samples.beginning IS 'Its first 4 kB at most, keys and addresses blanked.';
COMMENT ON COLUMN provider_samples.taken_at IS 'When it came.';
COMMENT ON COLUMN provider_samples.expires_at IS 'Removed after that.';

ALTER TABLE provider_samples ENABLE ROW LEVEL SECURITY;
ALTER TABLE provider_samples FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON provider_samples TO tastemaker_app, tastemaker_owner
    USING ((SELECT app_is_system())) WITH CHECK ((SELECT app_is_system()));
CREATE POLICY backup ON provider_samples FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, DELETE ON provider_samples TO tastemaker_app;
GRANT SELECT ON provider_samples TO tastemaker_backup;
"""


def upgrade() -> None:
    op.execute(SAMPLES)
