"""Why no further page of a keyword is read, while some of its candidates wait for a profile.

Lock: ACCESS EXCLUSIVE on `scraping_runs` for an instant; NULL rewrites no row. The previous code does not name it.
"""

from alembic import op

revision = "0081"
down_revision = "0080"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE scraping_runs ADD COLUMN pages_end text;
COMMENT ON COLUMN scraping_runs.pages_end IS 'The end_reason that the run will have when none of its candidates waits any more.';
"""


def upgrade() -> None:
    op.execute(SQL)
