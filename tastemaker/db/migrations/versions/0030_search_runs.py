"""A search's outcome and parking, and its runs: one row per keyword with the real paging state.

Lock: ACCESS EXCLUSIVE for the instant of ADD COLUMN on `scraping_jobs`. The previous code does not know
the columns; `outcome` stays NULL for what it finished.
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

SEARCH = """
ALTER TABLE scraping_jobs
    ADD COLUMN outcome varchar(20),
    ADD COLUMN parked_until timestamptz,
    ADD COLUMN parked_reason text,
    ADD CONSTRAINT ck_scraping_jobs_outcome CHECK (outcome IN (
        'full', 'partial', 'nothing_found', 'plan_limit', 'quota', 'provider_failed', 'timeout', 'cancelled')),
    ADD CONSTRAINT ck_scraping_jobs_parked CHECK (parked_until IS NULL OR status = 'pending');
COMMENT ON COLUMN scraping_jobs.outcome IS 'How the search ended; says what status alone cannot: nothing found is not a failure.';
COMMENT ON COLUMN scraping_jobs.parked_until IS 'A pending search waits until then for its provider''s quota or a budget; its time-out clock stands still.';
COMMENT ON COLUMN scraping_jobs.parked_reason IS 'Why it is parked, for the person who waits.';
"""

RUNS = """
CREATE TABLE scraping_runs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id text NOT NULL,
    job_id uuid NOT NULL REFERENCES scraping_jobs (id) ON DELETE CASCADE,
    position integer NOT NULL,
    keyword text NOT NULL,
    status varchar(20) NOT NULL DEFAULT 'pending',
    end_reason varchar(20),
    version integer NOT NULL DEFAULT 0,
    cursor text,
    seen_cursors text[] NOT NULL DEFAULT '{}',
    pages integer NOT NULL DEFAULT 0,
    found integer NOT NULL DEFAULT 0,
    stored integer NOT NULL DEFAULT 0,
    barren_pages integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    error_kind varchar(20),
    error text,
    started_at timestamptz,
    finished_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_scraping_runs_job_keyword UNIQUE (job_id, keyword),
    CONSTRAINT uq_scraping_runs_job_position UNIQUE (job_id, position),
    CONSTRAINT ck_scraping_runs_status CHECK (
        status IN ('pending', 'processing', 'completed', 'error', 'timeout', 'cancelled')),
    CONSTRAINT ck_scraping_runs_end_reason CHECK (end_reason IN (
        'exhausted', 'target_reached', 'plan_limit', 'quota', 'page_cap', 'cursor_loop', 'no_new_creators',
        'provider_failed', 'timeout', 'cancelled')),
    CONSTRAINT ck_scraping_runs_counters CHECK (
        version >= 0 AND pages >= 0 AND found >= 0 AND stored >= 0 AND barren_pages >= 0 AND failures >= 0)
);
CREATE INDEX idx_scraping_runs_tenant ON scraping_runs (tenant_id);
CREATE INDEX idx_scraping_runs_open ON scraping_runs (job_id) WHERE status IN ('pending', 'processing');
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON scraping_runs
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
COMMENT ON TABLE scraping_runs IS 'One keyword of a search: where its paging stands and how it ended.';
COMMENT ON COLUMN scraping_runs.id IS 'The run; job messages carry it.';
COMMENT ON COLUMN scraping_runs.tenant_id IS 'The search''s owner (external id).';
COMMENT ON COLUMN scraping_runs.job_id IS 'The search.';
COMMENT ON COLUMN scraping_runs.position IS 'Place of the keyword in the request, from 0.';
COMMENT ON COLUMN scraping_runs.keyword IS 'What is searched, as the user typed it (trimmed).';
COMMENT ON COLUMN scraping_runs.status IS 'pending, processing, completed, error, timeout or cancelled.';
COMMENT ON COLUMN scraping_runs.end_reason IS 'Why paging ended.';
COMMENT ON COLUMN scraping_runs.version IS 'Rises with every kept page; a page is kept only by who read the current number.';
COMMENT ON COLUMN scraping_runs.cursor IS 'The provider''s opaque token for the next page; NULL is the first page.';
COMMENT ON COLUMN scraping_runs.seen_cursors IS 'Digests of the cursors used so far: a repeated one ends the run.';
COMMENT ON COLUMN scraping_runs.pages IS 'Pages kept.';
COMMENT ON COLUMN scraping_runs.found IS 'Creators on those pages, repeats included.';
COMMENT ON COLUMN scraping_runs.stored IS 'Creators that this run was first to bring into the search.';
COMMENT ON COLUMN scraping_runs.barren_pages IS 'Pages in a row without a new creator.';
COMMENT ON COLUMN scraping_runs.failures IS 'Provider failures in a row.';
COMMENT ON COLUMN scraping_runs.error_kind IS 'Kind of the last provider error.';
COMMENT ON COLUMN scraping_runs.error IS 'The last provider error, one sentence.';
COMMENT ON COLUMN scraping_runs.started_at IS 'First page asked for.';
COMMENT ON COLUMN scraping_runs.finished_at IS 'When the run ended.';
COMMENT ON COLUMN scraping_runs.created_at IS 'Row made.';
COMMENT ON COLUMN scraping_runs.updated_at IS 'Row last changed, kept by trigger.';
"""


def upgrade() -> None:
    op.execute(SEARCH)
    op.execute(RUNS)
