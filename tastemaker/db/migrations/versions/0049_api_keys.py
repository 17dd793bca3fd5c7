"""Keeps the place of api keys in the history.

Lock: none. Nothing changes yet.
"""

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
