"""Who may see the pages of the system: administrators. For everybody else they do not exist."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Form, Query

from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.core.errors import NotFound
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, in_transaction

Result = TypeVar("Result")

NO_NUL: Final = r"^[^\x00]*$"
"""PostgreSQL stores no NUL, so no text may have one."""

Word = Annotated[str, Query(max_length=200, pattern=NO_NUL)]
"""A filter in a URL."""

Typed = Annotated[str, Form(max_length=1_000, pattern=NO_NUL)]
"""A field of a form."""


async def _administrator(visit: SignedIn) -> Visit:
    """Raises NotFound."""
    user = await visit.run(visit.user)
    if not user.is_admin:
        raise NotFound("There is nothing here.")
    return visit


Administrator = Annotated[Visit, Depends(_administrator)]
"""What a page of the system annotates its visit with."""


async def as_system(visit: Visit, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
    """One transaction over the rows of all users."""
    return await in_transaction(visit.database, SYSTEM, work)


def actor_of(visit: Visit) -> str:
    return f"{visit.user_id} (browser)"
