"""Whose row it is, on every table that holds a tenant's rows and does not say so itself.

The tenant is `users.user_id`, the external id. Triggers fill the column, so code that does not know it
keeps working. Lock: ACCESS EXCLUSIVE on each of the tables from its ADD COLUMN until the step commits, the back-fill included.
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

SATELLITES = ("user_subscriptions", "user_billing", "user_usage", "user_system_data")

FILLERS = """
CREATE FUNCTION fill_tenant_from_user() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.tenant_id := (SELECT u.user_id FROM users u WHERE u.id = NEW.user_id);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION fill_tenant_from_user() IS 'Copies users.user_id into tenant_id of a user''s satellite row.';

CREATE FUNCTION fill_user_from_search() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.user_id := (SELECT j.user_id FROM scraping_jobs j WHERE j.id = NEW.job_id);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION fill_user_from_search() IS 'Copies the search''s owner into scraping_results.user_id.';

CREATE FUNCTION fill_tenant_from_campaign() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.campaign_id IS NULL THEN
        NEW.tenant_id := coalesce(NEW.tenant_id, app_tenant());
    ELSE
        NEW.tenant_id := (SELECT c.user_id FROM campaigns c WHERE c.id = NEW.campaign_id);
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION fill_tenant_from_campaign() IS 'Copies the campaign''s owner into search_jobs.tenant_id; a campaign that the writer cannot see has none.';

CREATE FUNCTION fill_tenant_from_search_job() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.tenant_id := (SELECT j.tenant_id FROM search_jobs j WHERE j.id = NEW.job_id);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION fill_tenant_from_search_job() IS 'Copies the job''s tenant into search_results.tenant_id.';

CREATE FUNCTION fill_tenant_from_claim() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.tenant_id := coalesce(NEW.tenant_id, app_tenant());
    RETURN NEW;
END $$;
COMMENT ON FUNCTION fill_tenant_from_claim() IS 'The tenant of an event or a job is the one in the claim, unless its writer names another.';

CREATE FUNCTION fill_tenant_of_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.tenant_id := coalesce(
        NEW.tenant_id, app_tenant(), CASE WHEN NEW.aggregate_type = 'user' THEN NEW.aggregate_id END);
    RETURN NEW;
END $$;
COMMENT ON FUNCTION fill_tenant_of_event() IS 'As fill_tenant_from_claim; a user''s own event belongs to that user.';
"""


def _satellite(table: str) -> str:
    return f"""
ALTER TABLE {table} ADD COLUMN tenant_id text;
ALTER TABLE {table} DISABLE TRIGGER touch_updated_at;
UPDATE {table} s SET tenant_id = u.user_id FROM users u WHERE u.id = s.user_id;
ALTER TABLE {table} ENABLE TRIGGER touch_updated_at;
ALTER TABLE {table} ALTER COLUMN tenant_id SET NOT NULL;
CREATE INDEX idx_{table}_tenant ON {table} (tenant_id);
COMMENT ON COLUMN {table}.tenant_id IS 'The owner''s external id (users.user_id), filled by trigger; row-level security and distribution use it.';
CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF user_id, tenant_id ON {table}
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_user();
"""


RESULTS = """
ALTER TABLE scraping_results ADD COLUMN user_id text;
UPDATE scraping_results r SET user_id = j.user_id FROM scraping_jobs j WHERE j.id = r.job_id;
CREATE INDEX idx_scraping_results_user ON scraping_results (user_id);
COMMENT ON COLUMN scraping_results.user_id IS 'The search''s owner (external id), filled by trigger; NULL only on rows without a search.';
CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF job_id, user_id ON scraping_results
    FOR EACH ROW EXECUTE FUNCTION fill_user_from_search();

ALTER TABLE search_jobs ADD COLUMN tenant_id text;
UPDATE search_jobs s SET tenant_id = c.user_id FROM campaigns c WHERE c.id = s.campaign_id;
CREATE INDEX idx_search_jobs_tenant ON search_jobs (tenant_id);
COMMENT ON COLUMN search_jobs.tenant_id IS 'The owner''s external id, filled by trigger from the campaign.';
CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF campaign_id, tenant_id ON search_jobs
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_campaign();

ALTER TABLE search_results ADD COLUMN tenant_id text;
UPDATE search_results r SET tenant_id = j.tenant_id FROM search_jobs j WHERE j.id = r.job_id;
CREATE INDEX idx_search_results_tenant ON search_results (tenant_id);
COMMENT ON COLUMN search_results.tenant_id IS 'The owner''s external id, filled by trigger from the search job.';
CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF job_id, tenant_id ON search_results
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_search_job();
"""

MACHINERY = """
ALTER TABLE events ADD COLUMN tenant_id text;
UPDATE events SET tenant_id = aggregate_id WHERE aggregate_type = 'user';
CREATE INDEX idx_events_tenant ON events (tenant_id, timestamp DESC);
COMMENT ON COLUMN events.tenant_id IS 'The user whom the event concerns (external id); NULL for the installation''s own.';
CREATE TRIGGER fill_tenant BEFORE INSERT ON events
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_of_event();

ALTER TABLE background_jobs ADD COLUMN tenant_id text;
CREATE INDEX idx_background_jobs_tenant ON background_jobs (tenant_id);
COMMENT ON COLUMN background_jobs.tenant_id IS 'The user for whom the job works (external id); NULL for the installation''s own.';
CREATE TRIGGER fill_tenant BEFORE INSERT ON background_jobs
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_claim();
"""

OWNERS = """
ALTER TABLE campaigns ADD CONSTRAINT fk_campaigns_user_id_users
    FOREIGN KEY (user_id) REFERENCES users (user_id) NOT VALID;
ALTER TABLE scraping_jobs ADD CONSTRAINT fk_scraping_jobs_user_id_users
    FOREIGN KEY (user_id) REFERENCES users (user_id) NOT VALID;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM campaigns c WHERE NOT EXISTS (SELECT FROM users u WHERE u.user_id = c.user_id)) THEN
        ALTER TABLE campaigns VALIDATE CONSTRAINT fk_campaigns_user_id_users;
    END IF;
    IF NOT EXISTS (SELECT FROM scraping_jobs j WHERE NOT EXISTS (SELECT FROM users u WHERE u.user_id = j.user_id)) THEN
        ALTER TABLE scraping_jobs VALIDATE CONSTRAINT fk_scraping_jobs_user_id_users;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(FILLERS)
    for table in SATELLITES:
        op.execute(_satellite(table))
    op.execute(RESULTS)
    op.execute(MACHINERY)
    op.execute(OWNERS)
