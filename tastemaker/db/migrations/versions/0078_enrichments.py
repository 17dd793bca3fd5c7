"""Enrichments: profiles that are asked for one batch after the other, and the candidates of a search with criteria.

A creator of a campaign says which enrichment asks for its profile, and how that ended. A search with criteria
keeps whom it has looked at, and who waits for a profile, until it ends.

Lock: ACCESS EXCLUSIVE on `campaign_creators` and `scraping_jobs` for an instant: NULL and a constant default rewrite
no row. The previous code names neither table nor column.
"""

from alembic import op

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None

SYSTEM = "(SELECT app_is_system())"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"

TABLES = """
CREATE TABLE enrichments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    campaign_id uuid NOT NULL REFERENCES campaigns (id) ON DELETE CASCADE,
    search_id uuid REFERENCES scraping_jobs (id) ON DELETE CASCADE,
    source text NOT NULL,
    max_cost bigint CONSTRAINT ck_enrichments_max_cost CHECK (max_cost >= 0),
    status text NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_enrichments_status CHECK (status IN ('pending', 'processing', 'completed')),
    wanted integer NOT NULL DEFAULT 0,
    completed integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    reason text,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT ck_enrichments_counts
        CHECK (wanted >= 0 AND completed >= 0 AND failed >= 0 AND skipped >= 0 AND failures >= 0)
);
CREATE INDEX idx_enrichments_campaign ON enrichments (campaign_id, created_at DESC);
CREATE INDEX idx_enrichments_tenant ON enrichments (tenant_id);
CREATE INDEX idx_enrichments_search ON enrichments (search_id);
COMMENT ON TABLE enrichments IS 'A request for the profiles of a campaign''s or a search''s creators, worked off in batches.';
COMMENT ON COLUMN enrichments.id IS 'The enrichment; in the ledger its calls name it as the search and as the run.';
COMMENT ON COLUMN enrichments.tenant_id IS 'For whom (external id).';
COMMENT ON COLUMN enrichments.campaign_id IS 'The campaign whose creators are enriched.';
COMMENT ON COLUMN enrichments.search_id IS 'The search, where only its creators are enriched.';
COMMENT ON COLUMN enrichments.source IS 'sandbox, or live.';
COMMENT ON COLUMN enrichments.max_cost IS 'What it may cost, in millionths of a US dollar; NULL for no limit of its own.';
COMMENT ON COLUMN enrichments.status IS 'pending, processing after the first batch, completed.';
COMMENT ON COLUMN enrichments.wanted IS 'Creators whose profile was asked for.';
COMMENT ON COLUMN enrichments.completed IS 'Creators whose profile came.';
COMMENT ON COLUMN enrichments.failed IS 'Creators whose provider failed again and again.';
COMMENT ON COLUMN enrichments.skipped IS 'Creators whose account is gone or closed, or whose call nothing was left for.';
COMMENT ON COLUMN enrichments.failures IS 'Batches in a row in which a provider failed.';
COMMENT ON COLUMN enrichments.reason IS 'Why creators were skipped, or what it waits for, as a sentence.';
COMMENT ON COLUMN enrichments.created_at IS 'When it was asked for.';
COMMENT ON COLUMN enrichments.finished_at IS 'When nobody of it waited any more.';
ALTER TABLE campaign_creators
    ADD COLUMN enhancement text CONSTRAINT ck_campaign_creators_enhancement
        CHECK (enhancement IN ('pending', 'completed', 'failed', 'skipped')),
    ADD COLUMN enrichment_id uuid;
CREATE INDEX idx_campaign_creators_enrichment ON campaign_creators (enrichment_id) WHERE enrichment_id IS NOT NULL;
COMMENT ON COLUMN campaign_creators.enhancement IS 'How far the enrichment is that was asked for; NULL where none was.';
COMMENT ON COLUMN campaign_creators.enrichment_id IS 'The last enrichment that asked for the profile.';

CREATE TABLE search_candidates (
    job_id uuid NOT NULL REFERENCES scraping_jobs (id) ON DELETE CASCADE,
    platform varchar(50) NOT NULL,
    stable_id text NOT NULL,
    tenant_id text NOT NULL,
    creator_id bigint NOT NULL REFERENCES creators (id) ON DELETE CASCADE,
    run_id uuid NOT NULL,
    place bigint GENERATED ALWAYS AS IDENTITY,
    also_seen_by integer[] NOT NULL DEFAULT '{}',
    state text NOT NULL CONSTRAINT ck_search_candidates_state CHECK (state IN ('waiting', 'admitted', 'left_out')),
    page jsonb,
    PRIMARY KEY (job_id, platform, stable_id)
);
CREATE INDEX idx_search_candidates_waiting ON search_candidates (run_id, place) WHERE state = 'waiting';
CREATE INDEX idx_search_candidates_creator ON search_candidates (creator_id);
COMMENT ON TABLE search_candidates IS 'Whom an open search with criteria has looked at, and who waits for a profile.';
COMMENT ON COLUMN search_candidates.job_id IS 'The search.';
COMMENT ON COLUMN search_candidates.platform IS 'The platform of the account.';
COMMENT ON COLUMN search_candidates.stable_id IS 'The platform''s id of the account.';
COMMENT ON COLUMN search_candidates.tenant_id IS 'For whom (external id).';
COMMENT ON COLUMN search_candidates.creator_id IS 'The creator in the catalog.';
COMMENT ON COLUMN search_candidates.run_id IS 'The keyword that met the creator first.';
COMMENT ON COLUMN search_candidates.place IS 'The order in which they were met.';
COMMENT ON COLUMN search_candidates.also_seen_by IS 'Positions of the further keywords that met the creator.';
COMMENT ON COLUMN search_candidates.state IS 'waiting for a profile, admitted into the results, or left_out by a criterion.';
COMMENT ON COLUMN search_candidates.page IS 'While it waits: the creator and its posts as the search showed them.';
ALTER TABLE scraping_jobs ADD COLUMN looked_at integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN scraping_jobs.looked_at IS 'Creators that a search with criteria has compared with them.';
"""

RIGHTS = "".join(
    f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON {table} TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY tenant ON {table} TO tastemaker_app USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY backup ON {table} FOR SELECT TO tastemaker_backup USING (true);
CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF {parent}, tenant_id ON {table}
    FOR EACH ROW EXECUTE FUNCTION {filler}();
CREATE TRIGGER refuse_move_by_tenant AFTER UPDATE ON {table} FOR EACH ROW
    WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION refuse_change_by_tenant();
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO tastemaker_app;
GRANT SELECT ON {table} TO tastemaker_backup;
"""
    for table, parent, filler in (
        ("enrichments", "campaign_id", "fill_tenant_from_campaign"),
        ("search_candidates", "job_id", "fill_tenant_from_search"),
    )
)


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(RIGHTS)
    op.execute("GRANT USAGE ON SEQUENCE search_candidates_place_seq TO tastemaker_app")
    op.execute("GRANT SELECT ON SEQUENCE search_candidates_place_seq TO tastemaker_backup")
