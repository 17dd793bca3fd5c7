"""The event log and the job queue, each with its indexes and its first row-level policies.

Lock: none on anything that exists.
The code before it writes neither table. The policies name no other table, so none can ever hold up the
removal of one; nobody but the owner sees a row without a claim that says who asks.
"""

from alembic import op

revision = "0011"
down_revision = "0010"

EVENTS = """
CREATE TABLE IF NOT EXISTS events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    aggregate_id text NOT NULL,
    aggregate_type varchar(50) NOT NULL,
    event_type varchar(100) NOT NULL,
    event_version integer DEFAULT 1 NOT NULL,
    event_data jsonb NOT NULL,
    metadata jsonb,
    timestamp timestamp DEFAULT now() NOT NULL,
    processed_at timestamp,
    processing_status varchar(20) DEFAULT 'pending' NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    error text,
    idempotency_key text NOT NULL UNIQUE,
    source_system varchar(50) NOT NULL,
    correlation_id text,
    causation_id text
);

CREATE INDEX IF NOT EXISTS idx_events_aggregate_type_timestamp
    ON events (aggregate_id, aggregate_type, timestamp DESC);
CREATE INDEX IF NOT EXISTS idx_events_processing_pending
    ON events (processing_status, timestamp) WHERE processing_status = 'pending';
"""

BACKGROUND_JOBS = """
CREATE TABLE IF NOT EXISTS background_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_type varchar(100) NOT NULL,
    payload jsonb NOT NULL,
    status varchar(20) DEFAULT 'pending' NOT NULL,
    qstash_message_id text,
    priority integer DEFAULT 100 NOT NULL,
    max_retries integer DEFAULT 3 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    scheduled_for timestamp DEFAULT now() NOT NULL,
    started_at timestamp,
    completed_at timestamp,
    failed_at timestamp,
    error text,
    result jsonb,
    created_at timestamp DEFAULT now() NOT NULL,
    updated_at timestamp DEFAULT now() NOT NULL
);

CREATE INDEX IF NOT EXISTS idx_background_jobs_pending
    ON background_jobs (status, priority, scheduled_for) WHERE status = 'pending';
"""

POLICIES = """
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE background_jobs ENABLE ROW LEVEL SECURITY;

CREATE POLICY events_of_own_user ON events FOR SELECT
    USING (aggregate_type = 'user'
           AND aggregate_id = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));

CREATE POLICY background_jobs_of_service ON background_jobs FOR ALL
    USING ((nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role') = 'service_role');
"""


def upgrade() -> None:
    for sql in (EVENTS, BACKGROUND_JOBS, POLICIES):
        op.execute(sql)
