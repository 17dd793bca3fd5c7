"""Statements about browser sessions and sign-in links."""

from dataclasses import dataclass
from uuid import UUID

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserSession:
    """A session, or a sign-in link where it is not started. `is_used_lately`: within the last minute."""

    id: UUID
    tenant_id: ExternalUserId
    is_started: bool
    is_expired: bool
    is_used_lately: bool


FIND_SESSION = statement(
    """
    SELECT id, tenant_id, is_started, is_expired, is_used_lately FROM find_browser_session(%(digest)s)
    """,
    BrowserSession,
    not_null="id tenant_id is_started is_expired is_used_lately",
)
"""A SECURITY DEFINER function: the transaction may have the claim of nobody."""

INSERT_LINK = statement("""
    INSERT INTO browser_sessions (tenant_id, digest, created_at, expires_at)
    VALUES (%(user_id)s, %(digest)s, app_now(), app_now() + make_interval(secs => %(seconds)s))
""")

START = statement("""
    UPDATE browser_sessions SET digest = %(digest)s, started_at = app_now(), last_used_at = app_now(),
           expires_at = app_now() + make_interval(secs => %(seconds)s)
    WHERE tenant_id = %(user_id)s AND digest = %(link_digest)s AND started_at IS NULL
      AND expires_at > app_now()
""")
"""Of two uses of one link the second finds no row."""

NOTE_USE = statement("""
    UPDATE browser_sessions SET last_used_at = app_now() WHERE tenant_id = %(user_id)s AND id = %(id)s
""")

DELETE = statement("""
    DELETE FROM browser_sessions WHERE tenant_id = %(user_id)s AND id = %(id)s
""")

PRUNE = statement("""
    DELETE FROM browser_sessions WHERE id IN (
        SELECT id FROM browser_sessions WHERE expires_at <= app_now() ORDER BY expires_at LIMIT %(batch)s)
""")
