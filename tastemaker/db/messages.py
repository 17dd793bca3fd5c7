"""Several statements in one message: none of them waits for the answer of the one before.

They run one after the other, each with what the ones before have done. Behind a pooler that cannot follow a
pipeline they are sent one by one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row
from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.db.engine import PIPELINES, driver_connection, end_transaction
from tastemaker.db.statements import in_the_drivers_form

Answer = psycopg.AsyncCursor[DictRow]
Read = TypeVar("Read")
Later = Callable[[], Awaitable[Read]]
"""What was asked in a message, to be read when it has ended."""


@dataclass(frozen=True, slots=True)
class Message:
    connection: psycopg.AsyncConnection[Any]

    async def ask(self, statement: TextClause, parameters: Mapping[str, Any]) -> Answer:
        """Its rows may be fetched when the message has ended."""
        cursor = self.connection.cursor(row_factory=dict_row)
        return await cursor.execute(in_the_drivers_form(statement), parameters)


@asynccontextmanager
async def in_one_message(session: AsyncSession, *, is_last: bool = False) -> AsyncIterator[Message]:
    """Nothing else may be done with the session meanwhile. Raises psycopg.Error, at the end at the latest.

    `is_last`: the message commits, too, and nothing may be done with the session after it.
    """
    connection = await driver_connection(session)
    if session.sync_session.info.get(PIPELINES):
        async with connection.pipeline():
            yield Message(connection)
            if is_last:
                await end_transaction(connection)
    else:
        yield Message(connection)
        if is_last:
            await end_transaction(connection)
