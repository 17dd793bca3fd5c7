"""Keeps the place of exclusions in the history.

Lock: none. Nothing changes yet.
"""

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
