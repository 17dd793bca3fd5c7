"""Keeps the place of mail in the history.

Lock: none. Nothing changes yet.
"""

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
