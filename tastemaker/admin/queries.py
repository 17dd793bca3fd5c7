"""User search for administrators, by a part of the name, e-mail or business.

A part of fewer than three characters must be the beginning. Wildcard characters are matched literally.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

import psycopg
from psycopg.rows import class_row

from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.core.ids import ExternalUserId, UserId
from tastemaker.db.claims import Claim
from tastemaker.db.engine import Database
from tastemaker.db.keyset import Page, Place, checked_limit, page_of, read_cursor
from tastemaker.db.reading import read_all


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


LIST_MATCHING: Final = """
    SELECT id, user_id, full_name, email, business_name, onboarding_step, is_admin, created_at,
           current_plan, trial_status, subscription_status
    FROM admin_search_users(
        %(needle)s, timezone('UTC', CAST(%(at)s AS timestamptz)), CAST(%(key)s AS uuid), %(wanted)s)
"""


async def list_matching(
    database: Database, claim: Claim, needle: str, *, after: Place | None, limit: int
) -> list[FoundUser]:
    """Newest first. Raises psycopg's InsufficientPrivilege and InvalidParameterValue, as the door says."""
    asked = {"needle": needle, "at": after and after.at, "key": after and after.key, "wanted": limit}
    return await read_all(database, claim, LIST_MATCHING, asked, row=class_row(FoundUser))


_LIST: Final = "user search"
_LONGEST_NEEDLE: Final = 200


class NotAnAdministrator(AppError):
    status: ClassVar[int] = 403


async def search_users(
    database: Database, claim: Claim, needle: str, *, after: str | None = None, limit: int = 50
) -> Page[FoundUser]:
    """Newest first. Raises NotAnAdministrator, and InvalidInput for a needle that says too little."""
    rows = await _matching(
        database,
        claim,
        _checked(needle),
        after=read_cursor(after, of=_LIST),
        limit=checked_limit(limit),
    )
    return page_of(rows, limit, of=_LIST, place=lambda user: Place(user.created_at, user.id))


async def _matching(
    database: Database, claim: Claim, needle: str, *, after: Place | None, limit: int
) -> list[FoundUser]:
    try:
        return await list_matching(database, claim, needle, after=after, limit=limit + 1)
    except psycopg.errors.InsufficientPrivilege:
        raise NotAnAdministrator("Only an administrator searches all users.") from None
    except psycopg.errors.InvalidParameterValue:
        raise InvalidInput(
            f"{needle[:40]!r} says too little to search by; write three letters or digits in a row, "
            "or one or two that a name, an e-mail or a business begins with."
        ) from None


def _checked(needle: str) -> str:
    stripped = needle.strip()
    if not stripped or len(stripped) > _LONGEST_NEEDLE or "\0" in stripped:
        raise InvalidInput(f"Search users by 1 to {_LONGEST_NEEDLE} characters.")
    return stripped
