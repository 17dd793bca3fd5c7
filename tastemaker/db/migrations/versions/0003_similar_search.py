"""Searches for creators like a given one: a target instead of keywords, and the request as it was made.

Lock: ACCESS EXCLUSIVE on `scraping_jobs`, for the catalog only.
The code before it always writes keywords, which stays legal.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

SQL = """
ALTER TABLE scraping_jobs ALTER COLUMN keywords DROP NOT NULL;
ALTER TABLE scraping_jobs ADD COLUMN IF NOT EXISTS target_username text;
ALTER TABLE scraping_jobs ADD COLUMN IF NOT EXISTS search_params jsonb;
"""


def upgrade() -> None:
    op.execute(SQL)
