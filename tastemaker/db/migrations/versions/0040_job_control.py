"""Progress of long jobs, what a waiting job waits for, a round over tenants, and what ended long ago.

A waiting job whose time has not come, or whose type no worker knows, says so in `waits_for`, and stands in
neither of the indexes that workers claim from: a claim costs the same however many wait behind. The round's
index lets a worker whose places are all one tenant's find the others' jobs without walking over the first
one's thousands.

Lock: SHARE on `background_jobs` while partial indexes are built; ACCESS EXCLUSIVE for the instant of ADD
COLUMN. The previous code reads and writes on: what it enqueues for later counts as ready, and its time is
looked at by the claim.
"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE background_jobs
    ADD COLUMN progress double precision,
    ADD COLUMN waits_for varchar(10),
    ADD CONSTRAINT ck_background_jobs_progress CHECK (progress >= 0 AND progress <= 100),
    ADD CONSTRAINT ck_background_jobs_waits_for CHECK (waits_for IN ('time', 'worker'));
COMMENT ON COLUMN background_jobs.progress IS 'How far a long job says it is, 0 to 100; NULL where it does not say.';
COMMENT ON COLUMN background_jobs.waits_for IS 'While pending: time (scheduled_for lies ahead), worker (none knows its type); NULL is ready.';
UPDATE background_jobs SET waits_for = 'time' WHERE status = 'pending' AND scheduled_for > app_now();
CREATE INDEX idx_background_jobs_ready ON background_jobs (priority, scheduled_for, id)
    WHERE status = 'pending' AND waits_for IS NULL;
CREATE INDEX idx_background_jobs_round ON background_jobs
    (priority, (CASE WHEN tenant_id IS NULL THEN '' ELSE tenant_id END), scheduled_for)
    WHERE status = 'pending' AND waits_for IS NULL;
CREATE INDEX idx_background_jobs_later ON background_jobs (scheduled_for)
    WHERE status = 'pending' AND waits_for = 'time';
CREATE INDEX idx_background_jobs_parked ON background_jobs (job_type)
    WHERE status = 'pending' AND waits_for = 'worker';
CREATE INDEX idx_background_jobs_ended ON background_jobs (updated_at)
    WHERE status IN ('completed', 'failed', 'cancelled');
"""


def upgrade() -> None:
    op.execute(SQL)
