"""How soon watchers see a committed page, and what hundreds of them cost a web process.

`python -m bench.watchers`. A web process of its own serves; clients in this process hold one event stream
each, spread over some searches. A page is committed for one search after the other; every watcher of it
notes when the event arrived. The memory is the web process's own, from /proc.
"""

import argparse
import asyncio
import multiprocessing
import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import httpx
import orjson
import psycopg

from bench.measuring import Urls, arguments, database, percentile, server
from bench.search_desk import Desk, desk
from tastemaker.accounts.api_keys import create_key
from tastemaker.asgi import create_app
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import ENABLE_RATE_LIMITING
from tastemaker.db.enums import ApiScope
from tastemaker.db.pool import open_database
from tastemaker.db.transaction import transaction
from tastemaker.web.rate_limit import RateLimit
from tastemaker.web.server import serving
from tastemaker.web.services import Services

GOAL_MS = 300
GOAL_MB = 250

PAGE = """
    WITH run AS (UPDATE scraping_runs SET pages = pages + 1, found = found + 50, version = version + 1
                 WHERE job_id = %(search)s)
    UPDATE scraping_jobs SET processed_runs = processed_runs + 1, processed_results = processed_results + 50
    WHERE id = %(search)s
"""
"""What the page transaction does to the search and its keywords."""


@dataclass
class Watched:
    """When each number of creators arrived at each watcher of the search."""

    search: str
    arrived: dict[int, list[float]] = field(default_factory=dict)


async def _serve(url: str, told: "multiprocessing.connection.Connection") -> None:
    stopping = asyncio.Event()
    config = Configuration.of_defaults({ENABLE_RATE_LIMITING: False})
    async with open_database(url) as opened:
        app = create_app(Services(opened, RateLimit(config), frozenset(), stopping))
        async with serving(app, host="127.0.0.1", port=0, stopping=stopping) as base_url:
            told.send(base_url)
            await asyncio.to_thread(told.recv)
            stopping.set()


def _run_server(url: str, told: "multiprocessing.connection.Connection") -> None:
    asyncio.run(_serve(url, told))


@contextmanager
def web_process(url: str) -> Iterator[tuple[str, int]]:
    """Its base URL and its process id."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run_server, args=(url, theirs))
    process.start()
    try:
        yield ours.recv(), process.pid or 0
    finally:
        ours.send("stop")
        process.join(30)


async def watch(http: httpx.AsyncClient, watched: Watched, ready: asyncio.Semaphore) -> None:
    async with http.stream("GET", f"/api/v1/searches/{watched.search}/events") as answer:
        assert answer.is_success, answer.status_code
        is_first = True
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                stored = orjson.loads(line[6:])["stored"]
                watched.arrived.setdefault(stored, []).append(perf_counter())
                if is_first:
                    is_first = False
                    ready.release()


async def commit_pages(admin: str, searches: Sequence[Watched], pages: int, pause: float) -> list[float]:
    """Seconds from each commit to its arrival at each watcher."""
    committed: list[tuple[Watched, int, float]] = []
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as owner:
        for number in range(1, pages + 1):
            for watched in searches:
                await owner.execute(PAGE, {"search": watched.search})
                committed.append((watched, number * 50, perf_counter()))
                await asyncio.sleep(pause)
    await asyncio.sleep(2)
    return [at - moment for watched, stored, moment in committed for at in watched.arrived[stored]]


async def measure(urls: Urls, asked: argparse.Namespace) -> None:
    async with desk(urls.app) as at:
        keywords = [f"keyword {number}" for number in range(asked.keywords)]
        searches = [Watched(str((await at.start(keywords, 50_000)).id)) for _ in range(asked.searches)]
        key = await _key(at)
        with web_process(urls.app) as (base_url, pid):
            idle = resident_mb(pid)
            limits = httpx.Limits(max_connections=None)
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(
                base_url=base_url, headers=headers, limits=limits, timeout=120
            ) as http:
                ready = asyncio.Semaphore(0)
                tasks = [
                    asyncio.create_task(watch(http, searches[number % len(searches)], ready))
                    for number in range(asked.watchers)
                ]
                for _ in range(asked.watchers):
                    await asyncio.wait_for(ready.acquire(), 60)
                waits = await commit_pages(urls.admin, searches, asked.pages, asked.pause / 1e3)
                connections = await _connections(urls.admin)
                full = resident_mb(pid)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    print(
        f"{asked.watchers} watchers of {len(searches)} searches with {asked.keywords} keywords, a page each"
        f" {asked.pause} ms, load {os.getloadavg()[0]:.0f}: commit to event p50"
        f" {statistics.median(waits) * 1e3:.0f} ms, p99 {percentile(waits, 99) * 1e3:.0f} ms,"
        f" last {max(waits) * 1e3:.0f} ms (goal {GOAL_MS}); web process {idle:.0f} MB before,"
        f" {full:.0f} MB with them (goal {GOAL_MB}); {connections} connections to the database"
    )


async def _key(at: Desk) -> str:
    async with transaction(at.database, at.user.claim) as tx:
        made = await create_key(tx, at.user, name="bench", scopes=[ApiScope.SEARCHES_READ])
    return made.secret


async def _connections(admin: str) -> int:
    """Of all processes, and this question's own."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    async with await psycopg.AsyncConnection.connect(admin) as owner:
        row = await (await owner.execute(asked)).fetchone()
    return int(row[0]) if row else 0


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def main() -> None:
    asked = arguments(__doc__, watchers=500, searches=50, keywords=5, pages=5, pause=20)
    with server(asked.postgres_bin) as running:
        asyncio.run(measure(database(running, "watchers", lambda _: None), asked))


if __name__ == "__main__":
    main()
