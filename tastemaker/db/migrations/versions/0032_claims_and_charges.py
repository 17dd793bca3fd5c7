"""What a search holds, what a period was charged, what a provider was paid.

Three keys make three promises: a creator is in a search once, charged once in a period, and every paid
call has its row. Lock: none on existing tables. The previous code does not know the tables.
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

CLAIMS = """
CREATE TABLE search_creators (
    job_id uuid NOT NULL REFERENCES scraping_jobs (id) ON DELETE CASCADE,
    platform varchar(50) NOT NULL,
    stable_id text NOT NULL,
    tenant_id text NOT NULL,
    run_id uuid NOT NULL REFERENCES scraping_runs (id) ON DELETE CASCADE,
    result_id uuid NOT NULL REFERENCES scraping_results (id) ON DELETE CASCADE,
    creator_id bigint NOT NULL REFERENCES creators (id) ON DELETE CASCADE,
    post_id bigint REFERENCES posts (id) ON DELETE SET NULL,
    position integer NOT NULL,
    matched_in text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, platform, stable_id)
);
CREATE UNIQUE INDEX uq_search_creators_job_position ON search_creators (job_id, position);
CREATE INDEX idx_search_creators_creator ON search_creators (creator_id);
CREATE INDEX idx_search_creators_post ON search_creators (post_id) WHERE post_id IS NOT NULL;
CREATE INDEX idx_search_creators_run ON search_creators (run_id);
CREATE INDEX idx_search_creators_result ON search_creators (result_id);
CREATE INDEX idx_search_creators_tenant ON search_creators (tenant_id);
COMMENT ON TABLE search_creators IS 'A creator in a search: the claim that makes each one be stored, shown and charged once.';
COMMENT ON COLUMN search_creators.job_id IS 'The search.';
COMMENT ON COLUMN search_creators.platform IS 'TikTok, Instagram or YouTube.';
COMMENT ON COLUMN search_creators.stable_id IS 'The platform''s unchanging id of the creator.';
COMMENT ON COLUMN search_creators.tenant_id IS 'The search''s owner (external id).';
COMMENT ON COLUMN search_creators.run_id IS 'The keyword that brought it first.';
COMMENT ON COLUMN search_creators.result_id IS 'The page it is stored in.';
COMMENT ON COLUMN search_creators.creator_id IS 'The account in the catalog.';
COMMENT ON COLUMN search_creators.post_id IS 'The post that matched, where one did.';
COMMENT ON COLUMN search_creators.position IS 'Order of arrival in the search, from 1.';
COMMENT ON COLUMN search_creators.matched_in IS 'Fields that carry the keyword: post, description, hashtag, tag, name, handle, bio; empty when only the provider knows why.';
COMMENT ON COLUMN search_creators.created_at IS 'When the page was kept.';
"""

CHARGES = """
CREATE TABLE usage_charges (
    tenant_id text NOT NULL,
    period_start timestamp NOT NULL,
    platform varchar(50) NOT NULL,
    stable_id text NOT NULL,
    job_id uuid,
    charged_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, period_start, platform, stable_id)
);
COMMENT ON TABLE usage_charges IS 'A creator charged to a user in a period, once; user_usage.usage_creators_current_month equals the rows of the current period.';
COMMENT ON COLUMN usage_charges.tenant_id IS 'Who is charged (external id).';
COMMENT ON COLUMN usage_charges.period_start IS 'The period: user_usage.usage_reset_date at the time of the charge (UTC).';
COMMENT ON COLUMN usage_charges.platform IS 'TikTok, Instagram or YouTube.';
COMMENT ON COLUMN usage_charges.stable_id IS 'The creator.';
COMMENT ON COLUMN usage_charges.job_id IS 'The search that caused the charge; kept as a number after the search is gone.';
COMMENT ON COLUMN usage_charges.charged_at IS 'When.';
"""

LEDGER = """
CREATE TABLE provider_calls (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id text NOT NULL,
    job_id uuid,
    run_id uuid,
    provider varchar(50) NOT NULL,
    operation varchar(50) NOT NULL,
    status varchar(20) NOT NULL DEFAULT 'estimated',
    estimated_units integer NOT NULL,
    estimated_micros_usd bigint NOT NULL DEFAULT 0,
    calls integer,
    units integer,
    micros_usd bigint,
    error_kind varchar(20),
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT ck_provider_calls_status CHECK (status IN ('estimated', 'charged', 'failed', 'abandoned')),
    CONSTRAINT ck_provider_calls_amounts CHECK (
        estimated_units >= 0 AND estimated_micros_usd >= 0 AND calls >= 0 AND units >= 0 AND micros_usd >= 0)
);
CREATE INDEX idx_provider_calls_tenant_started ON provider_calls (tenant_id, started_at DESC);
CREATE INDEX idx_provider_calls_job ON provider_calls (job_id);
CREATE INDEX idx_provider_calls_open ON provider_calls (run_id) WHERE status = 'estimated';
COMMENT ON TABLE provider_calls IS 'The cost ledger: one row per page asked for, estimated before the call and settled with the page.';
COMMENT ON COLUMN provider_calls.id IS 'Internal key.';
COMMENT ON COLUMN provider_calls.tenant_id IS 'For whom (external id).';
COMMENT ON COLUMN provider_calls.job_id IS 'The search; kept as a number after the search is gone.';
COMMENT ON COLUMN provider_calls.run_id IS 'The run; kept as a number after the run is gone.';
COMMENT ON COLUMN provider_calls.provider IS 'The adapter.';
COMMENT ON COLUMN provider_calls.operation IS 'What was asked, e.g. search_keyword.';
COMMENT ON COLUMN provider_calls.status IS 'estimated while under way, charged with its page, failed, or abandoned: the process died between call and commit.';
COMMENT ON COLUMN provider_calls.estimated_units IS 'Quota units or credits expected.';
COMMENT ON COLUMN provider_calls.estimated_micros_usd IS 'Money expected, in millionths of a US dollar.';
COMMENT ON COLUMN provider_calls.calls IS 'HTTP calls made.';
COMMENT ON COLUMN provider_calls.units IS 'Quota units or credits spent.';
COMMENT ON COLUMN provider_calls.micros_usd IS 'Money spent, in millionths of a US dollar.';
COMMENT ON COLUMN provider_calls.error_kind IS 'Kind of the provider''s error, where it failed.';
COMMENT ON COLUMN provider_calls.started_at IS 'Before the call.';
COMMENT ON COLUMN provider_calls.finished_at IS 'When it was settled.';
"""


def upgrade() -> None:
    op.execute(CLAIMS)
    op.execute(CHARGES)
    op.execute(LEDGER)
