"""Reading and writing rows as the product's own work, past the verbs."""

from sqlalchemy import text

from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database, session_scope


async def one(database: Database, statement: str, **parameters: object) -> object:
    (value,) = await many(database, statement, **parameters)
    return value


async def many(database: Database, statement: str, **parameters: object) -> list[object]:
    async with session_scope(database, SYSTEM) as session:
        return list((await session.execute(text(statement), parameters)).scalars())


async def write(database: Database, statement: str, **parameters: object) -> None:
    async with session_scope(database, SYSTEM) as session:
        await session.execute(text(statement), parameters)
