"""Keeps the place of response cache in the history.

Lock: none. Nothing changes yet.
"""

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
