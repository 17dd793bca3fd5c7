"""Tenants have no SQL login any more: what 0036 granted to `tastemaker_tenant` goes.

Its policies and rights on tables, the function that found the tenant of a login, and the table of logins.
The role itself stays without any right, because 0036 names it. `needs.py` drops the logins.

Lock: ACCESS EXCLUSIVE for an instant per table. The code before it goes on, but for `db access`, which finds
its table gone.
"""

from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

READ = (
    "users",
    "user_subscriptions",
    "user_billing",
    "user_usage",
    "campaigns",
    "scraping_jobs",
    "scraping_results",
    "scraping_runs",
    "search_creators",
    "search_jobs",
    "search_results",
    "usage_charges",
    "creators",
    "creator_handles",
    "posts",
    "follower_snapshots",
    "subscription_plans",
)
CHANGED = ("users", "campaigns")

LOGINS = """
DROP FUNCTION app_sql_tenant();
DROP TABLE sql_access;
REVOKE ALL ON SCHEMA public FROM tastemaker_tenant;
"""


def upgrade() -> None:
    for table in CHANGED:
        op.execute(f"DROP POLICY sql_changing ON {table}")
    for table in READ:
        op.execute(f"DROP POLICY sql_reading ON {table}")
        op.execute(f"REVOKE ALL ON {table} FROM tastemaker_tenant")
    op.execute(LOGINS)
