"""Statements as they were written before `db/statements.py`; this file goes with the last of them."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import dict_row, namedtuple_row
from sqlalchemy import TextClause

from tastemaker.db.claims import claims_json
from tastemaker.db.pool import lend
from tastemaker.db.transaction import CLAIM_TO_READ, CLAIM_TO_REPEAT

# ruff: noqa: ANN401, A003
Row = TypeVar("Row")

NAME: Final = re.compile(r"(?<![:\w\\]):(\w+)")


@cache
def in_the_drivers_form(statement: TextClause) -> bytes:
    return NAME.sub(r"%(\1)s", statement.text.replace("%", "%%")).replace("\\:", ":").encode()


class Bridged:
    """SQLAlchemy's Result, as far as it was used."""

    def __init__(self, cursor: Any, rows: Any) -> None:
        self.cursor, self.rows, self.rowcount = cursor, rows, cursor.rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def all(self) -> Any:
        return self.rows

    fetchall = all

    def first(self) -> Any:
        return self.rows[0] if self.rows else None

    fetchone = one_or_none = first

    def one(self) -> Any:
        (row,) = self.rows
        return row

    def scalars(self) -> "Bridged":
        return Bridged(self.cursor, [row[0] for row in self.rows])

    def scalar(self) -> Any:
        return self.rows[0][0] if self.rows else None

    scalar_one_or_none = scalar

    def scalar_one(self) -> Any:
        return self.one()[0]

    def mappings(self) -> "Bridged":
        names = [column.name for column in self.cursor.description or ()]
        return Bridged(self.cursor, [dict(zip(names, row, strict=True)) for row in self.rows])


async def execute(connection: Any, statement: Any, params: Any = None) -> Any:
    cursor = connection.cursor(row_factory=namedtuple_row)
    if isinstance(params, list | tuple):
        for one in params:
            await cursor.execute(in_the_drivers_form(statement), one)
    else:
        await cursor.execute(in_the_drivers_form(statement), params or {})
    return Bridged(cursor, await cursor.fetchall() if cursor.description else [])


async def _ask(
    connection: Any, claiming: str, claim: Any, asked: Any, row: Any, *, prepares: bool, prepare: Any
) -> Any:
    claims = {"claims": claims_json(claim)}
    if prepares:
        cursors = [connection.cursor(row_factory=row) for _ in asked]
        async with connection.pipeline():
            await connection.execute(claiming.encode(), claims)
            for cursor, (statement, params) in zip(cursors, asked, strict=True):
                await cursor.execute(statement, params, prepare=prepare)
        return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]
    cursor = psycopg.AsyncClientCursor(connection, row_factory=row)
    texts = [cursor.mogrify(claiming.encode(), claims)]
    texts += [
        cursor.mogrify(statement, params) if params is not None else statement for statement, params in asked
    ]
    await cursor.execute("; ".join(texts).encode())
    answers = []
    while cursor.nextset():
        answers.append(await cursor.fetchall() if cursor.description else [])
    return answers


async def read_all(
    database: Any, claim: Any, statement: Any, params: Mapping[str, Any] | None = None, *, row: Any
) -> Any:
    async with lend(database) as connection:
        (rows,) = await _ask(
            connection,
            CLAIM_TO_READ,
            claim,
            [(statement, params)],
            row,
            prepares=database.prepares,
            prepare=None,
        )
    return rows


async def read_one(
    database: Any, claim: Any, statement: Any, params: Mapping[str, Any] | None = None, *, row: Any
) -> Any:
    rows = await read_all(database, claim, statement, params, row=row)
    return rows[0] if rows else None


async def write_all(database: Any, claim: Any, *statements: Any) -> Any:
    asked = [
        (in_the_drivers_form(one) if isinstance(one, TextClause) else one.query, params)
        for one, params in statements
    ]
    async with lend(database) as connection:
        return await _ask(
            connection, CLAIM_TO_REPEAT, claim, asked, dict_row, prepares=database.prepares, prepare=True
        )


class Message:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def ask(self, statement: Any, params: Any) -> Any:
        cursor = self.connection.cursor(row_factory=dict_row)
        query = in_the_drivers_form(statement) if isinstance(statement, TextClause) else statement.query
        return await cursor.execute(query, params)

    async def one(self, statement: Any, /, **params: Any) -> Any:
        cursor = self.connection.cursor(row_factory=statement.make_rows)
        return await (await cursor.execute(statement.query, statement.check(params))).fetchone()

    async def run(self, statement: Any, /, **params: Any) -> Any:
        return (await self.connection.execute(statement.query, statement.check(params))).rowcount


@asynccontextmanager
async def in_one_message(tx: Any, *, is_last: bool = False) -> Any:
    yield Message(tx.connection)
    if is_last:
        await tx.connection.execute("COMMIT")


Later = Callable[[], Awaitable[Row]]
