"""An export belongs to the owner of its campaign.

A tenant could add one of its own for a campaign of another tenant; the file had no rows of it.

Lock: SHARE ROW EXCLUSIVE on `exports` for an instant. The code before it goes on.
"""

from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF campaign_id, tenant_id ON exports"
        " FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_campaign()"
    )
