"""What runs again and again: one row for each schedule, whatever the number of workers.

Lock: none on existing tables. The previous code does not know the table.
"""

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE schedules (
    name varchar(100) PRIMARY KEY,
    every interval NOT NULL,
    next_run_at timestamptz NOT NULL,
    last_run_at timestamptz,
    last_job_id uuid,
    CONSTRAINT ck_schedules_every CHECK (every > interval '0')
);
COMMENT ON TABLE schedules IS 'What runs again and again: when it did last, and when it is due.';
COMMENT ON COLUMN schedules.name IS 'As the code declares it.';
COMMENT ON COLUMN schedules.every IS 'The cadence.';
COMMENT ON COLUMN schedules.next_run_at IS 'When it is due (database clock). After downtime it runs once, not once for each time missed.';
COMMENT ON COLUMN schedules.last_run_at IS 'When its job was last published.';
COMMENT ON COLUMN schedules.last_job_id IS 'That job; NULL where one was waiting already.';
ALTER TABLE schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON schedules TO tastemaker_owner
    USING ((SELECT app_is_system())) WITH CHECK ((SELECT app_is_system()));
CREATE POLICY backup ON schedules FOR SELECT TO tastemaker_backup USING (true);
CREATE POLICY reading ON schedules FOR SELECT TO tastemaker_app
    USING (((SELECT app_tenant()) IS NOT NULL OR (SELECT app_is_system())));
CREATE POLICY adding ON schedules FOR INSERT TO tastemaker_app WITH CHECK ((SELECT app_is_system()));
CREATE POLICY changing ON schedules FOR UPDATE TO tastemaker_app
    USING ((SELECT app_is_system())) WITH CHECK ((SELECT app_is_system()));
CREATE POLICY deleting ON schedules FOR DELETE TO tastemaker_app USING ((SELECT app_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON schedules TO tastemaker_app;
GRANT SELECT ON schedules TO tastemaker_backup;
"""


def upgrade() -> None:
    op.execute(SQL)
