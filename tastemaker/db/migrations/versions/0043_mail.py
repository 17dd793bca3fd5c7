"""Who wants no e-mail that is not needed to use the product.

When each e-mail is due, or was sent, is in `user_system_data.email_schedule_status`, as it always was; an index
finds those that wait. Lock: SHARE on `user_system_data` while it is built, and on `users` the instant in which a
foreign key is added. The previous code does not know the table, and reads and writes on.
"""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

SYSTEM = "(SELECT app_is_system())"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"

SQL = f"""
CREATE TABLE email_unsubscriptions (
    tenant_id text PRIMARY KEY REFERENCES users (user_id) ON DELETE CASCADE,
    source varchar(20) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_email_unsubscriptions_source CHECK (source IN ('link', 'account', 'operator'))
);
COMMENT ON TABLE email_unsubscriptions IS 'Users who want no e-mail that is not needed to use the product: tips and reminders are not sent to them.';
COMMENT ON COLUMN email_unsubscriptions.tenant_id IS 'Who (external id).';
COMMENT ON COLUMN email_unsubscriptions.source IS 'How they said so: link (in an e-mail), account (signed in), operator (for them).';
COMMENT ON COLUMN email_unsubscriptions.created_at IS 'When.';
ALTER TABLE email_unsubscriptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE email_unsubscriptions FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON email_unsubscriptions TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY tenant ON email_unsubscriptions TO tastemaker_app USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY backup ON email_unsubscriptions FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON email_unsubscriptions TO tastemaker_app;
GRANT SELECT ON email_unsubscriptions TO tastemaker_backup;
CREATE INDEX idx_user_system_data_scheduled ON user_system_data (tenant_id)
    WHERE jsonb_path_exists(email_schedule_status, '$.*.status ? (@ == "scheduled")');
"""


def upgrade() -> None:
    op.execute(SQL)
