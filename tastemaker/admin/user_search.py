"""Finding users by a piece of their name, e-mail or business, for administrators.

Below three characters the piece has to be the beginning. Wildcards are letters like any other.
"""

from typing import ClassVar, Final

import psycopg

from tastemaker.admin.user_search_queries import FoundUser, list_matching
from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.db.claims import Claim
from tastemaker.db.engine import Database
from tastemaker.db.keyset import Page, Place, checked_limit, page_of, read_cursor

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
