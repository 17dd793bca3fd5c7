"""Which results hold creator X on platform Y, over 300,000 stored creators, against the scan.

`.venv/bin/python -m bench.results_with_creator [--pages N] [--each N]`. Goals: at most 1 ms, and a hundred
times faster than reading every page of results, which is the same question with every index switched off.
"""

import asyncio
import random
from functools import partial
from typing import Any

import psycopg

from bench.measuring import Urls, arguments, database, server, show, timed
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.pool import Database, open_database
from tastemaker.db.profiles import PoolProfile
from tastemaker.searches.history_queries import list_results_with_creator
from tests.proofs.rows import load_results, load_users

USER = ExternalUserId("user_9")
OF_USER = "SELECT creators #>> '{4,creator,uniqueId}' FROM scraping_results WHERE user_id = %s"

SCAN = """
    SELECT r.id, r.job_id, r.created_at FROM scraping_results r
    WHERE creator_usernames(r.creators) @> ARRAY[lower(%(name)s)]
      AND creator_platforms(r.creators) @> ARRAY['tiktok']
    ORDER BY r.created_at DESC, r.id DESC LIMIT 50
"""


async def main(creators: int, urls: Urls) -> None:
    dice = random.Random(7)  # noqa: S311 - which creator, the same in every run
    async with (
        open_database(urls.app, PoolProfile(min_size=1, max_size=1)) as ours,
        await psycopg.AsyncConnection.connect(urls.admin, autocommit=True) as plain,
    ):
        names = [row[0] for row in await (await plain.execute(OF_USER, (USER,))).fetchall()]

        async def known() -> object:
            return await _ours(ours, Platform.TIKTOK, dice.choice(names))

        await plain.execute("SET enable_indexscan = off")
        await plain.execute("SET enable_bitmapscan = off")
        scans = {"every page read": partial(_scan, plain, names[0])}
        took = await timed(scans, rounds=3, repeats=1, warm_up=1)
        ways = {
            "a creator of one page": known,
            "nobody of that name": partial(_ours, ours, Platform.TIKTOK, "nobody.at.all"),
            "the name on the wrong platform": partial(_ours, ours, Platform.INSTAGRAM, names[0]),
            "a common name on a rare platform": partial(_ours, ours, Platform.YOUTUBE, "brandhouse"),
            "a common name on the common platform, 50 rows": partial(
                _ours, ours, Platform.TIKTOK, "brandhouse"
            ),
        }
        took |= await timed(ways, rounds=10, repeats=50)
        show(f"Results with a creator, {creators:,} stored creators", took)


async def _ours(database: Database, platform: Platform, name: str) -> object:
    return await list_results_with_creator(database, USER, platform, name)


async def _scan(connection: psycopg.AsyncConnection[Any], name: str) -> object:
    return await (await connection.execute(SCAN, {"name": name})).fetchall()


def load(connection: psycopg.Connection, pages: int, each: int) -> None:
    load_users(connection, 1_000)
    load_results(connection, jobs=2_000, pages=pages, each=each)


if __name__ == "__main__":
    options = arguments(__doc__, pages=12_000, each=25)
    with server(options.postgres_bin) as running:
        name = f"results_{options.pages}_{options.each}"
        urls = database(running, name, lambda made: load(made, options.pages, options.each))
        asyncio.run(main(options.pages * options.each, urls))
