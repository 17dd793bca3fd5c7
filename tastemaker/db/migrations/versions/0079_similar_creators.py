"""What similar searches compare, and why a creator is among their results.

Lock: none on existing tables but the instant in which the foreign keys are added. The previous code does not know the
table, and starts no similar search.
"""

from alembic import op

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None

SYSTEM = "(SELECT app_is_system())"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"

TABLE = """
CREATE TABLE similar_creators (
    tenant_id text NOT NULL,
    job_id uuid NOT NULL REFERENCES scraping_jobs (id) ON DELETE CASCADE,
    creator_id bigint NOT NULL REFERENCES creators (id) ON DELETE CASCADE,
    role text NOT NULL CONSTRAINT ck_similar_creators_role CHECK (role IN ('target', 'related', 'found', 'catalog')),
    score double precision,
    contributions jsonb,
    PRIMARY KEY (job_id, creator_id)
);
CREATE INDEX idx_similar_creators_creator ON similar_creators (creator_id, tenant_id);
CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF job_id, tenant_id ON similar_creators
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_search();
COMMENT ON COLUMN scraping_jobs.keywords IS 'The words searched for, as an array of strings; in a similar search the name of its creator, with an @.';
COMMENT ON TABLE similar_creators IS 'A creator that a similar search compares with its target. When the search has ended, those that became results are left, with their likeness.';
COMMENT ON COLUMN similar_creators.tenant_id IS 'The search''s owner (external id).';
COMMENT ON COLUMN similar_creators.job_id IS 'The search.';
COMMENT ON COLUMN similar_creators.creator_id IS 'The account in the catalog.';
COMMENT ON COLUMN similar_creators.role IS 'target: the creator itself; related: the platform relates it; found: a page of the search had it; catalog: it was known.';
COMMENT ON COLUMN similar_creators.score IS 'How alike it is, the sum of its contributions; NULL before the search is ranked.';
COMMENT ON COLUMN similar_creators.contributions IS 'What the score is made of, the largest first: reason (term, vocabulary, related), term, value.';
"""

RIGHTS = f"""
ALTER TABLE similar_creators ENABLE ROW LEVEL SECURITY;
ALTER TABLE similar_creators FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON similar_creators TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY tenant ON similar_creators TO tastemaker_app USING ({OWN}) WITH CHECK ({OWN});
CREATE TRIGGER refuse_move_by_tenant AFTER UPDATE ON similar_creators FOR EACH ROW
    WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION refuse_change_by_tenant();
CREATE POLICY backup ON similar_creators FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON similar_creators TO tastemaker_app;
GRANT SELECT ON similar_creators TO tastemaker_backup;
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(RIGHTS)
