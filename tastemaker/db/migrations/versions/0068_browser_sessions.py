"""Sessions of browsers, and the one-time links that start them.

A link is a session that has not started: using it replaces its digest by that of the session's cookie, so a link
works once. Of both only a digest is kept. Who calls is found by a SECURITY DEFINER function, because nobody is
known yet when it is asked.

Lock: none on existing tables but the instant in which a foreign key is added. The previous code does not know the
table.
"""

from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE browser_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    digest bytea NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    last_used_at timestamptz,
    expires_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX uq_browser_sessions_digest ON browser_sessions (digest);
CREATE INDEX idx_browser_sessions_tenant ON browser_sessions (tenant_id, created_at DESC);
CREATE INDEX idx_browser_sessions_expires ON browser_sessions (expires_at);
COMMENT ON TABLE browser_sessions IS 'A browser in which a user is signed in, or a sign-in link that was not used yet.';
COMMENT ON COLUMN browser_sessions.id IS 'Internal key.';
COMMENT ON COLUMN browser_sessions.tenant_id IS 'The user who is signed in (external id).';
COMMENT ON COLUMN browser_sessions.digest IS 'SHA-256 of the secret in the link, and from the start of the session on of the secret in the cookie.';
COMMENT ON COLUMN browser_sessions.created_at IS 'When the link was made.';
COMMENT ON COLUMN browser_sessions.started_at IS 'When the link was used; NULL until then.';
COMMENT ON COLUMN browser_sessions.last_used_at IS 'The last request of the browser, to the minute.';
COMMENT ON COLUMN browser_sessions.expires_at IS 'The link, then the session, is refused from this time on.';

CREATE TRIGGER refuse_move_by_tenant AFTER UPDATE ON browser_sessions FOR EACH ROW
    WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION refuse_change_by_tenant();
ALTER TABLE browser_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE browser_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON browser_sessions TO tastemaker_owner
    USING ((SELECT app_is_system())) WITH CHECK ((SELECT app_is_system()));
CREATE POLICY tenant ON browser_sessions TO tastemaker_app
    USING (tenant_id = (SELECT app_tenant()) OR (SELECT app_is_system()))
    WITH CHECK (tenant_id = (SELECT app_tenant()) OR (SELECT app_is_system()));
CREATE POLICY backup ON browser_sessions FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, DELETE, UPDATE (digest, started_at, last_used_at, expires_at) ON browser_sessions
    TO tastemaker_app;
GRANT SELECT ON browser_sessions TO tastemaker_backup;
"""

FUNCTION = """
CREATE FUNCTION find_browser_session(wanted_digest bytea)
RETURNS TABLE (id uuid, tenant_id text, is_started boolean, is_expired boolean, is_used_lately boolean)
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.id, s.tenant_id, s.started_at IS NOT NULL, s.expires_at <= public.app_now(),
           coalesce(s.last_used_at > public.app_now() - interval '1 minute', false)
    FROM public.browser_sessions s WHERE s.digest = wanted_digest
$$;
COMMENT ON FUNCTION find_browser_session(bytea) IS 'Without a claim: the session or sign-in link whose secret has this digest.';
GRANT SELECT (id, tenant_id, digest, started_at, last_used_at, expires_at) ON browser_sessions
    TO tastemaker_door;
CREATE POLICY door ON browser_sessions FOR SELECT TO tastemaker_door USING (true);
REVOKE ALL ON FUNCTION find_browser_session(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_browser_session(bytea) TO tastemaker_app;
GRANT CREATE ON SCHEMA public TO tastemaker_door;
ALTER FUNCTION find_browser_session(bytea) OWNER TO tastemaker_door;
REVOKE CREATE ON SCHEMA public FROM tastemaker_door;
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(FUNCTION)
