"""The complete profile at a million users, against the driver's bare prepared statement.

`.venv/bin/python -m bench.profile [--users N]`. The baseline is one warm connection, prepared, of a role that
no policy holds back. Goals: 2.5 times with the tenant's claim in the same round trip, 2 times for a role that
needs no claim, 3 times under ten callers at once (against ten callers of the baseline).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from time import perf_counter
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool

from bench.measuring import Urls, Way, arguments, database, server, show, timed
from tastemaker.accounts.queries import GET_USER_PROFILE, get_user_profile
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant
from tastemaker.db.pool import Database, open_database
from tastemaker.db.profiles import PoolProfile
from tastemaker.db.statements import Statement, statement
from tastemaker.db.transaction import read_one, transaction
from tests.proofs.rows import load_users

CALLERS = 10
UNHELD_ROLE = "tastemaker_backup"
"""Reads everything by its own policy, without a claim."""

Draw = Callable[[], ExternalUserId]


async def main(users: int, urls: Urls) -> None:
    dice = random.Random(7)  # noqa: S311 - which user, the same in every run

    def draw() -> ExternalUserId:
        return ExternalUserId(f"user_{dice.randint(1, users)}")

    async with (
        open_database(urls.app, PoolProfile(min_size=1, max_size=1)) as ours,
        await psycopg.AsyncConnection.connect(urls.admin, autocommit=True) as bare,
        AsyncConnectionPool(
            urls.admin,
            min_size=1,
            max_size=1,
            kwargs={"options": f"-c role={UNHELD_ROLE}", "autocommit": True},
        ) as unheld,
    ):
        ways: dict[str, Way] = {
            "bare prepared statement, one connection": partial(_bare, bare, draw),
            "a role that needs no claim: pool, prepared, dataclass": partial(_unclaimed, unheld, draw),
            "get_user_profile: claim and query in one pipeline": partial(_ours, ours, draw),
            "the same in a transaction (BEGIN and claim, query, COMMIT)": partial(_transaction, ours, draw),
        }
        trips = dict(
            zip(ways, ("1 round trip", "1 round trip", "1 round trip", "3 round trips"), strict=True)
        )
        show(f"Complete profile, {users:,} users", await timed(ways, rounds=20, repeats=100), trips)
        parts = _parts(ours, bare, unheld, draw)
        show("Where the time goes", await timed(parts, rounds=20, repeats=50))
    await _together(urls, draw)


async def _bare(connection: psycopg.AsyncConnection[Any], draw: Draw) -> object:
    cursor = await connection.execute(GET_USER_PROFILE.query, {"user_id": draw()}, prepare=True)
    return await cursor.fetchone()


async def _unclaimed(pool: AsyncConnectionPool[Any], draw: Draw) -> object:
    async with pool.connection() as connection:
        cursor = connection.cursor(row_factory=GET_USER_PROFILE.make_rows)
        await cursor.execute(GET_USER_PROFILE.query, {"user_id": draw()})
        return await cursor.fetchone()


async def _ours(opened: Database, draw: Draw) -> object:
    return await get_user_profile(opened, draw())


async def _transaction(opened: Database, draw: Draw) -> object:
    user_id = draw()
    async with transaction(opened, Tenant(user_id)) as tx:
        return await tx.one(GET_USER_PROFILE, user_id=user_id)


SELECT_ONE = statement("SELECT 1 AS one WHERE %(user_id)s <> ''", int, not_null="one")
SELECT_ID = statement("SELECT id FROM users WHERE user_id = %(user_id)s", UUID)


def _parts(
    ours: Database, bare: psycopg.AsyncConnection[Any], unheld: AsyncConnectionPool[Any], draw: Draw
) -> dict[str, Way]:
    async def nothing() -> None:
        await bare.execute("SELECT 1", prepare=True)

    async def claimed(wanted: Statement[Any]) -> None:
        user_id = draw()
        await read_one(ours, Tenant(user_id), wanted, user_id=user_id)

    async def pooled() -> None:
        async with unheld.connection() as connection:
            await connection.execute("SELECT 1")

    return {
        "bare: SELECT 1": nothing,
        "bare: the profile": partial(_bare, bare, draw),
        "a pool's connection: SELECT 1": pooled,
        "read_one: claim and SELECT 1": partial(claimed, SELECT_ONE),
        "read_one: claim and one policy (users)": partial(claimed, SELECT_ID),
        "get_user_profile": partial(_ours, ours, draw),
    }


async def _together(urls: Urls, draw: Draw) -> None:
    """Ten callers at once: the time of each call, on ten connections."""
    bare_pool = AsyncConnectionPool(
        urls.admin, min_size=CALLERS, max_size=CALLERS, kwargs={"autocommit": True}
    )
    async with open_database(urls.app, PoolProfile(min_size=CALLERS, max_size=CALLERS)) as ours, bare_pool:
        connections = [await bare_pool.getconn() for _ in range(CALLERS)]
        took: dict[str, list[float]] = {"bare, ten at once": [], "get_user_profile, ten at once": []}
        for number in range(22):
            bare = await _all([partial(_bare, connection, draw) for connection in connections])
            profiles = await _all([partial(_ours, ours, draw)] * CALLERS)
            if number > 1:
                took["bare, ten at once"] += bare
                took["get_user_profile, ten at once"] += profiles
        for connection in connections:
            await bare_pool.putconn(connection)
    show(f"{CALLERS} concurrent callers", took)


async def _all(callers: list[Callable[[], Awaitable[object]]]) -> list[float]:
    async def calling(caller: Callable[[], Awaitable[object]]) -> list[float]:
        took = []
        for _ in range(50):
            started = perf_counter()
            await caller()
            took.append(perf_counter() - started)
        return took

    return [seconds for part in await asyncio.gather(*map(calling, callers)) for seconds in part]


if __name__ == "__main__":
    options = arguments(__doc__, users=1_000_000)
    with server(options.postgres_bin) as running:
        asyncio.run(
            main(
                options.users,
                database(running, f"users_{options.users}", lambda made: load_users(made, options.users)),
            )
        )
