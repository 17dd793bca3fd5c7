"""Finds who was ever seen under a handle, so that a creator known only by it can become its account.

Adoption keeps an account whose id nobody told as `handle:<lower-cased handle>`. When a provider shows the handle
with an id, the two are merged (`searches/merging.py`), unless several accounts bore it.
Lock: SHARE on `creator_handles` while the index is built: readers go on, writers wait. The previous code goes on,
and keeps the two apart.
"""

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

SEEN_UNDER = "CREATE INDEX idx_creator_handles_handle ON creator_handles (lower(handle))"


def upgrade() -> None:
    op.execute(SEEN_UNDER)
