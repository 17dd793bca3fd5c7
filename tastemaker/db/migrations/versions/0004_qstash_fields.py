"""Serverless background processing: the message that carries a search, and when it must have ended.

Lock: ACCESS EXCLUSIVE on `scraping_jobs`, for the catalog only.
The code before it ignores the new columns.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

SQL = """
ALTER TABLE scraping_jobs ADD COLUMN IF NOT EXISTS qstash_message_id text;
ALTER TABLE scraping_jobs ADD COLUMN IF NOT EXISTS timeout_at timestamp;
"""


def upgrade() -> None:
    op.execute(SQL)
