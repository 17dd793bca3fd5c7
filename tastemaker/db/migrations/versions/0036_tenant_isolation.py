"""Who else reads: a tenant's own SQL login, reports, backups. And what a row may hang on.

A tenant who speaks SQL can set any claim. So for `tastemaker_tenant` the tenant is the login role, looked up
in `sql_access`, and what that role may read and write is listed here column by column. Reports are views of
schema `reports`, over every tenant, without contact or payment data. Every table of `public` has row-level
security, the history's own included. A row goes to the owner of the search it hangs on, and a search only
into a campaign of its owner. No function is anybody's to execute.

Lock: ACCESS EXCLUSIVE for an instant per table; SHARE on `user_subscriptions` while one small index is
built. The code before it goes on: what it writes is filled alike.
"""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

SQL_ACCESS = """
CREATE TABLE sql_access (
    role_name text PRIMARY KEY,
    tenant_id text NOT NULL UNIQUE REFERENCES users (user_id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE sql_access ENABLE ROW LEVEL SECURITY;
ALTER TABLE sql_access FORCE ROW LEVEL SECURITY;
CREATE POLICY reading ON sql_access FOR SELECT TO tastemaker_owner USING (true);
CREATE POLICY adding ON sql_access FOR INSERT TO tastemaker_owner WITH CHECK ((SELECT app_is_system()));
CREATE POLICY deleting ON sql_access FOR DELETE TO tastemaker_owner USING ((SELECT app_is_system()));
COMMENT ON TABLE sql_access IS 'Which login role is which tenant''s own. Only the owner reads it; no role may be moved to another tenant.';
COMMENT ON COLUMN sql_access.role_name IS 'The login role, made by `tastemaker.db.tenant_access`.';
COMMENT ON COLUMN sql_access.tenant_id IS 'The user (external id) as whom it reads.';
COMMENT ON COLUMN sql_access.created_at IS 'When access was granted.';

CREATE FUNCTION app_sql_tenant() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT tenant_id FROM public.sql_access WHERE role_name = session_user $$;
COMMENT ON FUNCTION app_sql_tenant() IS 'The tenant to whom the session''s login role belongs, or NULL. No setting and no SET ROLE changes it.';
REVOKE ALL ON FUNCTION app_sql_tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app_sql_tenant() TO tastemaker_tenant;
GRANT USAGE ON SCHEMA public TO tastemaker_tenant;
"""

TENANT_READS = {
    "users": (
        "user_id",
        "id, user_id, email, full_name, business_name, brand_description, industry, onboarding_step, created_at, updated_at",
    ),
    "user_subscriptions": ("tenant_id", None),
    "user_billing": (
        "tenant_id",
        "id, user_id, tenant_id, card_brand, card_last_4, card_exp_month, card_exp_year, billing_address_city, billing_address_country, billing_address_postal_code, created_at, updated_at",
    ),
    "user_usage": ("tenant_id", None),
    "campaigns": ("user_id", None),
    "scraping_jobs": ("user_id", None),
    "scraping_results": ("user_id", None),
    "scraping_runs": (
        "tenant_id",
        "id, tenant_id, job_id, position, keyword, status, end_reason, pages, found, stored, started_at, finished_at, created_at, updated_at",
    ),
    "search_creators": ("tenant_id", None),
    "search_jobs": ("tenant_id", None),
    "search_results": ("tenant_id", None),
    "usage_charges": ("tenant_id", None),
}
"""Table: whose row it is, and the columns a tenant's own login reads; None is every one."""

TENANT_WRITES = {
    "users": ("user_id", "full_name, business_name, brand_description, industry"),
    "campaigns": ("user_id", "name, description"),
}
"""Never admin, plan, trial, usage, limits or owner; and no INSERT, so nothing can be probed by a key."""

CATALOG = {
    "creators": "id",
    "creator_handles": "creator_id",
    "posts": "creator_id",
    "follower_snapshots": "creator_id",
}
"""A tenant's own login reads what its searches hold of the catalog."""

ME = "(SELECT app_sql_tenant())"


def _tenant_reads(table: str, column: str, readable: str | None) -> str:
    return f"""
GRANT SELECT {f"({readable})" if readable else ""} ON {table} TO tastemaker_tenant;
CREATE POLICY sql_reading ON {table} FOR SELECT TO tastemaker_tenant USING ({column} = {ME});
"""


def _tenant_writes(table: str, column: str, writable: str) -> str:
    return f"""
GRANT UPDATE ({writable}) ON {table} TO tastemaker_tenant;
CREATE POLICY sql_changing ON {table} FOR UPDATE TO tastemaker_tenant
    USING ({column} = {ME}) WITH CHECK ({column} = {ME});
"""


def _tenant_catalog(table: str, column: str) -> str:
    return f"""
GRANT SELECT ON {table} TO tastemaker_tenant;
CREATE POLICY sql_reading ON {table} FOR SELECT TO tastemaker_tenant USING (EXISTS (
    SELECT FROM search_creators held WHERE held.creator_id = {table}.{column} AND held.tenant_id = {ME}));
"""


PLANS = f"""
GRANT SELECT ON subscription_plans TO tastemaker_tenant;
CREATE POLICY sql_reading ON subscription_plans FOR SELECT TO tastemaker_tenant USING ({ME} IS NOT NULL);
"""

PARENTS = """
CREATE FUNCTION fill_tenant_from_search() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.tenant_id := (SELECT j.user_id FROM scraping_jobs j WHERE j.id = NEW.job_id);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION fill_tenant_from_search() IS 'Copies the search''s owner into tenant_id; a search that the writer cannot see has none.';
CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF job_id, tenant_id ON scraping_runs
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_search();
CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF job_id, tenant_id ON search_creators
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_search();

CREATE FUNCTION refuse_foreign_campaign() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM campaigns c WHERE c.id = NEW.campaign_id AND c.user_id = NEW.user_id) THEN
        RAISE insufficient_privilege USING MESSAGE = 'the search''s owner has no such campaign';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION refuse_foreign_campaign() IS 'A search belongs to a campaign of its own owner; the foreign key alone would accept anybody''s.';
CREATE TRIGGER refuse_foreign_campaign BEFORE INSERT OR UPDATE OF campaign_id, user_id ON scraping_jobs
    FOR EACH ROW WHEN (NEW.campaign_id IS NOT NULL) EXECUTE FUNCTION refuse_foreign_campaign();
"""

THE_OWNERS_TABLES = """
ALTER TABLE clock_offset ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_profiles_backup ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_profiles_backup FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON user_profiles_backup TO tastemaker_owner
    USING ((SELECT app_is_system())) WITH CHECK ((SELECT app_is_system()));
DO $$
BEGIN
    IF to_regclass('public.alembic_version') IS NOT NULL THEN
        ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY;
        ALTER TABLE schema_migrations_applied ENABLE ROW LEVEL SECURITY;
        CREATE POLICY reading ON alembic_version FOR SELECT TO tastemaker_app USING (true);
    END IF;
END $$;
"""

FOREIGN_KEY_INDEX = """
CREATE INDEX idx_user_subscriptions_intended_plan ON user_subscriptions (intended_plan)
    WHERE intended_plan IS NOT NULL;
"""

REPORTED = {
    "users": "id, user_id, onboarding_step, created_at",
    "user_subscriptions": "user_id, current_plan, trial_status, trial_end_date, subscription_status",
    "user_usage": "user_id, usage_campaigns_current, usage_creators_current_month, usage_reset_date",
    "scraping_jobs": "id, user_id, campaign_id, platform, status, outcome, target_results, processed_results,"
    " processed_runs, created_at, started_at, completed_at",
    "provider_calls": "tenant_id, provider, operation, status, calls, units, micros_usd, started_at",
    "background_jobs": "job_type, status, scheduled_for",
    "creators": "platform, fetched_at",
}
"""The columns that stand behind the reports: no names, no addresses, no keywords, no payloads."""

REPORTS = """
CREATE SCHEMA reports;
COMMENT ON SCHEMA reports IS 'The operator''s numbers over all tenants, for tastemaker_readonly; no contact or payment data.';
GRANT USAGE ON SCHEMA reports TO tastemaker_readonly, tastemaker_backup;

CREATE VIEW reports.users WITH (security_invoker = true) AS
SELECT u.user_id, u.onboarding_step, u.created_at, s.current_plan, s.trial_status, s.trial_end_date,
       s.subscription_status, g.usage_campaigns_current, g.usage_creators_current_month, g.usage_reset_date
FROM public.users u
LEFT JOIN public.user_subscriptions s ON s.user_id = u.id
LEFT JOIN public.user_usage g ON g.user_id = u.id;
COMMENT ON VIEW reports.users IS 'Each user''s plan, trial and usage.';

CREATE VIEW reports.searches WITH (security_invoker = true) AS
SELECT id, user_id, campaign_id, platform, status, outcome, target_results, processed_results, processed_runs,
       created_at, started_at, completed_at
FROM public.scraping_jobs;
COMMENT ON VIEW reports.searches IS 'Each search: how far it is, how it ended, how long it took.';

CREATE VIEW reports.provider_costs WITH (security_invoker = true) AS
SELECT (started_at AT TIME ZONE 'UTC')::date AS day, tenant_id AS user_id, provider, operation, status,
       sum(calls) AS calls, sum(units) AS units, sum(micros_usd) AS micros_usd
FROM public.provider_calls GROUP BY 1, 2, 3, 4, 5;
COMMENT ON VIEW reports.provider_costs IS 'What each user''s searches cost at each provider, by day (UTC).';

CREATE VIEW reports.background_jobs WITH (security_invoker = true) AS
SELECT job_type, status, count(*) AS jobs, min(scheduled_for) AS earliest
FROM public.background_jobs GROUP BY 1, 2;
COMMENT ON VIEW reports.background_jobs IS 'How many jobs are in each state.';

CREATE VIEW reports.catalog WITH (security_invoker = true) AS
SELECT platform, count(*) AS known, max(fetched_at) AS newest FROM public.creators GROUP BY 1;
COMMENT ON VIEW reports.catalog IS 'How many creators are known on each platform.';

GRANT SELECT ON ALL TABLES IN SCHEMA reports TO tastemaker_readonly, tastemaker_backup;
REVOKE ALL ON compat.user_profiles, public.user_profiles FROM tastemaker_readonly;
REVOKE ALL ON SCHEMA compat FROM tastemaker_readonly;
"""

BACKUPS = """
GRANT SELECT ON sql_access TO tastemaker_backup;
DO $$
DECLARE t name;
BEGIN
    FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') LOOP
        EXECUTE format('CREATE POLICY backup ON %I FOR SELECT TO tastemaker_backup USING (true)', t);
    END LOOP;
END $$;
"""

NOBODYS_FUNCTIONS = """
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
DO $$
DECLARE f record;
BEGIN
    FOR f IN
        SELECT p.oid::regprocedure AS signature, p.prorettype = 'trigger'::regtype AS fires
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proowner = current_user::regrole
          AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) WHERE grantee = 0)
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f.signature);
        IF NOT f.fires THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO tastemaker_app, tastemaker_compat, '
                           'tastemaker_readonly, tastemaker_backup, tastemaker_door', f.signature);
        END IF;
    END LOOP;
END $$;
"""


def _reported(table: str, columns: str) -> str:
    return f"""
GRANT SELECT ({columns}) ON {table} TO tastemaker_readonly;
CREATE POLICY reports ON {table} FOR SELECT TO tastemaker_readonly USING (true);
"""


def upgrade() -> None:
    op.execute(SQL_ACCESS)
    for table, (column, readable) in TENANT_READS.items():
        op.execute(_tenant_reads(table, column, readable))
    for table, (column, writable) in TENANT_WRITES.items():
        op.execute(_tenant_writes(table, column, writable))
    for table, column in CATALOG.items():
        op.execute(_tenant_catalog(table, column))
    op.execute(PLANS)
    op.execute(PARENTS)
    op.execute(THE_OWNERS_TABLES)
    op.execute(FOREIGN_KEY_INDEX)
    for table, columns in REPORTED.items():
        op.execute(_reported(table, columns))
    op.execute(REPORTS)
    op.execute(BACKUPS)
    op.execute(NOBODYS_FUNCTIONS)
