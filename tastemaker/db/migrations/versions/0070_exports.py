"""Exports that a worker writes into a file of the data directory: their state, and when they are deleted.

The file is not in the database; its name is the export's id. A row that goes, with its campaign, its user or in
time, leaves a file without a row, which the hourly clean-up deletes.

Lock: none on existing tables but the instant in which a foreign key is added. The previous code does not know
the table.
"""

from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None

SYSTEM = "(SELECT app_is_system())"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"

SQL = f"""
CREATE TABLE exports (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    campaign_id uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    search_id uuid REFERENCES scraping_jobs (id) ON DELETE CASCADE,
    platform varchar(50) CONSTRAINT ck_exports_platform CHECK (platform IN ('TikTok', 'Instagram', 'YouTube')),
    format text NOT NULL CONSTRAINT ck_exports_format CHECK (format IN ('csv', 'json', 'jsonl')),
    state text NOT NULL DEFAULT 'waiting' CONSTRAINT ck_exports_state CHECK (state IN ('waiting', 'running', 'completed', 'failed')),
    selection jsonb NOT NULL,
    rows bigint NOT NULL DEFAULT 0 CONSTRAINT ck_exports_rows CHECK (rows >= 0),
    total bigint NOT NULL CONSTRAINT ck_exports_total CHECK (total >= 0),
    bytes bigint CONSTRAINT ck_exports_bytes CHECK (bytes >= 0),
    file_name text NOT NULL,
    error text,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    expires_at timestamptz NOT NULL
);
CREATE INDEX idx_exports_tenant ON exports (tenant_id, created_at DESC, id DESC);
CREATE INDEX idx_exports_campaign ON exports (campaign_id);
CREATE INDEX idx_exports_search ON exports (search_id);
CREATE INDEX idx_exports_expires ON exports (expires_at);
COMMENT ON TABLE exports IS 'A file of found creators that a worker writes into the data directory. Its name there is the id.';
COMMENT ON COLUMN exports.id IS 'The export.';
COMMENT ON COLUMN exports.tenant_id IS 'Its owner (external id), who alone may read the file.';
COMMENT ON COLUMN exports.campaign_id IS 'The campaign whose creators are in the file.';
COMMENT ON COLUMN exports.search_id IS 'The search, where the file has the creators of one search only.';
COMMENT ON COLUMN exports.platform IS 'The platform of that search, whose columns the file has.';
COMMENT ON COLUMN exports.format IS 'csv, json, or jsonl: one JSON document on each line.';
COMMENT ON COLUMN exports.state IS 'waiting, running once a worker writes, completed, or failed.';
COMMENT ON COLUMN exports.selection IS 'The filter, the order and the chosen creators.';
COMMENT ON COLUMN exports.rows IS 'Creators written so far.';
COMMENT ON COLUMN exports.total IS 'Creators that passed the filter when the export was asked for.';
COMMENT ON COLUMN exports.bytes IS 'The size of the complete file.';
COMMENT ON COLUMN exports.file_name IS 'The name under which the file is offered for download.';
COMMENT ON COLUMN exports.error IS 'Why it failed, for the person who asked for it.';
COMMENT ON COLUMN exports.created_at IS 'When it was asked for.';
COMMENT ON COLUMN exports.finished_at IS 'When it was completed or failed.';
COMMENT ON COLUMN exports.expires_at IS 'When row and file are deleted.';
ALTER TABLE exports ENABLE ROW LEVEL SECURITY;
ALTER TABLE exports FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON exports TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY tenant ON exports TO tastemaker_app USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY backup ON exports FOR SELECT TO tastemaker_backup USING (true);
CREATE TRIGGER refuse_move_by_tenant AFTER UPDATE ON exports FOR EACH ROW
    WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION refuse_change_by_tenant();
GRANT SELECT, INSERT, DELETE, UPDATE (state, rows, bytes, error, finished_at) ON exports TO tastemaker_app;
GRANT SELECT ON exports TO tastemaker_backup;
"""


def upgrade() -> None:
    op.execute(SQL)
