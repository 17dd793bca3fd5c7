"""What the commands of jobs, event deliveries, outgoing and incoming messages share: list, show and change.

A ledger is described once: its table, its states, its query, and how one row is printed.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from tastemaker.cli import screen
from tastemaker.cli.listing import Listing, answer
from tastemaker.cli.options import word_of
from tastemaker.cli.session import Session
from tastemaker.core.display import counted
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.runtime import register_tasks

Row = TypeVar("Row")
One = TypeVar("One")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger(Generic[Row, One]):
    """`list_rows` takes `status`, `limit` and the filters of its own; `One` is a row with its body."""

    listing: Listing[Row]
    statuses: type[StrEnum]
    list_rows: Callable[..., Awaitable[Sequence[Row]]]
    print_one: Callable[[One], None]
    document: Callable[[Any], object] = asdict

    async def list(
        self, session: Session, *, status: str | None, as_json: bool, **filters: object
    ) -> Sequence[Row]:
        """Raises InvalidInput for a status that does not exist."""
        wanted = word_of(self.statuses, status)
        async with transaction(session.database, SYSTEM) as tx:
            rows = await self.list_rows(tx, status=wanted, **filters)
        self.listing.show(rows, as_json=as_json)
        return rows

    async def show(
        self, session: Session, work: Callable[[Transaction], Awaitable[One]], *, as_json: bool
    ) -> None:
        """Show the row that `work` finds."""
        async with transaction(session.database, SYSTEM) as tx:
            one = await work(tx)
        if as_json:
            screen.write_json(self.document(one))
        else:
            self.print_one(one)

    async def change(
        self, session: Session, work: Callable[[Transaction], Awaitable[One]], *, as_json: bool
    ) -> None:
        """Show the row that `work` changes. A change publishes jobs, so their types are registered first."""
        register_tasks()
        await self.show(session, work, as_json=as_json)


async def put_back(
    session: Session,
    work: Callable[[Transaction], Awaitable[int]],
    *,
    member: str,
    named: tuple[str, str],
    sentence: str,
    as_json: bool,
) -> None:
    """Make rows due again that were given up. `work` returns their number, `member` names it in JSON."""
    register_tasks()
    async with transaction(session.database, SYSTEM) as tx:
        count = await work(tx)
    answer({member: count}, f"{counted(count, *named)} {sentence}", as_json=as_json)
