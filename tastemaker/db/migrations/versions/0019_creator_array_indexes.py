"""The two GIN indexes over `creators`, on expressions that are not NULL for an array.

Lock: SHARE on `scraping_results` while they are built: readers go on, writers wait.
The code before it reads pages by search.
"""

from alembic import op

revision = "0019"
down_revision = "0018"

SQL = """
CREATE INDEX IF NOT EXISTS idx_scraping_results_platform
    ON scraping_results USING gin (creator_platforms(creators));
CREATE INDEX IF NOT EXISTS idx_scraping_results_usernames
    ON scraping_results USING gin (creator_usernames(creators));
"""


def upgrade() -> None:
    op.execute(SQL)
