"""Keeps the place of outbox and inbox in the history.

Lock: none. Nothing changes yet.
"""

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
