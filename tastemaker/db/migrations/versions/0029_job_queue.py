"""What makes `background_jobs` a queue that survives its workers: attempts, leases, keys, a wake-up.

Lock: ACCESS EXCLUSIVE on `background_jobs` until the step commits: no rewrite (constant defaults), three
indexes are built. The previous code neither reads nor writes these columns.
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE background_jobs
    ADD COLUMN attempt integer NOT NULL DEFAULT 0,
    ADD COLUMN lease_until timestamptz,
    ADD COLUMN worker text,
    ADD COLUMN lock_key text,
    ADD COLUMN dedupe_key text,
    ADD COLUMN correlation_id text,
    ADD CONSTRAINT ck_background_jobs_attempt CHECK (attempt >= 0);
CREATE UNIQUE INDEX uq_background_jobs_lock_key ON background_jobs (lock_key) WHERE status = 'processing';
CREATE UNIQUE INDEX uq_background_jobs_dedupe_key ON background_jobs (dedupe_key) WHERE status = 'pending';
CREATE INDEX idx_background_jobs_leases ON background_jobs (lease_until) WHERE status = 'processing';
COMMENT ON COLUMN background_jobs.attempt IS 'How often the job was claimed; the fence: only the holder of this number may finish it.';
COMMENT ON COLUMN background_jobs.lease_until IS 'Until when the claim holds without a heartbeat (database clock).';
COMMENT ON COLUMN background_jobs.worker IS 'Who holds it: host, process and a number drawn at start.';
COMMENT ON COLUMN background_jobs.lock_key IS 'At most one job with this key is processing at a time.';
COMMENT ON COLUMN background_jobs.dedupe_key IS 'At most one job with this key is pending at a time.';
COMMENT ON COLUMN background_jobs.correlation_id IS 'Carries the request or webhook that started the chain.';
"""

WAKE_UP = """
CREATE FUNCTION notify_background_jobs() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NOTIFY background_jobs;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION notify_background_jobs() IS 'Wakes the workers once per statement; they look for themselves.';
CREATE TRIGGER wake_workers AFTER INSERT ON background_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION notify_background_jobs();
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(WAKE_UP)
