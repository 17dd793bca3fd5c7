"""What one user's calls to providers may cost, where that is not what every user's may.

Lock: SHARE ROW EXCLUSIVE on `users` for the instant in which a foreign key is added. The previous code does not know
the table, and goes by the budget of every user.
"""

from alembic import op

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

SYSTEM = "(SELECT app_is_system())"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"

SQL = f"""
CREATE TABLE provider_budgets (
    tenant_id text PRIMARY KEY REFERENCES users (user_id) ON DELETE CASCADE,
    micros_usd bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT ck_provider_budgets_amount CHECK (micros_usd >= -1)
);
COMMENT ON TABLE provider_budgets IS 'What the calls of these users may cost in a calendar month (UTC), instead of budgets.user_usd_a_month.';
COMMENT ON COLUMN provider_budgets.tenant_id IS 'Whose (external id).';
COMMENT ON COLUMN provider_budgets.micros_usd IS 'Money in millionths of a US dollar; -1 is no limit.';
COMMENT ON COLUMN provider_budgets.changed_at IS 'Since when.';
ALTER TABLE provider_budgets ENABLE ROW LEVEL SECURITY;
ALTER TABLE provider_budgets FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON provider_budgets TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY tenant ON provider_budgets TO tastemaker_app USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY backup ON provider_budgets FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON provider_budgets TO tastemaker_app;
GRANT SELECT ON provider_budgets TO tastemaker_backup;
"""


def upgrade() -> None:
    op.execute(SQL)
