"""Keeps the place of schedules in the history.

Lock: none. Nothing changes yet.
"""

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
