"""Progress that a page can show, and the index that finds the searches to go on with.

Lock: ACCESS EXCLUSIVE on `scraping_jobs` for the column, SHARE for the index: writers wait for its build.
The code before it never reads `progress`.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

SQL = """
ALTER TABLE scraping_jobs ADD COLUMN IF NOT EXISTS progress numeric DEFAULT '0';

CREATE INDEX IF NOT EXISTS idx_scraping_jobs_status_created ON scraping_jobs (status, created_at DESC);
"""


def upgrade() -> None:
    op.execute(SQL)
