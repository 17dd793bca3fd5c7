"""Passwords, links that are good once, members of an account, and what is known of Clerk's users.

Only the system's claim writes these tables: a tenant's claim chooses no password, invites nobody and joins
nothing. A member acts under the tenant's claim with the claim `act`; `claim_tenant` looks whether the
membership exists now, and makes the transaction of a viewer read-only.

Lock: ACCESS EXCLUSIVE on browser_sessions for an instant, for its two new columns, and the instants in which
foreign keys are added. The previous code reads the function's former columns, which stay first.
"""

from alembic import op

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None

CREDENTIALS = """
CREATE TABLE credentials (
    tenant_id text PRIMARY KEY REFERENCES users (user_id) ON DELETE CASCADE,
    email text NOT NULL,
    password_digest text NOT NULL,
    verified_at timestamptz,
    changed_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX uq_credentials_email ON credentials (email);
COMMENT ON TABLE credentials IS 'The e-mail and password by which a user signs in.';
COMMENT ON COLUMN credentials.tenant_id IS 'Who signs in (external id).';
COMMENT ON COLUMN credentials.email IS 'The address in lower case, unique.';
COMMENT ON COLUMN credentials.password_digest IS 'Argon2id of the password, with its salt and parameters.';
COMMENT ON COLUMN credentials.verified_at IS 'When the person followed a link that was mailed to the address; NULL until then.';
COMMENT ON COLUMN credentials.changed_at IS 'When the password was last set.';
COMMENT ON COLUMN credentials.created_at IS 'When the first password was set.';
"""

LINKS = """
CREATE TABLE account_links (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id text REFERENCES users (user_id) ON DELETE CASCADE,
    purpose text NOT NULL,
    email text,
    role text,
    digest bytea,
    created_by text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    is_mailed boolean NOT NULL DEFAULT false,
    CONSTRAINT ck_account_links_purpose
        CHECK (purpose IN ('sign_up', 'invitation', 'first', 'reset', 'verification', 'membership')),
    CONSTRAINT ck_account_links_role CHECK (role IN ('editor', 'viewer'))
);
CREATE UNIQUE INDEX uq_account_links_digest ON account_links (digest);
CREATE INDEX idx_account_links_tenant ON account_links (tenant_id, created_at DESC);
CREATE INDEX idx_account_links_expires ON account_links (expires_at);
COMMENT ON TABLE account_links IS 'Links that work once: to choose a password, to confirm an address, to join an account.';
COMMENT ON COLUMN account_links.id IS 'Internal key.';
COMMENT ON COLUMN account_links.tenant_id IS 'Whose account it is about (external id); NULL where there is none yet.';
COMMENT ON COLUMN account_links.purpose IS 'sign_up, invitation, first, reset, verification or membership.';
COMMENT ON COLUMN account_links.email IS 'The address that it is for; NULL is any.';
COMMENT ON COLUMN account_links.role IS 'As what a member joins: editor or viewer.';
COMMENT ON COLUMN account_links.digest IS 'SHA-256 of the secret in the link; NULL until the link is mailed or shown.';
COMMENT ON COLUMN account_links.created_by IS 'Who made it (external id); NULL where the person asked for it.';
COMMENT ON COLUMN account_links.created_at IS 'When it was asked for.';
COMMENT ON COLUMN account_links.expires_at IS 'Refused from this time on.';
COMMENT ON COLUMN account_links.used_at IS 'When it was used; NULL until then.';
COMMENT ON COLUMN account_links.is_mailed IS 'Whether it went to the address by mail, so that its use proves the address.';
"""

MEMBERS = """
CREATE TABLE members (
    tenant_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    member_id text NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
    role text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, member_id),
    CONSTRAINT ck_members_role CHECK (role IN ('editor', 'viewer'))
);
CREATE INDEX idx_members_member ON members (member_id);
COMMENT ON TABLE members IS 'Who else acts in an account: its data stays the tenant''s, each act has the name of its actor.';
COMMENT ON COLUMN members.tenant_id IS 'The account (external id).';
COMMENT ON COLUMN members.member_id IS 'Who may act in it (external id).';
COMMENT ON COLUMN members.role IS 'editor or viewer; a viewer changes nothing.';
COMMENT ON COLUMN members.created_at IS 'When the member joined.';
"""

ATTEMPTS = """
CREATE TABLE sign_in_attempts (
    subject bytea PRIMARY KEY,
    attempts integer NOT NULL,
    resets_at timestamptz NOT NULL
);
CREATE INDEX idx_sign_in_attempts_resets ON sign_in_attempts (resets_at);
COMMENT ON TABLE sign_in_attempts IS 'How often an account, or an address of the network, tried to get in lately.';
COMMENT ON COLUMN sign_in_attempts.subject IS 'SHA-256 of the account or the address.';
COMMENT ON COLUMN sign_in_attempts.attempts IS 'How many since the window began.';
COMMENT ON COLUMN sign_in_attempts.resets_at IS 'The end of the window; counting begins anew then.';
"""

CLERK = """
CREATE TABLE clerk_subjects (
    subject text PRIMARY KEY,
    tenant_id text REFERENCES users (user_id) ON DELETE SET NULL,
    version bigint NOT NULL,
    deleted_at timestamptz
);
CREATE INDEX idx_clerk_subjects_tenant ON clerk_subjects (tenant_id);
COMMENT ON TABLE clerk_subjects IS 'Who a user of Clerk is here; a deleted one leaves its row as a tombstone.';
COMMENT ON COLUMN clerk_subjects.subject IS 'Clerk''s id of the user, the sub of its tokens.';
COMMENT ON COLUMN clerk_subjects.tenant_id IS 'The user (external id); NULL once deleted.';
COMMENT ON COLUMN clerk_subjects.version IS 'updated_at of the newest payload that was applied, in milliseconds; an older one changes nothing.';
COMMENT ON COLUMN clerk_subjects.deleted_at IS 'When Clerk or an administrator deleted the user; tokens are refused from then on.';
"""

SYSTEM = "(SELECT app_is_system())"
GUARDED = ("credentials", "account_links", "members", "clerk_subjects")


def _guard(table: str) -> str:
    own = f"tenant_id = (SELECT app_tenant()) OR {SYSTEM}"
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON {table} TO tastemaker_owner USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY tenant ON {table} TO tastemaker_app USING ({own}) WITH CHECK ({own});
CREATE POLICY backup ON {table} FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO tastemaker_app;
GRANT SELECT ON {table} TO tastemaker_backup;
CREATE TRIGGER refuse_change_by_tenant BEFORE INSERT OR DELETE OR UPDATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_by_tenant();
CREATE TRIGGER refuse_move_by_tenant AFTER UPDATE ON {table} FOR EACH ROW
    WHEN (OLD.tenant_id IS DISTINCT FROM NEW.tenant_id) EXECUTE FUNCTION refuse_change_by_tenant();
"""


ATTEMPTS_GUARD = f"""
ALTER TABLE sign_in_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_attempts FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON sign_in_attempts TO tastemaker_app, tastemaker_owner
    USING ({SYSTEM}) WITH CHECK ({SYSTEM});
CREATE POLICY backup ON sign_in_attempts FOR SELECT TO tastemaker_backup USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempts TO tastemaker_app;
GRANT SELECT ON sign_in_attempts TO tastemaker_backup;
"""

SESSIONS = """
ALTER TABLE browser_sessions ADD COLUMN user_agent text, ADD COLUMN acting_for text;
COMMENT ON COLUMN browser_sessions.user_agent IS 'What the browser calls itself, so that its owner recognises it.';
COMMENT ON COLUMN browser_sessions.acting_for IS 'The account in which a member acts (external id); NULL is the own one.';
GRANT UPDATE (acting_for, user_agent) ON browser_sessions TO tastemaker_app;
GRANT SELECT (acting_for) ON browser_sessions TO tastemaker_door;
GRANT SELECT (tenant_id, member_id, role) ON members TO tastemaker_door;
CREATE POLICY door ON members FOR SELECT TO tastemaker_door USING (true);

DROP FUNCTION find_browser_session(bytea);
CREATE FUNCTION find_browser_session(wanted_digest bytea)
RETURNS TABLE (id uuid, tenant_id text, is_started boolean, is_expired boolean, is_used_lately boolean,
               acting_for text, acting_role text)
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.id, s.tenant_id, s.started_at IS NOT NULL, s.expires_at <= public.app_now(),
           coalesce(s.last_used_at > public.app_now() - interval '1 minute', false), m.tenant_id, m.role
    FROM public.browser_sessions s
    LEFT JOIN public.members m ON m.tenant_id = s.acting_for AND m.member_id = s.tenant_id
    WHERE s.digest = wanted_digest
$$;
COMMENT ON FUNCTION find_browser_session(bytea) IS 'Without a claim: the session or sign-in link whose secret has this digest, and the account in which it acts, while the membership lasts.';
REVOKE ALL ON FUNCTION find_browser_session(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_browser_session(bytea) TO tastemaker_app;
"""

CLAIMS = """
CREATE FUNCTION app_actor() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(claims -> 'act' ->> 'sub', claims ->> 'sub')
    FROM (SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb AS claims) AS claim
$$;
COMMENT ON FUNCTION app_actor() IS 'Who acts, by the claim: a member of the tenant, else the tenant.';
REVOKE ALL ON FUNCTION app_actor() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app_actor()
    TO tastemaker_app, tastemaker_door, tastemaker_backup, tastemaker_readonly, tastemaker_compat;

CREATE OR REPLACE FUNCTION claim_tenant(claims text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant text := claims::jsonb ->> 'sub';
    actor text := claims::jsonb -> 'act' ->> 'sub';
    acting_role text;
BEGIN
    IF NOT EXISTS (SELECT FROM public.users WHERE user_id = tenant) THEN
        RAISE invalid_authorization_specification USING MESSAGE = 'the claim names no user who exists';
    END IF;
    IF actor <> tenant THEN
        SELECT m.role INTO acting_role FROM public.members m
        WHERE m.tenant_id = tenant AND m.member_id = actor;
        IF acting_role IS NULL THEN
            RAISE invalid_authorization_specification USING MESSAGE = 'the claim names an actor who is no member';
        END IF;
        IF acting_role = 'viewer' THEN
            PERFORM set_config('transaction_read_only', 'on', true);
        END IF;
    END IF;
    PERFORM set_config('request.jwt.claims', claims, true);
END $$;
COMMENT ON FUNCTION claim_tenant(text) IS 'Sets the claim of the transaction. Refuses with 28000 where its sub names no user, or its act no member of that user; the transaction of a viewer is read-only.';
"""

DOORS = """
GRANT CREATE ON SCHEMA public TO tastemaker_door;
ALTER FUNCTION find_browser_session(bytea) OWNER TO tastemaker_door;
REVOKE CREATE ON SCHEMA public FROM tastemaker_door;
"""

SCOPES = """
ALTER TABLE api_keys DROP CONSTRAINT ck_api_keys_scopes;
ALTER TABLE api_keys ADD CONSTRAINT ck_api_keys_scopes CHECK (scopes <@ ARRAY[
    'campaigns:read', 'campaigns:write', 'searches:read', 'searches:write', 'account:read', 'account:write',
    'admin']) NOT VALID;
ALTER TABLE api_keys VALIDATE CONSTRAINT ck_api_keys_scopes;
"""


def upgrade() -> None:
    for table in (CREDENTIALS, LINKS, MEMBERS, ATTEMPTS, CLERK):
        op.execute(table)
    for name in GUARDED:
        op.execute(_guard(name))
    op.execute(ATTEMPTS_GUARD)
    op.execute(SESSIONS)
    op.execute(CLAIMS)
    op.execute(DOORS)
    op.execute(SCOPES)
