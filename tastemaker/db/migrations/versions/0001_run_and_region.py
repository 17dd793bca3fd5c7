"""A search knows the run it belongs to at its provider and the region it looks in.

Lock: ACCESS EXCLUSIVE on `scraping_jobs`, for the catalog only: a constant default rewrites no row.
The code before it names its columns and gets the default region.
"""

from alembic import op

revision = "0001"
down_revision = "0000"

SQL = """
ALTER TABLE scraping_jobs ADD COLUMN IF NOT EXISTS run_id text;
ALTER TABLE scraping_jobs ADD COLUMN IF NOT EXISTS region varchar(10) DEFAULT 'US' NOT NULL;
"""


def upgrade() -> None:
    op.execute(SQL)
