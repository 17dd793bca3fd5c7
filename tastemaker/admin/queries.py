"""User search for administrators, by a part of the name, e-mail or business.

A part of fewer than three characters must be the beginning. Wildcard characters are matched literally.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

import psycopg

from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.core.ids import ExternalUserId, UserId
from tastemaker.db.claims import SYSTEM, Claim
from tastemaker.db.keyset import KeysetPage, Place, checked_limit, page_of, read_cursor
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import read_many

_LIST: Final = "user search"
_LONGEST_NEEDLE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundUser:
    """A user without a subscription row has no plan and no states."""

    id: UserId
    user_id: ExternalUserId
    full_name: str | None
    email: str | None
    business_name: str | None
    onboarding_step: str
    is_admin: bool
    created_at: datetime
    current_plan: str | None
    trial_status: str | None
    subscription_status: str | None


class NotAnAdministrator(AppError):
    status: ClassVar[int] = 403


LIST_MATCHING = statement(
    """
    SELECT id, user_id, full_name, email, business_name, onboarding_step, is_admin, created_at,
           current_plan, trial_status, subscription_status
    FROM admin_search_users(
        %(needle)s, timezone('UTC', CAST(%(at)s AS timestamptz)), CAST(%(key)s AS uuid), %(wanted)s)
    """,
    FoundUser,
    not_null="id user_id onboarding_step is_admin created_at",
)
"""A SECURITY DEFINER function, which checks the claim and chooses the plan."""


_USER: Final = """u.id, u.user_id, u.full_name, u.email, u.business_name, u.onboarding_step, u.is_admin,
           u.created_at, s.current_plan, s.trial_status, s.subscription_status"""

LIST_NEWEST = statement(
    f"""
    SELECT {_USER} FROM users u LEFT JOIN user_subscriptions s ON s.user_id = u.id
    WHERE (u.created_at, u.id) < (
        coalesce(timezone('UTC', CAST(%(at)s AS timestamptz)), 'infinity'),
        coalesce(CAST(%(key)s AS uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY u.created_at DESC, u.id DESC LIMIT %(wanted)s
    """,  # noqa: S608 - constants of this module
    FoundUser,
)

FIND_REFERENCE = statement(
    """
    SELECT user_id FROM users WHERE user_id = %(reference)s OR email = lower(%(reference)s) LIMIT 10
    """,
    ExternalUserId,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCounts:
    """`sessions`: browsers that are signed in; `keys`: that are valid; `members`: beside the owner."""

    sessions: int
    keys: int
    campaigns: int
    members: int


COUNT_OF_USER = statement(
    """
    SELECT
        (SELECT count(*) FROM browser_sessions
         WHERE tenant_id = %(user_id)s AND started_at IS NOT NULL AND expires_at > app_now()) AS sessions,
        (SELECT count(*) FROM api_keys
         WHERE tenant_id = %(user_id)s AND revoked_at IS NULL
           AND (expires_at IS NULL OR expires_at > app_now())) AS keys,
        (SELECT count(*) FROM campaigns WHERE user_id = %(user_id)s) AS campaigns,
        (SELECT count(*) FROM members WHERE tenant_id = %(user_id)s) AS members
    """,
    UserCounts,
    not_null="sessions keys campaigns members",
)

SET_ADMINISTRATOR = statement("UPDATE users SET is_admin = %(is_admin)s WHERE user_id = %(user_id)s")

WITHDRAW_LINK = statement("""
    DELETE FROM account_links WHERE id = %(id)s AND tenant_id = %(user_id)s AND used_at IS NULL
""")


async def list_users(
    database: Database, *, after: str | None = None, limit: int = 50
) -> KeysetPage[FoundUser]:
    """Everybody, the newest first."""
    place = read_cursor(after, of=_LIST)
    rows = await read_many(
        database,
        SYSTEM,
        LIST_NEWEST,
        at=place and place.at,
        key=place and place.key,
        wanted=checked_limit(limit) + 1,
    )
    return page_of(rows, limit, of=_LIST, place=lambda user: Place(user.created_at, user.id))


async def search_users(
    database: Database, claim: Claim, needle: str, *, after: str | None = None, limit: int = 50
) -> KeysetPage[FoundUser]:
    """Newest first. Raises NotAnAdministrator, and InvalidInput for a needle that is too short."""
    place = read_cursor(after, of=_LIST)
    try:
        rows = await read_many(
            database,
            claim,
            LIST_MATCHING,
            needle=_checked(needle),
            at=place and place.at,
            key=place and place.key,
            wanted=checked_limit(limit) + 1,
        )
    except psycopg.errors.InsufficientPrivilege:
        raise NotAnAdministrator("Only an administrator searches all users.") from None
    except psycopg.errors.InvalidParameterValue:
        raise InvalidInput(
            f"{needle.strip()[:40]!r} says too little to search by; write three letters or digits in a row, "
            "or one or two that a name, an e-mail or a business begins with."
        ) from None
    return page_of(rows, limit, of=_LIST, place=lambda user: Place(user.created_at, user.id))


def _checked(needle: str) -> str:
    stripped = needle.strip()
    if not stripped or len(stripped) > _LONGEST_NEEDLE or "\0" in stripped:
        raise InvalidInput(f"Search users by 1 to {_LONGEST_NEEDLE} characters.")
    return stripped
