"""How soon, and how little is lost between a provider's answers: first creators, one search, two hundred.

`python -m bench.search_latency`. First: a watcher looks every 10 ms; how long after the
provider's first answer does it see creators? Then a search of 20 pages at 200 ms
each against 20 times 200 ms. Then 200 searches of one keyword at 2 s by some users, side by side on one
worker, against their pages at 2 s each, and the memory of the process.
"""

import argparse
import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from time import perf_counter

import httpx

from bench.measuring import database, server
from bench.search_desk import PER_PAGE, Desk, NullProvider, desk, make_desks, make_page, working
from bench.search_pages import fill_catalog
from tastemaker.core.ids import new_id
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import read_one, transaction
from tastemaker.providers.base import KeywordQuery, Page
from tastemaker.searches.service import get_search

LOOK_SECONDS = 0.01
IS_ANY_OPEN = statement(
    "SELECT EXISTS (SELECT FROM scraping_jobs WHERE status IN ('pending', 'processing'))", bool
)


@dataclass
class Clocked(NullProvider):
    """Remembers when each answer came."""

    answered: list[float] = field(default_factory=list)

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        page = await super().search_keyword(http, query, cursor)
        self.answered.append(perf_counter())
        return page


def pages(number: int) -> Sequence[Page]:
    mark = new_id().hex[:10]
    return [make_page(mark, one, number) for one in range(number)]


async def first_creators(at: Desk, *, wait: float) -> float:
    """Seconds from the first answer to the first look that sees creators."""
    provider = Clocked({"chess": pages(2)}, wait)
    async with working(at.database, provider):
        search = await at.start(["chess"], 2 * PER_PAGE)
        while True:
            async with transaction(at.database, at.user.claim) as tx:
                if (await get_search(tx, at.user, str(search.id))).stored:
                    return perf_counter() - provider.answered[0]
            await asyncio.sleep(LOOK_SECONDS)


async def one_search(at: Desk, *, wait: float, count: int) -> float:
    """Seconds of a search of `count` pages beyond the provider's own."""
    async with working(at.database, NullProvider({"chess": pages(count)}, wait)):
        started = perf_counter()
        await at.end(await at.start(["chess"], count * PER_PAGE))
        return perf_counter() - started


async def many_searches(
    desks: Sequence[Desk], *, wait: float, searches: int, count: int, places: int
) -> float:
    """Seconds from the worker's start until all have ended; they were put there before, by users in turn."""
    keywords = [f"chess {number}" for number in range(searches)]
    provider = NullProvider({keyword: pages(count) for keyword in keywords}, wait)
    for keyword, at in zip(keywords, cycle(desks), strict=False):
        await at.start([keyword], count * PER_PAGE)
    database = desks[0].database
    started = perf_counter()
    async with working(database, provider, concurrency=places):
        while await _is_any_open(database):  # noqa: ASYNC110 - rows set no event
            await asyncio.sleep(0.1)
        return perf_counter() - started


async def _is_any_open(database: Database) -> bool:
    return bool(await read_one(database, SYSTEM, IS_ANY_OPEN))


def memory_mb() -> float:
    """The most this process ever held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


async def measure(url: str, asked: argparse.Namespace) -> None:
    async with desk(url) as at:
        await one_search(at, wait=0.0, count=10)
        firsts = [await first_creators(at, wait=0.2) for _ in range(asked.rounds)]
        print(f"first creators after the first answer: {statistics.median(firsts) * 1e3:.0f} ms")
        singles = [await one_search(at, wait=0.2, count=20) for _ in range(asked.rounds)]
        single = statistics.median(singles)
        print(f"20 pages at 200 ms: {single:.2f} s, {single / 4.0 - 1:+.0%} of the provider's own 4.00 s")
        desks = await make_desks(at, asked.users)
        for places in (20, asked.searches):
            took = await many_searches(
                desks, wait=2.0, searches=asked.searches, count=asked.pages, places=places
            )
            ideal = 2.0 * asked.pages * asked.searches / places
            print(
                f"{asked.searches} searches of {asked.pages} pages at 2 s, {places} at once: {took:.1f} s,"
                f" {took / ideal - 1:+.0%} of the ideal {ideal:.0f} s, at most {memory_mb():.0f} MB,"
                " the provider's ready pages included"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--pages", type=int, default=3)
    parser.add_argument("--users", type=int, default=20)
    asked = parser.parse_args()
    with server() as running:
        urls = database(running, "search_pages_10000", lambda connection: fill_catalog(connection, 10_000))
        asyncio.run(measure(urls.app, asked))


if __name__ == "__main__":
    main()
