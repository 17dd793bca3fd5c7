"""One index finds the creators of a tenant's search by both of what every statement names, and the last of them.

With the tenant alone, and before the table's statistics know a tenant's first large search, PostgreSQL read every
row of the tenant to keep a page: it took the two indexes, tenant and search, and laid one over the other.

Lock: SHARE on `search_creators` while the index is built, then ACCESS EXCLUSIVE for the instant of DROP INDEX: a
million rows take about two seconds. The previous code works with either.
"""

from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None

INDEXES = """
CREATE INDEX idx_search_creators_in_search ON search_creators (tenant_id, job_id, position);
DROP INDEX idx_search_creators_tenant;
"""


def upgrade() -> None:
    op.execute(INDEXES)
