"""Transactions on behalf of a claim: the only place that begins and commits.

`transaction` is for work, `read_one`, `read_many`, `read_together` and `write_together` for statements that
travel in one message together with their claim.
"""

import asyncio
import random
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.core.waiting import call_off
from tastemaker.db.claims import Claim, NotAMember, Tenant, UnknownUser, claims_json
from tastemaker.db.pool import Connection, Database, lend
from tastemaker.db.statements import Row, Statement

Result = TypeVar("Result")
Call = tuple[Statement[Any], Mapping[str, Any]]

DEADLOCK_OR_SERIALIZATION: Final = {"40P01", "40001"}
DISK_FULL: Final = "53100"
ATTEMPTS: Final = 5

DATABASE_TROUBLE: Final = (psycopg.Error, DatabaseUnavailable, OSError)
"""What a statement may raise when the database refuses it, is out of reach or has no connection free."""

STREAMED_AT_ONCE: Final = 2000
PLAN_TO_STREAM: Final = (
    "SELECT set_config('cursor_tuple_fraction', '1', true), set_config('work_mem', '64MB', true)"
)
"""All rows are read: a plan for the first few would look up each row by itself."""

CLAIM: Final = "SELECT set_config('request.jwt.claims', %(claims)s, true)"
CLAIM_TENANT: Final = "SELECT public.claim_tenant(%(claims)s)"
"""Sets the claim, and refuses a user who does not exist."""

READ_ONLY: Final = ", set_config('transaction_read_only', 'on', true)"
REPEATED: Final = (
    ", set_config('plan_cache_mode', 'force_generic_plan', true)"
    ", set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true)"
    ", set_config('jit', 'off', true)"
)
"""A plan for every value does not know how few rows a LIMIT leaves; it would sort tables and be compiled."""


class _SettingsEnd(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction. Its statements raise psycopg.Error."""

    connection: Connection

    async def one(self, statement: Statement[Row], /, **params: object) -> Row | None:
        """The first row, or None."""
        return await (await self._execute(statement, params)).fetchone()

    async def only(self, statement: Statement[Row], /, **params: object) -> Row:
        """The row of a statement that always has one, as `INSERT … RETURNING`. Raises LookupError without."""
        row = await (await self._execute(statement, params)).fetchone()
        if row is None:
            raise LookupError(f"no row; the statement begins {statement.sql[:60]!r}")
        return row

    async def many(self, statement: Statement[Row], /, **params: object) -> list[Row]:
        return await (await self._execute(statement, params)).fetchall()

    async def many_under(
        self, settings: Statement[Any], statement: Statement[Row], /, **params: object
    ) -> list[Row]:
        """The rows under settings that end with this statement. If it raises, the transaction continues."""
        rows: list[Row] = []
        with suppress(_SettingsEnd):
            async with self.savepoint():
                await self._execute(settings, {})
                rows = await self.many(statement, **params)
                raise _SettingsEnd
        return rows

    async def run(self, statement: Statement[Any], /, **params: object) -> int:
        """How many rows it changed."""
        return (await self._execute(statement, params)).rowcount

    async def run_each(
        self, statement: Statement[Row], params: Iterable[Mapping[str, Any]]
    ) -> list[Row | None]:
        """Run it with each of the parameters: the first row of each, or None, where it returns rows.

        psycopg ends such a batch with a Flush, after which the server would no longer end an idle transaction
        (`idle_in_transaction_session_timeout`); the empty statement behind it brings that back.
        """
        rows: list[Row | None] = []
        checked = [statement.check(one) for one in params]
        if not checked:
            return rows
        async with self.connection.cursor(row_factory=statement.make_rows) as cursor:
            await cursor.executemany(statement.query, checked, returning=True)
            rows.extend([await one.fetchone() async for one in cursor.results() if one.description])
        await self.connection.execute("")
        return rows

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """What the block did is undone when it raises; the transaction continues."""
        return self.connection.transaction()

    async def _execute(
        self, statement: Statement[Row], params: Mapping[str, Any]
    ) -> psycopg.AsyncCursor[Row]:
        cursor = self.connection.cursor(row_factory=statement.make_rows)
        return await cursor.execute(statement.query, statement.check(params))


@asynccontextmanager
async def transaction(database: Database, claim: Claim) -> AsyncIterator[Transaction]:
    """One transaction on behalf of `claim`: committed when the block ends, rolled back when it raises.

    Raises UnknownUser, NoConnectionFree, DatabaseUnavailable.
    """
    async with lend(database) as connection:
        begin = psycopg.AsyncClientCursor(connection)
        try:
            with _refusing(claim):
                await begin.execute(f"BEGIN; {_claiming(claim)}", {"claims": claims_json(claim)})
            yield Transaction(connection)
        except BaseException:
            await _roll_back(connection)
            raise
        await connection.commit()


async def in_transaction(
    database: Database, claim: Claim, work: Callable[[Transaction], Awaitable[Result]]
) -> Result:
    """Run `work` in its own transaction; again, up to five times, when PostgreSQL chose it as a victim."""
    for attempt in range(ATTEMPTS):
        try:
            async with transaction(database, claim) as tx:
                return await work(tx)
        except psycopg.Error as error:
            if not is_victim(error) or attempt == ATTEMPTS - 1:
                raise
        await asyncio.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable: the last attempt returns or raises")


async def read_one(
    database: Database,
    claim: Claim,
    statement: Statement[Row],
    /,
    **params: object,
) -> Row | None:
    """The first row, or None, in one round trip that cannot write.

    Raises UnknownUser, psycopg.Error, NoConnectionFree.
    """
    rows: list[Row]
    (rows,) = await read_together(database, claim, (statement, params))
    return rows[0] if rows else None


async def read_many(
    database: Database,
    claim: Claim,
    statement: Statement[Row],
    /,
    **params: object,
) -> list[Row]:
    """Every row. As `read_one` otherwise."""
    rows: list[Row]
    (rows,) = await read_together(database, claim, (statement, params))
    return rows


async def read_together(database: Database, claim: Claim, *calls: Call) -> list[list[Any]]:
    """The rows of several statements that see one state each, in one round trip. As `read_one` otherwise."""
    return await _in_one_message(database, claim, READ_ONLY, calls)


async def write_together(database: Database, claim: Claim, *calls: Call) -> list[list[Any]]:
    """Run statements that write, all or none, and commit them: the rows of each.

    Made for statements that run thousands of times a minute: each is planned once per connection, along its
    indexes, at any size of the tables.
    """
    return await _in_one_message(database, claim, REPEATED, calls, prepare=True)


async def stream_tuples(
    database: Database,
    claim: Claim,
    statement: Statement[Any],
    params: Mapping[str, Any],
    *,
    batch: int = STREAMED_AT_ONCE,
) -> AsyncGenerator[list[tuple[Any, ...]], None]:
    """All rows as plain tuples in batches, of one moment, by a cursor of the database.

    The transaction and its connection are taken while the reader reads, so it has to be quick and to close
    the iterator. Raises psycopg.Error, NoConnectionFree.
    """
    async with (
        transaction(database, claim) as tx,
        tx.connection.cursor(name="streamed_rows", row_factory=tuple_row) as cursor,
    ):
        await tx.connection.execute(PLAN_TO_STREAM)
        await cursor.execute(statement.query, statement.check(params))
        fetching = asyncio.create_task(cursor.fetchmany(batch))
        try:
            while rows := await fetching:
                fetching = asyncio.create_task(cursor.fetchmany(batch))
                await asyncio.sleep(0)  # the server makes the next batch while the reader works on this one
                yield rows
        finally:
            await call_off(fetching)


def is_victim(error: Exception) -> bool:
    """Whether PostgreSQL ended the transaction for another's sake: the same once more may succeed."""
    return isinstance(error, psycopg.Error) and error.sqlstate in DEADLOCK_OR_SERIALIZATION


def is_timed_out(error: Exception) -> bool:
    """Whether the statement took longer than its limit."""
    return isinstance(error, psycopg.errors.QueryCanceled)


def is_full(error: Exception) -> bool:
    """Whether PostgreSQL has no space left on its disk: what was committed is safe, and reads still work."""
    return isinstance(error, psycopg.Error) and error.sqlstate == DISK_FULL


def _claiming(claim: Claim) -> str:
    return CLAIM_TENANT if isinstance(claim, Tenant) else CLAIM


@contextmanager
def _refusing(claim: Claim) -> Iterator[None]:
    """What the database says of a user who does not exist, or of an actor who is no member."""
    try:
        yield
    except psycopg.errors.InvalidAuthorizationSpecification:
        who = claim.user_id if isinstance(claim, Tenant) else ""
        if isinstance(claim, Tenant) and claim.actor is not None:
            raise NotAMember("You are no member of this account any more.") from None
        raise UnknownUser(f"There is no user {who!r}.") from None


async def _roll_back(connection: Connection) -> None:
    """What cannot be rolled back is closed when it returns to the pool."""
    if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        with suppress(psycopg.Error):
            await connection.rollback()


async def _in_one_message(
    database: Database, claim: Claim, settings: str, calls: Sequence[Call], *, prepare: bool | None = None
) -> list[list[Any]]:
    """PostgreSQL treats a message as one transaction: its claim is gone when the answer comes.

    Should anything ever part the two, the statements run without a claim and find nothing.
    """
    send = _send_pipeline if database.prepares else _send_as_text
    claiming = _claiming(claim) + settings
    async with lend(database) as connection:
        with _refusing(claim):
            return await send(connection, claiming, {"claims": claims_json(claim)}, calls, prepare)


async def _send_pipeline(
    connection: Connection,
    claiming: str,
    claims: Mapping[str, str],
    calls: Sequence[Call],
    prepare: bool | None,  # noqa: FBT001 - psycopg's own argument
) -> list[list[Any]]:
    cursors = [connection.cursor(row_factory=statement.make_rows) for statement, _ in calls]
    async with connection.pipeline():
        await connection.execute(claiming.encode(), claims)
        for cursor, (statement, params) in zip(cursors, calls, strict=True):
            await cursor.execute(statement.query, statement.check(params), prepare=prepare)
    return [await cursor.fetchall() if _has_rows(cursor) else [] for cursor in cursors]


async def _send_as_text(
    connection: Connection,
    claiming: str,
    claims: Mapping[str, str],
    calls: Sequence[Call],
    prepare: bool | None,  # noqa: ARG001, FBT001 - text is never prepared
) -> list[list[Any]]:
    """For poolers, which a pipeline can block: psycopg ends one with a Flush after the Sync.

    Where the pooler has let go of the server by then, the Flush takes hold of it again, and no answer ever
    comes that would give it back.
    """
    cursor = psycopg.AsyncClientCursor(connection)
    texts = [cursor.mogrify(claiming.encode(), claims)]
    texts += [cursor.mogrify(statement.query, statement.check(params)) for statement, params in calls]
    await cursor.execute("; ".join(texts).encode())
    answers: list[list[Any]] = []
    for statement, _ in calls:
        cursor.nextset()
        make = statement.make_rows(cursor)
        answers.append([make(row) for row in await cursor.fetchall()] if _has_rows(cursor) else [])
    return answers


def _has_rows(cursor: psycopg.AsyncCursor[Any]) -> bool:
    """Whether the statement returns rows; `cursor.description` would describe every column for that."""
    return cursor.pgresult is not None and cursor.pgresult.nfields > 0
