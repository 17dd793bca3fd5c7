"""Statements about browser sessions and sign-in links."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import MemberRole
from tastemaker.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserSession:
    """A session, or a sign-in link where it is not started. `is_used_lately`: within the last minute.

    `acting_for`: the account in which its user acts as a member, in this role; None is the own account.
    """

    id: UUID
    tenant_id: ExternalUserId
    is_started: bool
    is_expired: bool
    is_used_lately: bool
    acting_for: ExternalUserId | None
    acting_role: MemberRole | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInBrowser:
    """A session as its owner sees it. `last_used_at` to the minute."""

    id: UUID
    user_agent: str | None
    started_at: datetime
    last_used_at: datetime | None
    expires_at: datetime


FIND_SESSION = statement(
    """
    SELECT id, tenant_id, is_started, is_expired, is_used_lately, acting_for, acting_role
    FROM find_browser_session(%(digest)s)
    """,
    BrowserSession,
    not_null="id tenant_id is_started is_expired is_used_lately",
)
"""A SECURITY DEFINER function: the transaction may have the claim of nobody."""

INSERT_LINK = statement("""
    INSERT INTO browser_sessions (tenant_id, digest, created_at, expires_at)
    VALUES (%(user_id)s, %(digest)s, app_now(), app_now() + make_interval(secs => %(seconds)s))
""")

INSERT_SESSION = statement("""
    INSERT INTO browser_sessions
        (tenant_id, digest, user_agent, created_at, started_at, last_used_at, expires_at)
    VALUES (%(user_id)s, %(digest)s, %(user_agent)s, app_now(), app_now(), app_now(),
            app_now() + make_interval(secs => %(seconds)s))
""")

DELETE_BY_DIGEST = statement("DELETE FROM browser_sessions WHERE digest = %(digest)s")

LIST_SESSIONS = statement(
    """
    SELECT id, user_agent, started_at, last_used_at, expires_at FROM browser_sessions
    WHERE tenant_id = %(user_id)s AND started_at IS NOT NULL AND expires_at > app_now()
    ORDER BY last_used_at DESC NULLS LAST, id LIMIT 100
    """,
    SignedInBrowser,
    not_null="started_at",
)

DELETE_ALL = statement("""
    DELETE FROM browser_sessions
    WHERE tenant_id = %(user_id)s AND (CAST(%(kept)s AS uuid) IS NULL OR id <> %(kept)s)
""")

ACT_FOR = statement("""
    UPDATE browser_sessions SET acting_for = %(account)s WHERE tenant_id = %(user_id)s AND id = %(id)s
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
