"""Keys by which programs call the interface, and what their repeated requests were answered.

Of a key only a digest is kept. Who calls is found through a door, for nobody is known yet when it is asked; the
door finds a row by the part of the key that is no secret, and whoever asks compares the digests. A request that
carries an Idempotency-Key writes its row first, in the transaction of its effect: one that comes twice at once
waits for the first.

Lock: none on existing tables but the instant in which a foreign key is added. The previous code knows neither
table.
"""

from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

KEYS = """
CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    name text NOT NULL,
    prefix text NOT NULL,
    digest bytea NOT NULL,
    scopes text[] NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT ck_api_keys_scopes
        CHECK (scopes <@ ARRAY['campaigns:read', 'campaigns:write', 'searches:read', 'searches:write'])
);
CREATE UNIQUE INDEX uq_api_keys_prefix ON api_keys (prefix);
CREATE INDEX idx_api_keys_tenant ON api_keys (tenant_id, created_at DESC);
COMMENT ON TABLE api_keys IS 'A program that may act for a user, within its scopes. The key itself is nowhere.';
COMMENT ON COLUMN api_keys.id IS 'Internal key.';
COMMENT ON COLUMN api_keys.tenant_id IS 'For whom it acts (external id).';
COMMENT ON COLUMN api_keys.name IS 'What its owner calls it.';
COMMENT ON COLUMN api_keys.prefix IS 'How the key begins: not secret, to recognise it by.';
COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of the whole key, which is 256 bits of chance and needs no salt.';
COMMENT ON COLUMN api_keys.scopes IS 'What it may do.';
COMMENT ON COLUMN api_keys.expires_at IS 'Refused from then on; NULL is never.';
COMMENT ON COLUMN api_keys.revoked_at IS 'Refused since then.';
COMMENT ON COLUMN api_keys.last_used_at IS 'When it was last accepted, to the minute.';
COMMENT ON COLUMN api_keys.created_at IS 'When it was made.';
"""

ANSWERS = """
CREATE TABLE idempotent_answers (
    tenant_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    key text NOT NULL,
    request_digest bytea NOT NULL,
    status integer,
    location text,
    body bytea,
    created_at timestamptz NOT NULL,
    CONSTRAINT idempotent_answers_pkey PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idx_idempotent_answers_created ON idempotent_answers (created_at);
COMMENT ON TABLE idempotent_answers IS 'What a request with an Idempotency-Key was answered, for a day: the same one again gets the same answer.';
COMMENT ON COLUMN idempotent_answers.tenant_id IS 'Whose request it was (external id).';
COMMENT ON COLUMN idempotent_answers.key IS 'The key that the client chose.';
COMMENT ON COLUMN idempotent_answers.request_digest IS 'SHA-256 of method, path and body: another request under the same key is refused.';
COMMENT ON COLUMN idempotent_answers.status IS 'The answer''s HTTP status; written with the effect.';
COMMENT ON COLUMN idempotent_answers.location IS 'The answer''s Location, where it had one.';
COMMENT ON COLUMN idempotent_answers.body IS 'The answer''s body, byte for byte.';
COMMENT ON COLUMN idempotent_answers.created_at IS 'When the request came.';
"""

DOOR = """
CREATE FUNCTION find_api_key(wanted_prefix text)
RETURNS TABLE (id uuid, tenant_id text, digest bytea, scopes text[], is_revoked boolean, is_expired boolean,
               is_used_lately boolean)
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.id, k.tenant_id, k.digest, k.scopes, k.revoked_at IS NOT NULL,
           coalesce(k.expires_at <= public.app_now(), false),
           coalesce(k.last_used_at > public.app_now() - interval '1 minute', false)
    FROM public.api_keys k WHERE k.prefix = wanted_prefix
$$;
COMMENT ON FUNCTION find_api_key(text) IS 'Door for nobody in particular: the key that begins so, to be compared by its digest.';
GRANT SELECT (id, tenant_id, prefix, digest, scopes, expires_at, revoked_at, last_used_at) ON api_keys
    TO tastemaker_door;
CREATE POLICY door ON api_keys FOR SELECT TO tastemaker_door USING (true);
REVOKE ALL ON FUNCTION find_api_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_api_key(text) TO tastemaker_app;
GRANT CREATE ON SCHEMA public TO tastemaker_door;
ALTER FUNCTION find_api_key(text) OWNER TO tastemaker_door;
REVOKE CREATE ON SCHEMA public FROM tastemaker_door;
"""

SYSTEM = "(SELECT app_is_system())"
OWN = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"


def _guarded(table: str, grant: str) -> str:
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON {table} TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY tenant ON {table} TO tastemaker_app USING ({OWN}) WITH CHECK ({OWN});
CREATE POLICY backup ON {table} FOR SELECT TO tastemaker_backup USING (true);
GRANT {grant} ON {table} TO tastemaker_app;
GRANT SELECT ON {table} TO tastemaker_backup;
"""


def upgrade() -> None:
    op.execute(KEYS)
    op.execute(ANSWERS)
    op.execute(_guarded("api_keys", "SELECT, INSERT, UPDATE (last_used_at, revoked_at)"))
    op.execute(_guarded("idempotent_answers", "SELECT, INSERT, UPDATE, DELETE"))
    op.execute(DOOR)
