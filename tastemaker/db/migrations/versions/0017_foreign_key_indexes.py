"""Indexes for the questions and deletions that walk from a user to campaigns, searches and their results.

Lock: SHARE on each table while its index is built: readers go on, writers wait.
The code before it asks the same questions.
"""

from alembic import op

revision = "0017"
down_revision = "0016"

SQL = """
CREATE INDEX IF NOT EXISTS idx_campaigns_user_id ON campaigns (user_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_scraping_jobs_user_id ON scraping_jobs (user_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_scraping_jobs_campaign_id ON scraping_jobs (campaign_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_scraping_results_job_id ON scraping_results (job_id, created_at);
CREATE INDEX IF NOT EXISTS idx_search_jobs_campaign_id ON search_jobs (campaign_id);
CREATE INDEX IF NOT EXISTS idx_search_results_job_id ON search_results (job_id);
"""


def upgrade() -> None:
    op.execute(SQL)
