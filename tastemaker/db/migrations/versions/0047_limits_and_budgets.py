"""Keeps the place of limits and budgets in the history.

Lock: none. Nothing changes yet.
"""

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
