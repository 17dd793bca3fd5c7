"""New pages of creators are arrays; pages that are already there may keep an older shape.

Lock: ACCESS EXCLUSIVE on `scraping_results` for an instant: NOT VALID reads no row.
The code before it writes arrays.
"""

from alembic import op

revision = "0022"
down_revision = "0021"

SQL = """
ALTER TABLE scraping_results
    ADD CONSTRAINT ck_scraping_results_creators CHECK (jsonb_typeof(creators) = 'array') NOT VALID;
"""


def upgrade() -> None:
    op.execute(SQL)
