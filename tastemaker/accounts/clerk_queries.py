"""Statements about the users of Clerk, with the system's claim."""

from dataclasses import dataclass

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class ClerkSubject:
    """`version`: `updated_at` of the newest payload that was applied, in milliseconds."""

    subject: str
    tenant_id: ExternalUserId | None
    version: int
    is_deleted: bool


FIND_SUBJECT = statement(
    """
    SELECT subject, tenant_id, version, deleted_at IS NOT NULL AS is_deleted FROM clerk_subjects
    WHERE subject = %(subject)s
    """,
    ClerkSubject,
    not_null="is_deleted",
)

LOCK_SUBJECT = statement(
    """
    SELECT subject, tenant_id, version, deleted_at IS NOT NULL AS is_deleted FROM clerk_subjects
    WHERE subject = %(subject)s FOR UPDATE
    """,
    ClerkSubject,
    not_null="is_deleted",
)

ADD_SUBJECT = statement("""
    INSERT INTO clerk_subjects (subject, tenant_id, version) VALUES (%(subject)s, NULL, 0)
    ON CONFLICT DO NOTHING
""")

MAP_SUBJECT = statement("""
    UPDATE clerk_subjects SET tenant_id = %(user_id)s, deleted_at = NULL WHERE subject = %(subject)s
""")

SET_VERSION = statement("UPDATE clerk_subjects SET version = %(version)s WHERE subject = %(subject)s")

BURY_SUBJECT = statement("""
    UPDATE clerk_subjects SET deleted_at = coalesce(deleted_at, app_now()) WHERE subject = %(subject)s
""")

SET_IDENTITY = statement("""
    UPDATE users SET email = coalesce(%(email)s, email), full_name = coalesce(%(full_name)s, full_name)
    WHERE user_id = %(user_id)s
""")
