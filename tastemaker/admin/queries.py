"""User search for administrators, by a part of the name, e-mail or business.

A part of fewer than three characters must be the beginning. Wildcard characters are matched literally.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

import psycopg

from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.core.ids import ExternalUserId, UserId
from tastemaker.db.claims import Claim
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
