"""Arrays arrive as they were sent, whichever way they were written."""

from typing import Any

import psycopg
import pytest

from tastemaker.db.pool import Database, lend

MAX_BIGINT = 2**63 - 1


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("text[]", ["plain", "with space", "Zoë 🙂", "a,b", "{c}", "", "NULL", "null"]),
        ("text[]", ['a "quote"', "plain"]),
        ("text[]", ["back\\slash", '","', "'"]),
        ("text[]", ["", ""]),
        ("text[]", ["one", None]),
        ("text[]", [["a", "b"], ["c", 'd"']]),
        ("text[]", []),
        ("bigint[]", [1, -MAX_BIGINT, MAX_BIGINT]),
        ("bigint[]", [1, None]),
        ("bigint[]", []),
        ("boolean[]", [True, False]),
    ],
)
async def test_an_array_arrives_as_it_was_sent(database: Database, kind: str, sent: list[Any]) -> None:
    async with lend(database) as connection:
        cursor = await connection.execute(f"SELECT CAST(%s AS {kind})", (sent,))
        assert await cursor.fetchone() == (sent,)


async def test_an_array_is_found_by_its_type_without_a_cast(database: Database) -> None:
    async with lend(database) as connection:
        cursor = await connection.execute("SELECT 'b' = ANY(%s), 2 = ANY(%s)", (["a", "b"], [1, 2]))
        assert await cursor.fetchone() == (True, True)


async def test_a_zero_byte_is_refused_before_it_is_sent(database: Database) -> None:
    with pytest.raises(psycopg.DataError):
        async with lend(database) as connection:
            await connection.execute("SELECT CAST(%s AS text[])", (["a\0b"],))
