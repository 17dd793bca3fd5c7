"""Keeps the place of configuration in the history.

Lock: none. Nothing changes yet.
"""

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""
