"""Statements about the members of accounts, with the system's claim."""

from dataclasses import dataclass
from datetime import datetime

from tastemaker.core.ids import ExternalUserId, UserId
from tastemaker.db.enums import MemberRole
from tastemaker.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One person in one account. `name` and `email` are the person's, or the owner's in `LIST_ACCOUNTS`."""

    tenant_id: ExternalUserId
    member_id: ExternalUserId
    role: MemberRole
    created_at: datetime
    name: str | None
    email: str | None


LIST_MEMBERS = statement(
    """
    SELECT m.tenant_id, m.member_id, m.role, m.created_at, u.full_name AS name, u.email
    FROM members m JOIN users u ON u.user_id = m.member_id
    WHERE m.tenant_id = %(user_id)s ORDER BY m.created_at, m.member_id
    """,
    Member,
)

LIST_ACCOUNTS = statement(
    """
    SELECT m.tenant_id, m.member_id, m.role, m.created_at, u.full_name AS name, u.email
    FROM members m JOIN users u ON u.user_id = m.tenant_id
    WHERE m.member_id = %(user_id)s ORDER BY m.created_at, m.tenant_id
    """,
    Member,
)
"""In which a person is a member."""

LOCK_ACCOUNT = statement("SELECT id FROM users WHERE user_id = %(user_id)s FOR UPDATE", UserId)
"""Of two who join at once the second counts the first."""

COUNT_MEMBERS = statement("SELECT count(*) FROM members WHERE tenant_id = %(user_id)s", int, not_null="count")

FIND_ROLE = statement(
    "SELECT role FROM members WHERE tenant_id = %(user_id)s AND member_id = %(member_id)s", MemberRole
)

SET_MEMBER = statement("""
    INSERT INTO members (tenant_id, member_id, role, created_at)
    VALUES (%(user_id)s, %(member_id)s, %(role)s, app_now())
    ON CONFLICT (tenant_id, member_id) DO UPDATE SET role = excluded.role
""")

REMOVE_MEMBER = statement("""
    DELETE FROM members WHERE tenant_id = %(user_id)s AND member_id = %(member_id)s
""")
