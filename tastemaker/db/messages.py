"""Several statements in one message: none of them waits for the answer of the one before.

They run one after the other, each with what the ones before have done. Behind a pooler that cannot follow a
pipeline they are sent one by one.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.db.engine import PIPELINES, driver_connection
from tastemaker.db.statements import in_the_drivers_form

Answer = psycopg.AsyncCursor[DictRow]


@dataclass(frozen=True, slots=True)
class Message:
    connection: psycopg.AsyncConnection[Any]

    async def ask(self, statement: TextClause, parameters: Mapping[str, Any]) -> Answer:
        """Its rows may be fetched when the message has ended."""
        cursor = self.connection.cursor(row_factory=dict_row)
        return await cursor.execute(in_the_drivers_form(statement), parameters)


@asynccontextmanager
async def in_one_message(session: AsyncSession) -> AsyncIterator[Message]:
    """Nothing else may be done with the session meanwhile. Raises psycopg.Error, at the end at the latest."""
    connection = await driver_connection(session)
    if session.sync_session.info.get(PIPELINES):
        async with connection.pipeline():
            yield Message(connection)
    else:
        yield Message(connection)
