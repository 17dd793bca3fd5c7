"""How many items of a provider's pages could not be understood, for each keyword of a search.

Until now they were counted while a page was read and then forgotten. The comment on the post of a found creator
says when it is a match.

Lock: ACCESS EXCLUSIVE on `scraping_runs` for an instant; a constant default rewrites no row. The previous code does
not name the column, and its rows have the default.
"""

from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE scraping_runs ADD COLUMN skipped integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN scraping_runs.skipped IS 'Items on those pages that could not be understood and were left out.';
COMMENT ON COLUMN search_creators.post_id IS 'The post that is shown: it carries the keyword where matched_in has post, description, hashtag or tag.';
"""


def upgrade() -> None:
    op.execute(SQL)
