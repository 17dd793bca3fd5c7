"""Campaigns, and every search may belong to one.

Lock: ACCESS EXCLUSIVE on `scraping_jobs` while the empty column and its foreign key are added.
The code before it leaves `campaign_id` NULL, which stays legal.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

SQL = """
CREATE TABLE IF NOT EXISTS campaigns (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id text NOT NULL,
    name text NOT NULL,
    description text,
    search_type varchar(20) NOT NULL,
    status varchar(20) DEFAULT 'draft' NOT NULL,
    created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL
);

ALTER TABLE scraping_jobs ADD COLUMN IF NOT EXISTS campaign_id uuid REFERENCES campaigns (id);
"""


def upgrade() -> None:
    op.execute(SQL)
