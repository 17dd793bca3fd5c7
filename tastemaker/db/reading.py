"""One statement on somebody's behalf in one round trip.

Claim and statement travel together and PostgreSQL treats them as one transaction: the claim is gone, and what
was written is committed, when the answer comes. Should anything ever part the two, the statement runs without
a claim, finds nothing and may write nothing. `read_all` and `read_one` refuse to write; what needs more than
one statement uses `session_scope`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, LiteralString, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import BaseRowFactory, dict_row
from sqlalchemy import TextClause

from tastemaker.db.claims import Claim, claims_json
from tastemaker.db.engine import Database, take_connection
from tastemaker.db.statements import in_the_drivers_form

Row = TypeVar("Row")

_CLAIM: Final = "SELECT set_config('request.jwt.claims', %s, true)"
_CLAIM_TO_READ: Final = f"{_CLAIM}, set_config('transaction_read_only', 'on', true)"
_CLAIM_TO_REPEAT: Final = (
    f"{_CLAIM}, set_config('plan_cache_mode', 'force_generic_plan', true)"
    ", set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true)"
    ", set_config('jit', 'off', true)"
)
"""A plan for every value does not know how few rows a LIMIT leaves; it would sort tables and be compiled."""


async def read_all(
    database: Database,
    claim: Claim,
    statement: LiteralString,
    params: Mapping[str, Any] | None = None,
    *,
    row: BaseRowFactory[Row],
) -> list[Row]:
    """Every row, made by `row` (psycopg's `dict_row`, `class_row(Thing)`…).

    `statement` is psycopg's: `%(name)s`. Raises psycopg.Error, NoConnectionFree.
    """
    async with _asked(database, _CLAIM_TO_READ, claim, statement, params, row) as cursor:
        return await cursor.fetchall()


async def read_one(
    database: Database,
    claim: Claim,
    statement: LiteralString,
    params: Mapping[str, Any] | None = None,
    *,
    row: BaseRowFactory[Row],
) -> Row | None:
    """The first row, or None. As `read_all` otherwise."""
    async with _asked(database, _CLAIM_TO_READ, claim, statement, params, row) as cursor:
        return await cursor.fetchone()


async def write_all(
    database: Database,
    claim: Claim,
    *statements: tuple[TextClause, Mapping[str, Any]],
) -> list[list[dict[str, Any]]]:
    """Run statements that write, all or none, and commit them: the rows of each. As `read_all` otherwise.

    Made for statements that run thousands of times a minute: each is planned once per connection, along its
    indexes whatever the tables hold by then.
    """
    asked = [(in_the_drivers_form(statement), params) for statement, params in statements]
    async with _without_begin(database) as connection:
        if not database.prepares:
            return await _write_in_one_message(connection, claim, asked)
        cursors = [connection.cursor(row_factory=dict_row) for _ in asked]
        async with connection.pipeline():
            await connection.execute(_CLAIM_TO_REPEAT, (claims_json(claim),))
            for cursor, (statement, params) in zip(cursors, asked, strict=True):
                await cursor.execute(statement, params, prepare=True)
        return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]


async def _write_in_one_message(
    connection: psycopg.AsyncConnection[Any],
    claim: Claim,
    asked: Sequence[tuple[bytes, Mapping[str, Any]]],
) -> list[list[dict[str, Any]]]:
    cursor = psycopg.AsyncClientCursor(connection, row_factory=dict_row)
    written = [cursor.mogrify(_CLAIM_TO_REPEAT, (claims_json(claim),))]
    written += [cursor.mogrify(statement, params) for statement, params in asked]
    await cursor.execute("; ".join(written).encode())
    answers: list[list[dict[str, Any]]] = []
    while cursor.nextset():
        answers.append(await cursor.fetchall() if cursor.description else [])
    return answers


@asynccontextmanager
async def _asked(
    database: Database,
    claiming: LiteralString,
    claim: Claim,
    statement: LiteralString,
    params: Mapping[str, Any] | None,
    row: BaseRowFactory[Row],
) -> AsyncIterator[psycopg.AsyncCursor[Row]]:
    ask = _ask_in_pipeline if database.prepares else _ask_in_one_message
    async with _without_begin(database) as connection:
        yield await ask(connection, claiming, claim, statement, params, row)


@asynccontextmanager
async def _without_begin(database: Database) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection that sends no BEGIN; back to the pool as it came, or closed when it cannot be."""
    connection = await take_connection(database.pool)
    try:
        await connection.set_autocommit(True)
        yield connection
    finally:
        if connection.info.transaction_status == TransactionStatus.IDLE:
            await connection.set_autocommit(False)
        else:
            connection.pgconn.finish()
        await database.pool.putconn(connection)


async def _ask_in_pipeline(
    connection: psycopg.AsyncConnection[Any],
    claiming: LiteralString,
    claim: Claim,
    statement: LiteralString,
    params: Mapping[str, Any] | None,
    row: BaseRowFactory[Row],
) -> psycopg.AsyncCursor[Row]:
    """Prepared after a few times, as any statement."""
    cursor = connection.cursor(row_factory=row)
    async with connection.pipeline():
        await connection.execute(claiming, (claims_json(claim),))
        await cursor.execute(statement, params)
    return cursor


async def _ask_in_one_message(
    connection: psycopg.AsyncConnection[Any],
    claiming: LiteralString,
    claim: Claim,
    statement: LiteralString,
    params: Mapping[str, Any] | None,
    row: BaseRowFactory[Row],
) -> psycopg.AsyncCursor[Row]:
    """For poolers, which a pipeline can block: the driver ends one with a Flush after the Sync.

    Where the pooler has let go of the server by then, the Flush takes hold of it again, and no answer ever
    comes that would give it back.
    """
    cursor = psycopg.AsyncClientCursor(connection, row_factory=row)
    asked = cursor.mogrify(statement, params) if params is not None else statement
    both = f"{cursor.mogrify(claiming, (claims_json(claim),))}; {asked}"
    await cursor.execute(both.encode())
    cursor.nextset()
    return cursor
