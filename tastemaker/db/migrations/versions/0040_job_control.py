"""Keeps the place of job control in the history.

Lock: none. Nothing changes yet.
"""

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
