"""Which further keywords of a search found a creator that another one had stored before.

A keyword ends after pages that brought nothing new to it, so it has to know whom it has seen itself.

Lock: ACCESS EXCLUSIVE on `search_creators` for an instant; a constant default rewrites no row. The previous code
does not name the column, and its rows have the default.
"""

from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE search_creators ADD COLUMN also_found_by integer[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN search_creators.also_found_by IS 'Positions of the further keywords of the search that found the creator.';
COMMENT ON COLUMN scraping_runs.barren_pages IS 'Pages in a row without a creator that is new to this keyword.';
"""


def upgrade() -> None:
    op.execute(SQL)
