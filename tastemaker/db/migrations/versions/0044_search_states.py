"""Campaigns, searches and runs change their state only as they may; a campaign is deleted in batches.

What has ended never opens again. A pending or processing search goes back and forth, because parking is
pending; a run only forward. A campaign being deleted carries a mark, so that whoever finds it half-way goes
on. Lock: ACCESS EXCLUSIVE for an instant per table, SHARE on `scraping_jobs` and `campaigns` while two small
partial indexes are built. The code before it makes none of the forbidden steps.
"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

ENDS = ("completed", "error", "timeout", "cancelled")

LEGAL = {
    "scraping_jobs": (
        "pending to processing",
        "processing to pending",
        *(f"{open_} to {end}" for open_ in ("pending", "processing") for end in ENDS),
    ),
    "scraping_runs": (
        "pending to processing",
        *(f"{open_} to {end}" for open_ in ("pending", "processing") for end in ENDS),
    ),
    "campaigns": (
        "draft to active",
        "draft to archived",
        "active to completed",
        "completed to active",
        "completed to archived",
        "archived to draft",
        "archived to completed",
    ),
}

REFUSE = """
CREATE FUNCTION refuse_illegal_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT (OLD.status || ' to ' || NEW.status) = ANY (TG_ARGV) THEN
        RAISE check_violation
            USING MESSAGE = format('%s: %s never becomes %s', TG_TABLE_NAME, OLD.status, NEW.status);
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION refuse_illegal_transition() IS 'Lets a status change only by the steps in its arguments, each written as `from to to`.';
REVOKE ALL ON FUNCTION refuse_illegal_transition() FROM PUBLIC;
"""

DELETING = """
ALTER TABLE campaigns ADD COLUMN deleting_since timestamptz;
COMMENT ON COLUMN campaigns.deleting_since IS 'Being deleted, batch by batch, since then; nobody sees it any more. NULL is every other campaign.';
CREATE INDEX idx_campaigns_deleting ON campaigns (deleting_since) WHERE deleting_since IS NOT NULL;
CREATE INDEX idx_scraping_jobs_timeout ON scraping_jobs (timeout_at) WHERE status IN ('pending', 'processing');
"""


def _guard(table: str) -> str:
    steps = ", ".join(f"'{step}'" for step in LEGAL[table])
    return f"""
CREATE TRIGGER refuse_illegal_transition BEFORE UPDATE OF status ON {table}
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
    EXECUTE FUNCTION refuse_illegal_transition({steps});
"""


def upgrade() -> None:
    op.execute(REFUSE)
    for table in LEGAL:
        op.execute(_guard(table))
    op.execute(DELETING)
