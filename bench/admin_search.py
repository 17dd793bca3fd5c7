"""Administrators' user search at a million users, first fifty rows, against a sequential scan.

`.venv/bin/python -m bench.admin_search [--users N]`. Goal: at least eight times faster than the scan for
every needle of three characters or more. The scan is the same question with every index switched off, as
the server plans it, with its parallel workers. At the end the planner's own choice, without the door, for
a needle that stands in its statistics by chance.
"""

import asyncio
from functools import partial
from typing import Any

import psycopg

from bench.measuring import Urls, arguments, database, percentile, server, show, timed
from tastemaker.admin.queries import search_users
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database, open_database
from tastemaker.db.profiles import PoolProfile
from tests.proofs.rows import load_users

NEEDLES = {
    "absent": ("zyzzx", "qqqxxx", "nobody at all"),
    "rare": ("quixzote", "smith5800@", "johnson1", "lee studio", "30866"),
    "between": ("anna smith", "hannah w", "scott m", "peter", "li wu"),
    "common": ("ann", "john", "smith", "media", "example.com", ".com"),
    "prefix": ("an", "j", "li"),
    "hard": ("a beauty", "j smith", "com example"),
    "circle": ("examplexample",),
}
"""`hard` ones: their words are common, they themselves are not, or nowhere. One of fifty users' e-mails
holds every three letters of the circle, none the whole."""

PLAIN = """
    SELECT id, user_id, full_name, email, business_name, created_at FROM users
    WHERE full_name ILIKE %(p)s OR email ILIKE %(p)s OR business_name ILIKE %(p)s
    ORDER BY created_at DESC, id DESC LIMIT 50
"""

IN_THE_STATISTICS = """
    SELECT (histogram_bounds::text::text[])[50] FROM pg_stats WHERE tablename = 'users' AND attname = 'email'
"""


async def main(users: int, urls: Urls) -> None:
    async with (
        open_database(urls.app, PoolProfile(min_size=1, max_size=1)) as ours,
        await psycopg.AsyncConnection.connect(urls.admin, autocommit=True) as plain,
    ):
        await _print_by_needle(users, ours, plain)
        await _print_trap(ours, plain)


async def _print_by_needle(users: int, ours: Database, plain: psycopg.AsyncConnection[Any]) -> None:
    print(f"\nUser search, {users:,} users, first 50 rows")
    print(f"{'':10}{'needle':18}{'rows':>5}{'scan ms':>10}{'p50 ms':>9}{'p99 ms':>9}{'faster':>9}")
    for kind, needles in NEEDLES.items():
        kinds: list[float] = []
        for needle in needles:
            rows = len((await search_users(ours, SYSTEM, needle)).rows)
            await _scans_only(plain, on=True)
            scan = (await timed({"scan": partial(_plain, plain, needle)}, rounds=3, repeats=1, warm_up=1))[
                "scan"
            ]
            door = (await timed({"door": partial(_door, ours, needle)}, rounds=1, repeats=200))["door"]
            middle, faster = percentile(door, 50), percentile(scan, 50) / percentile(door, 50)
            print(
                f"{kind:10}{needle:18}{rows:5}{percentile(scan, 50) * 1e3:10.0f}{middle * 1e3:9.2f}"
                f"{percentile(door, 99) * 1e3:9.2f}{faster:8.0f}x"
            )
            kinds += door
        print(
            f"{kind:10}{'all':18}{'':15}{percentile(kinds, 50) * 1e3:9.2f}{percentile(kinds, 99) * 1e3:9.2f}"
        )


async def _print_trap(ours: Database, plain: psycopg.AsyncConnection[Any]) -> None:
    await _scans_only(plain, on=False)
    (needle,) = await (await plain.execute(IN_THE_STATISTICS)).fetchone() or ("",)
    took = await timed(
        {"the planner alone": partial(_plain, plain, needle), "the door": partial(_door, ours, needle)},
        rounds=3,
        repeats=2,
        warm_up=1,
    )
    show("An e-mail that stands in the planner's statistics", took)


async def _scans_only(connection: psycopg.AsyncConnection[Any], *, on: bool) -> None:
    for setting in ("enable_indexscan", "enable_bitmapscan", "enable_indexonlyscan"):
        await connection.execute(f"SET {setting} = {'off' if on else 'on'}".encode())


async def _plain(connection: psycopg.AsyncConnection[Any], needle: str) -> object:
    pattern = f"%{needle}%"
    return await (await connection.execute(PLAIN, {"p": pattern}, prepare=False)).fetchall()


async def _door(ours: Database, needle: str) -> object:
    return await search_users(ours, SYSTEM, needle)


if __name__ == "__main__":
    options = arguments(__doc__, users=1_000_000)
    with server(options.postgres_bin) as running:
        asyncio.run(
            main(
                options.users,
                database(running, f"users_{options.users}", lambda made: load_users(made, options.users)),
            )
        )
