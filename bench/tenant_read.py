"""What a tenant's read costs, by how many round trips carry it.

`python -m bench.tenant_read URL` with the application role's URL of a migrated database. Every way runs in
turn, in rounds, on one warm connection; the baseline is the driver's own prepared statement with no claim on
a table without policies, so that every ratio comes from the same run.
"""

import asyncio
import statistics
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import perf_counter
from typing import Any

from psycopg.rows import tuple_row
from sqlalchemy import text

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant, claims_json
from tastemaker.db.engine import Database, open_database, session_scope
from tastemaker.db.profiles import PoolProfile
from tastemaker.db.reading import read_all

ROUNDS, REPEATS, WARM_UP = 20, 100, 50
READER = Tenant(ExternalUserId("bench reader"))
OURS = "SELECT u.id, u.user_id, u.full_name, u.industry FROM users u WHERE u.user_id = %(user_id)s"
BASELINE = "SELECT u.id, u.user_id, u.full_name, u.industry FROM pg_temp.bare_users u WHERE u.user_id = %s"
CLAIM = "SELECT set_config('request.jwt.claims', %s, true)"

Way = Callable[[], Awaitable[Any]]


async def main(url: str) -> None:
    async with open_database(url, PoolProfile(min_size=1, max_size=1)) as database:
        await _prepare(database)
        ways = _ways(database)
        took: dict[str, list[float]] = {name: [] for name in ways}
        for way in ways.values():
            for _ in range(WARM_UP):
                await way()
        for _ in range(ROUNDS):
            for name, way in ways.items():
                for _ in range(REPEATS):
                    started = perf_counter()
                    await way()
                    took[name].append(perf_counter() - started)
        await _clean_up(database)
    _print(took)


async def _prepare(database: Database) -> None:
    async with session_scope(database, READER) as session:
        await session.execute(
            text("INSERT INTO users (user_id) VALUES (:u) ON CONFLICT DO NOTHING"), {"u": READER.user_id}
        )
    async with database.pool.connection() as connection:
        await connection.execute(
            "CREATE TEMP TABLE bare_users (id uuid, user_id text PRIMARY KEY, full_name text, industry text)"
        )
        await connection.execute(
            "INSERT INTO bare_users VALUES (gen_random_uuid(), %s, NULL, NULL)", (READER.user_id,)
        )


def _ways(database: Database) -> dict[str, Way]:
    user = {"user_id": READER.user_id}
    statement = text(OURS.replace("%(user_id)s", ":user_id"))

    async def bare() -> Any:  # noqa: ANN401 - rows, thrown away
        async with database.pool.connection() as connection:
            await connection.set_autocommit(True)
            rows = await (await connection.execute(BASELINE, (READER.user_id,))).fetchall()
            await connection.set_autocommit(False)
            return rows

    async def session() -> Any:  # noqa: ANN401 - rows, thrown away
        async with session_scope(database, READER) as opened:
            return (await opened.execute(statement, user)).all()

    async def driver() -> Any:  # noqa: ANN401 - rows, thrown away
        async with database.pool.connection() as connection:
            await connection.execute(CLAIM, (claims_json(READER),))
            return await (await connection.execute(OURS, user)).fetchall()

    async def explicit() -> Any:  # noqa: ANN401 - rows, thrown away
        async with database.pool.connection() as connection:
            async with connection.pipeline():
                await connection.execute(CLAIM, (claims_json(READER),))
                cursor = await connection.execute(OURS, user)
                await connection.commit()
            return await cursor.fetchall()

    async def reading() -> Any:  # noqa: ANN401 - rows, thrown away
        return await read_all(database, READER, OURS, user, row=tuple_row)

    async def pooled() -> Any:  # noqa: ANN401 - rows, thrown away
        return await read_all(replace(database, prepares=False), READER, OURS, user, row=tuple_row)

    return {
        "bare prepared statement, no claim (1 round trip)": bare,
        "session_scope: BEGIN and claim, query, COMMIT (3)": session,
        "driver: BEGIN, claim, query, COMMIT (4)": driver,
        "pipeline: BEGIN, claim, query, COMMIT (1)": explicit,
        "db.reading: claim, query, implicit transaction (1)": reading,
        "db.reading behind a pooler: one message (1)": pooled,
    }


async def _clean_up(database: Database) -> None:
    async with session_scope(database, READER) as session:
        await session.execute(text("DELETE FROM users WHERE user_id = :u"), {"u": READER.user_id})


def _print(took: dict[str, list[float]]) -> None:
    baseline = statistics.median(next(iter(took.values())))
    print(f"{'':52}{'p50 µs':>9}{'p99 µs':>9}{'ratio':>7}")
    for name, seconds in took.items():
        middle, late = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
        print(f"{name:52}{middle * 1e6:9.0f}{late * 1e6:9.0f}{middle / baseline:7.2f}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
