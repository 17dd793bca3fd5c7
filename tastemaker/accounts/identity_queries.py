"""Statements about passwords, links that work once, and attempts to get in, with the system's claim."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import LinkPurpose, MemberRole
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordCredentials:
    """`verified_at`: when the person proved the address."""

    tenant_id: ExternalUserId
    email: str
    password_digest: str
    verified_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLink:
    """A link without its secret. `is_open`: neither used nor expired."""

    id: UUID
    tenant_id: ExternalUserId | None
    purpose: LinkPurpose
    email: str | None
    role: MemberRole | None
    created_by: ExternalUserId | None
    created_at: datetime
    expires_at: datetime
    is_mailed: bool
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Of one subject in its window. `seconds_left` until counting begins anew."""

    attempts: int
    seconds_left: float


_CREDENTIALS: Final = "SELECT tenant_id, email, password_digest, verified_at, changed_at FROM credentials"

FIND_BY_EMAIL = statement(
    f"{_CREDENTIALS} WHERE email = %(email)s",
    PasswordCredentials,
)
FIND_OF_USER = statement(f"{_CREDENTIALS} WHERE tenant_id = %(user_id)s", PasswordCredentials)

INSERT_CREDENTIALS = statement(
    """
    INSERT INTO credentials (tenant_id, email, password_digest, verified_at, changed_at, created_at)
    VALUES (%(user_id)s, %(email)s, %(digest)s, CASE WHEN %(is_proven)s THEN app_now() END,
            app_now(), app_now())
    ON CONFLICT DO NOTHING RETURNING tenant_id
    """,
    ExternalUserId,
)
"""Of two sign-ups with one address the second finds the first."""

SET_DIGEST = statement("""
    UPDATE credentials SET password_digest = %(digest)s,
           changed_at = CASE WHEN %(is_new)s THEN app_now() ELSE changed_at END,
           verified_at = CASE WHEN %(is_proven)s THEN coalesce(verified_at, app_now()) ELSE verified_at END
    WHERE tenant_id = %(user_id)s
""")

SET_EMAIL = statement("""
    UPDATE credentials SET email = %(email)s, verified_at = CASE WHEN %(is_proven)s THEN app_now() END
    WHERE tenant_id = %(user_id)s
      AND NOT EXISTS (
          SELECT FROM credentials taken WHERE taken.email = %(email)s AND taken.tenant_id <> %(user_id)s)
""")

SET_USER_EMAIL = statement("UPDATE users SET email = %(email)s WHERE user_id = %(user_id)s")

_LINK: Final = """id, tenant_id, purpose, email, role, created_by, created_at, expires_at, is_mailed,
    used_at IS NULL AND expires_at > app_now() AS is_open"""

INSERT_LINK_TO_ACCOUNT = statement(
    f"""
    INSERT INTO account_links
        (tenant_id, purpose, email, role, digest, created_by, created_at, expires_at)
    VALUES (%(user_id)s, %(purpose)s, %(email)s, %(role)s, %(digest)s, %(created_by)s, app_now(),
            app_now() + make_interval(secs => %(seconds)s))
    RETURNING {_LINK}
    """,  # noqa: S608 - constants of this module
    AccountLink,
    not_null="is_open",
)

FIND_LINK = statement(
    f"SELECT {_LINK} FROM account_links WHERE digest = %(digest)s",  # noqa: S608 - the same
    AccountLink,
    not_null="is_open",
)

FIND_LINK_BY_ID = statement(
    f"SELECT {_LINK} FROM account_links WHERE id = %(id)s",  # noqa: S608 - the same
    AccountLink,
    not_null="is_open",
)

LIST_OPEN_LINKS = statement(
    f"""
    SELECT {_LINK} FROM account_links
    WHERE used_at IS NULL AND expires_at > app_now() AND (purpose <> 'reset' OR tenant_id IS NOT NULL)
      AND (CAST(%(user_id)s AS text) IS NULL OR tenant_id = %(user_id)s)
    ORDER BY created_at DESC, id LIMIT %(limit)s
    """,  # noqa: S608 - the same
    AccountLink,
    not_null="is_open",
)

SET_LINK_DIGEST = statement("""
    UPDATE account_links SET digest = %(digest)s, is_mailed = %(is_mailed)s,
           expires_at = app_now() + make_interval(secs => %(seconds)s)
    WHERE id = %(id)s AND used_at IS NULL
""")
"""The secret that it had before, if any, works no more."""

USE_LINK = statement("""
    UPDATE account_links SET used_at = app_now()
    WHERE id = %(id)s AND used_at IS NULL AND expires_at > app_now()
""")
"""Of two uses the second finds no row."""

WITHDRAW_LINKS = statement("""
    DELETE FROM account_links
    WHERE used_at IS NULL AND purpose = %(purpose)s AND tenant_id IS NOT DISTINCT FROM %(user_id)s
      AND email IS NOT DISTINCT FROM %(email)s
""")

DELETE_LINK = statement("""
    DELETE FROM account_links WHERE id = %(id)s AND tenant_id = %(user_id)s AND used_at IS NULL
""")

PRUNE_LINKS = statement("""
    DELETE FROM account_links WHERE id IN (
        SELECT id FROM account_links WHERE expires_at <= app_now() - interval '7 days'
        ORDER BY expires_at LIMIT %(batch)s)
""")

COUNT_ATTEMPT = statement(
    """
    INSERT INTO sign_in_attempts AS known (subject, attempts, resets_at)
    VALUES (%(subject)s, 1, app_now() + make_interval(secs => %(seconds)s))
    ON CONFLICT (subject) DO UPDATE SET
        attempts = CASE WHEN known.resets_at <= app_now() THEN 1 ELSE known.attempts + 1 END,
        resets_at = CASE WHEN known.resets_at <= app_now() THEN excluded.resets_at ELSE known.resets_at END
    RETURNING attempts, CAST(extract(epoch FROM resets_at - app_now()) AS double precision) AS seconds_left
    """,
    Attempts,
    not_null="seconds_left",
)

FORGET_ATTEMPTS = statement("DELETE FROM sign_in_attempts WHERE subject = %(subject)s")

PRUNE_ATTEMPTS = statement("""
    DELETE FROM sign_in_attempts WHERE subject IN (
        SELECT subject FROM sign_in_attempts WHERE resets_at <= app_now() ORDER BY resets_at LIMIT %(batch)s)
""")

HAS_SIGNED_UP = statement(
    "SELECT EXISTS (SELECT FROM credentials WHERE tenant_id = %(user_id)s) AS known", bool, not_null="known"
)


async def prune_links(tx: Transaction, *, batch: int) -> int:
    """Delete links that expired more than a week ago; how many."""
    return await tx.run(PRUNE_LINKS, batch=batch)


async def prune_attempts(tx: Transaction, *, batch: int) -> int:
    return await tx.run(PRUNE_ATTEMPTS, batch=batch)
