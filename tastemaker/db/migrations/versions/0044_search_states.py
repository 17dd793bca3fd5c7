"""Keeps the place of search states in the history.

Lock: none. Nothing changes yet.
"""

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
