"""Whom searches leave out: a user's or a campaign's own list, and people who may not be stored at all.

An exclusion is its owner's: neither claimed nor charged. A suppression is the operator's and everybody's: only
a keyed hash is kept, and the key is outside the database, so the list does not say who is on it. Lock: none on
existing tables but the instant in which a foreign key is added. The previous code does not know the tables, and
leaves nobody out.
"""

from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

EXCLUSIONS = """
CREATE TABLE exclusions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    campaign_id uuid REFERENCES campaigns (id) ON DELETE CASCADE,
    platform varchar(50) NOT NULL,
    kind varchar(10) NOT NULL,
    value text NOT NULL,
    note text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uq_exclusions UNIQUE NULLS NOT DISTINCT (tenant_id, platform, kind, value, campaign_id),
    CONSTRAINT ck_exclusions_kind CHECK (kind IN ('handle', 'stable_id'))
);
CREATE INDEX idx_exclusions_campaign ON exclusions (campaign_id) WHERE campaign_id IS NOT NULL;
CREATE INDEX idx_exclusions_tenant ON exclusions (tenant_id, created_at DESC);
CREATE TRIGGER fill_tenant BEFORE INSERT OR UPDATE OF campaign_id, tenant_id ON exclusions
    FOR EACH ROW EXECUTE FUNCTION fill_tenant_from_campaign();
COMMENT ON TABLE exclusions IS 'A creator whom a user''s searches, or those of one campaign, neither keep nor charge.';
COMMENT ON COLUMN exclusions.id IS 'Internal key.';
COMMENT ON COLUMN exclusions.tenant_id IS 'Whose list it is (external id).';
COMMENT ON COLUMN exclusions.campaign_id IS 'The campaign for which it holds; NULL is every one of the user''s.';
COMMENT ON COLUMN exclusions.platform IS 'TikTok, Instagram or YouTube.';
COMMENT ON COLUMN exclusions.kind IS 'What value is: handle or stable_id.';
COMMENT ON COLUMN exclusions.value IS 'The handle without @, case folded, or the platform''s unchanging id.';
COMMENT ON COLUMN exclusions.note IS 'Why, in the user''s words.';
COMMENT ON COLUMN exclusions.created_at IS 'When it was added.';
"""

SUPPRESSIONS = """
CREATE TABLE suppressions (
    digest text PRIMARY KEY,
    key_id varchar(16) NOT NULL,
    platform varchar(50) NOT NULL,
    kind varchar(10) NOT NULL,
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ck_suppressions_kind CHECK (kind IN ('handle', 'stable_id'))
);
CREATE INDEX idx_suppressions_key ON suppressions (key_id);
COMMENT ON TABLE suppressions IS 'People who may not be stored by anybody''s search. Who they are is not told here.';
COMMENT ON COLUMN suppressions.digest IS 'HMAC-SHA-256, in hexadecimal, of platform, kind and handle or id, under a key that is kept outside the database.';
COMMENT ON COLUMN suppressions.key_id IS 'Which key: a program with another one stores nothing.';
COMMENT ON COLUMN suppressions.platform IS 'TikTok, Instagram or YouTube.';
COMMENT ON COLUMN suppressions.kind IS 'What was hashed: handle or stable_id.';
COMMENT ON COLUMN suppressions.reason IS 'Why, in the operator''s words; no name.';
COMMENT ON COLUMN suppressions.created_at IS 'When it was added.';
"""

SYSTEM = "(SELECT app_is_system())"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"
ANYBODY = f"((SELECT app_tenant()) IS NOT NULL OR {SYSTEM})"


def _guarded(table: str) -> str:
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON {table} TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY backup ON {table} FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO tastemaker_app;
GRANT SELECT ON {table} TO tastemaker_backup;
"""


POLICIES = f"""
CREATE POLICY tenant ON exclusions TO tastemaker_app USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY reading ON suppressions FOR SELECT TO tastemaker_app USING ({ANYBODY});
CREATE POLICY adding ON suppressions FOR INSERT TO tastemaker_app WITH CHECK ({SYSTEM});
CREATE POLICY changing ON suppressions FOR UPDATE TO tastemaker_app USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY deleting ON suppressions FOR DELETE TO tastemaker_app USING ({SYSTEM});
"""


def upgrade() -> None:
    op.execute(EXCLUSIONS)
    op.execute(SUPPRESSIONS)
    for table in ("exclusions", "suppressions"):
        op.execute(_guarded(table))
    op.execute(POLICIES)
