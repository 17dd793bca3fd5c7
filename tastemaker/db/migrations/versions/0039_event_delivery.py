"""Keeps the place of event delivery in the history.

Lock: none. Nothing changes yet.
"""

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
