"""Pages that a provider was paid for, kept as long as its policy and the operator allow.

The second identical question costs nothing. A row holds what was understood of the answer, not the answer.
`stable_ids` finds the pages that mention a creator who has to be forgotten.

Lock: none on existing tables. The previous code does not know the table.
"""

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

PAGES = """
CREATE TABLE provider_pages (
    provider varchar(50) NOT NULL,
    request_digest bytea NOT NULL,
    page jsonb NOT NULL,
    stable_ids text[] NOT NULL,
    fetched_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT provider_pages_pkey PRIMARY KEY (provider, request_digest),
    CONSTRAINT ck_provider_pages_expiry CHECK (expires_at >= fetched_at)
);
CREATE INDEX idx_provider_pages_expires ON provider_pages (expires_at);
CREATE INDEX idx_provider_pages_stable_ids ON provider_pages USING gin (stable_ids);
COMMENT ON TABLE provider_pages IS 'Answers of providers, as understood, for as long as they may be used again.';
COMMENT ON COLUMN provider_pages.provider IS 'The adapter.';
COMMENT ON COLUMN provider_pages.request_digest IS 'SHA-256 over what was asked, normalised: operation, keyword, region, options, cursor and the form of the page.';
COMMENT ON COLUMN provider_pages.page IS 'Creators, posts and the cursor of the next page.';
COMMENT ON COLUMN provider_pages.stable_ids IS 'The creators on it, to find them when one has to be forgotten.';
COMMENT ON COLUMN provider_pages.fetched_at IS 'When the provider answered.';
COMMENT ON COLUMN provider_pages.expires_at IS 'Not used, and removed, after that.';

ALTER TABLE provider_pages ENABLE ROW LEVEL SECURITY;
ALTER TABLE provider_pages FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON provider_pages TO tastemaker_owner
    USING ((SELECT app_is_system())) WITH CHECK ((SELECT app_is_system()));
CREATE POLICY backup ON provider_pages FOR SELECT TO tastemaker_backup USING (true);
CREATE POLICY reading ON provider_pages FOR SELECT TO tastemaker_app
    USING (((SELECT app_tenant()) IS NOT NULL OR (SELECT app_is_system())));
CREATE POLICY adding ON provider_pages FOR INSERT TO tastemaker_app WITH CHECK ((SELECT app_is_system()));
CREATE POLICY changing ON provider_pages FOR UPDATE TO tastemaker_app
    USING ((SELECT app_is_system())) WITH CHECK ((SELECT app_is_system()));
CREATE POLICY deleting ON provider_pages FOR DELETE TO tastemaker_app USING ((SELECT app_is_system()));
GRANT SELECT, INSERT, UPDATE, DELETE ON provider_pages TO tastemaker_app;
GRANT SELECT ON provider_pages TO tastemaker_backup;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        ALTER TABLE provider_pages ALTER COLUMN page SET COMPRESSION lz4;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(PAGES)
