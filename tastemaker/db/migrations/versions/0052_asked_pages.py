"""Which page an open call asks for, so that nobody pays for one that is on its way already.

Lock: ACCESS EXCLUSIVE for the instant of ADD COLUMN. The previous code leaves it NULL: its calls are waited for by
nobody.
"""

from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

COLUMN = """
ALTER TABLE provider_calls ADD COLUMN request_digest bytea;
COMMENT ON COLUMN provider_calls.request_digest IS 'Of the normalised question, as in provider_pages; NULL where its answer is not kept for others.';
"""


def upgrade() -> None:
    op.execute(COLUMN)
