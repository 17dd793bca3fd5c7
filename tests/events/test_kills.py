"""Dispatchers killed at any point, and the server's sessions with them: no effect lost, none doubled."""

import asyncio
import random
import signal
import sys

import psycopg
import pytest

from tastemaker.db.pool import Database
from tests.events.dispatching import ask, make_effects, until, write
from tests.rules.source import ROOT

pytestmark = pytest.mark.slow

EVENTS = 400
KILLS = 25


async def _start(url: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.events.dispatching", url, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_effect_is_lost_or_doubled(
    seed: int, database: Database, app_url: str, admin_url: str
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    make_effects(admin_url)
    workers = [await _start(app_url), await _start(app_url)]
    done = 0
    try:
        for kill in range(KILLS):
            await write(database, *(f"{kill}-{number}" for number in range(EVENTS // KILLS)))
            await until(database, "SELECT bool_or(processing_status <> 'pending') FROM events")
            await asyncio.sleep(chance.uniform(0, 0.2))
            if chance.random() < 0.25:
                _cut_sessions(admin_url)
            which = chance.randrange(2)
            workers[which].send_signal(signal.SIGKILL)
            await workers[which].wait()
            workers[which] = await _start(app_url)
            done += 1
        await until(database, "SELECT bool_and(processing_status = 'completed') FROM events", within=120)
    finally:
        for worker in workers:
            worker.kill()
            await worker.wait()
    assert done == KILLS
    counted = "SELECT count(*) AS every, count(DISTINCT (event_id, subscriber)) AS different FROM effects"
    assert await ask(database, counted) == [(2 * EVENTS, 2 * EVENTS)]


def _cut_sessions(admin_url: str) -> None:
    """As when one of the server's processes dies: whoever is in a transaction is thrown out of it."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
