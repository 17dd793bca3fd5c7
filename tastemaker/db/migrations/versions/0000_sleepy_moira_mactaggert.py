"""Foundation: searches as rows of `scraping_jobs`, what they find as pages in `scraping_results`.

Lock: none on anything that exists.
Nothing ran before it.
"""

from alembic import op

revision = "0000"
down_revision = None

SQL = """
CREATE TABLE IF NOT EXISTS scraping_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id text NOT NULL,
    status varchar(20) DEFAULT 'pending' NOT NULL,
    keywords jsonb NOT NULL,
    platform varchar(50) DEFAULT 'Tiktok' NOT NULL,
    processed_runs integer DEFAULT 0 NOT NULL,
    processed_results integer DEFAULT 0 NOT NULL,
    target_results integer DEFAULT 1000 NOT NULL,
    cursor integer DEFAULT 0,
    created_at timestamp DEFAULT now() NOT NULL,
    started_at timestamp,
    completed_at timestamp,
    updated_at timestamp DEFAULT now() NOT NULL,
    error text
);

CREATE TABLE IF NOT EXISTS scraping_results (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_id uuid REFERENCES scraping_jobs (id),
    creators jsonb NOT NULL,
    created_at timestamp DEFAULT now() NOT NULL
);
"""


def upgrade() -> None:
    op.execute(SQL)
