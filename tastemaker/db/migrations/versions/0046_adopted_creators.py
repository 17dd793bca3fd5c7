"""Keeps the place of adopted creators in the history.

Lock: none. Nothing changes yet.
"""

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
