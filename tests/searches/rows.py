"""Reading and writing rows as the product's own work, past the verbs. Parameters are `%(name)s`."""

from typing import Any

from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction


async def one(database: Database, statement: str, **parameters: object) -> object:
    (value,) = await many(database, statement, **parameters)
    return value


async def many(database: Database, statement: str, **parameters: object) -> list[object]:
    """The first column of every row."""
    return [row[0] for row in await table(database, statement, **parameters)]


async def table(database: Database, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
    async with transaction(database, SYSTEM) as tx:
        cursor = await tx.connection.execute(statement.encode(), parameters or None)
        return await cursor.fetchall()


async def write(database: Database, statement: str, **parameters: object) -> None:
    async with transaction(database, SYSTEM) as tx:
        await tx.connection.execute(statement.encode(), parameters or None)
