"""Limits the texts of imported results, and gives no more campaigns back than a user has put away.

A tenant's claim could give campaigns back without end, and so create more than its plan allows. The function
now counts the campaigns that the plan counts, and goes no lower.

Lock: ACCESS EXCLUSIVE for an instant on `campaigns`, SHARE ROW EXCLUSIVE for one on `search_results`. The code
before it goes on.
"""

from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None

TOO_LONG = {
    "bio": ("length(NEW.bio) > 20000", "20000 characters"),
    "post_description": ("length(NEW.post_description) > 50000", "50000 characters"),
    "raw_data": ("octet_length(NEW.raw_data::text) > 262144", "256 kB"),
}

GIVE_CAMPAIGN_BACK = """
CREATE OR REPLACE FUNCTION give_campaign_back(tenant text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counted integer;
BEGIN
    SELECT count(*) INTO counted FROM public.campaigns
    WHERE user_id = tenant AND status <> 'archived' AND deleting_since IS NULL;
    UPDATE public.user_usage
    SET usage_campaigns_current = greatest(usage_campaigns_current - 1, least(usage_campaigns_current, counted))
    WHERE tenant_id = tenant;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION give_campaign_back(text) IS 'Counts one campaign less, but never fewer than the plan counts. Under a tenant''s claim only its own.';
"""

POLICY = """
ALTER POLICY system ON campaigns
    USING (user_id = (SELECT app_tenant()) OR (SELECT app_is_system()));
"""


def upgrade() -> None:
    op.execute(POLICY)
    op.execute(GIVE_CAMPAIGN_BACK)
    for column, (too_long, limit) in TOO_LONG.items():
        for change, when in (
            ("INSERT", too_long),
            (f"UPDATE OF {column}", f"NEW.{column} IS DISTINCT FROM OLD.{column} AND {too_long}"),
        ):
            op.execute(
                f"CREATE TRIGGER limit_{column}_on_{change[:6].lower()} BEFORE {change} ON search_results"
                f" FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse_overlong('{column}', '{limit}')"
            )
