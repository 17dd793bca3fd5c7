"""What a tenant's read costs, by how many round trips carry it.

`python -m bench.tenant_read URL` with the application role's URL of a migrated database. Every way runs in
turn, in rounds, on one warm connection; the baseline is the driver's own prepared statement with no claim on
a table without policies, so that every ratio comes from the same run.
"""

import asyncio
import statistics
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any
from uuid import UUID

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant
from tastemaker.db.pool import Database, lend, open_database
from tastemaker.db.profiles import PoolProfile
from tastemaker.db.statements import statement
from tastemaker.db.transaction import read_many, transaction


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    user_id: str
    full_name: str | None
    industry: str | None


ROUNDS, REPEATS, WARM_UP = 20, 100, 50
READER = Tenant(ExternalUserId("bench reader"))
OURS = statement(
    "SELECT u.id, u.user_id, u.full_name, u.industry FROM users u WHERE u.user_id = %(user_id)s", Person
)
BASELINE = "SELECT u.id, u.user_id, u.full_name, u.industry FROM pg_temp.bare_users u WHERE u.user_id = %s"
ADD = statement("INSERT INTO users (user_id) VALUES (%(user_id)s) ON CONFLICT DO NOTHING")
REMOVE = statement("DELETE FROM users WHERE user_id = %(user_id)s")

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
    async with transaction(database, SYSTEM) as tx:
        await tx.run(ADD, user_id=READER.user_id)
    async with lend(database) as connection:
        await connection.execute(
            "CREATE TEMP TABLE bare_users (id uuid, user_id text PRIMARY KEY, full_name text, industry text)"
        )
        await connection.execute(
            "INSERT INTO bare_users VALUES (gen_random_uuid(), %s, NULL, NULL)", (READER.user_id,)
        )


def _ways(database: Database) -> dict[str, Way]:
    async def bare() -> Any:  # noqa: ANN401 - rows, thrown away
        async with lend(database) as connection:
            return await (await connection.execute(BASELINE, (READER.user_id,))).fetchall()

    async def in_a_transaction() -> Any:  # noqa: ANN401 - rows, thrown away
        async with transaction(database, READER) as tx:
            return await tx.many(OURS, user_id=READER.user_id)

    async def reading() -> Any:  # noqa: ANN401 - rows, thrown away
        return await read_many(database, READER, OURS, user_id=READER.user_id)

    async def pooled() -> Any:  # noqa: ANN401 - rows, thrown away
        return await read_many(replace(database, prepares=False), READER, OURS, user_id=READER.user_id)

    return {
        "bare prepared statement, no claim (1 round trip)": bare,
        "transaction: BEGIN and claim, query, COMMIT (3)": in_a_transaction,
        "read_many: claim and query (1)": reading,
        "read_many behind a pooler: as text (1)": pooled,
    }


async def _clean_up(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        await tx.run(REMOVE, user_id=READER.user_id)


def _print(took: dict[str, list[float]]) -> None:
    baseline = statistics.median(next(iter(took.values())))
    print(f"{'':52}{'p50 µs':>9}{'p99 µs':>9}{'ratio':>7}")
    for name, seconds in took.items():
        middle, late = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
        print(f"{name:52}{middle * 1e6:9.0f}{late * 1e6:9.0f}{middle / baseline:7.2f}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
