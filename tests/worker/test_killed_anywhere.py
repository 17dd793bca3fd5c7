"""Kill the worker at moments of chance: no job, event or message is lost, and none is doubled."""

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tastemaker.core.clock import monotonic
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.jobs.service import publish
from tests.worker.errands import CHANNELS, ECHO, ERRAND, ONCE, SURELY, Errand

CHAINS, LAST, KILLS = 8, 30, 12
KEYS = {f"{chain}-{number}" for chain in range(CHAINS) for number in range(1, LAST + 1)}

UNFINISHED = """
    SELECT (SELECT count(*) FROM background_jobs WHERE status <> 'completed')
         + (SELECT count(*) FROM outbox_messages WHERE status IN ('pending', 'sending'))
         + (SELECT count(*) FROM events
            WHERE event_type = 'campaign_created' AND processing_status <> 'completed')
"""
ERRANDS = "SELECT payload ->> 'chain' || '-' || (payload ->> 'number') FROM background_jobs"
MESSAGES = "SELECT body ->> 'key' FROM outbox_messages WHERE channel = %s AND status = ANY(%s)"


async def start(app_url: str, folder: Path) -> asyncio.subprocess.Process:
    with (folder / "complaints").open("ab") as complaints:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.worker.errands", app_url, str(folder), stderr=complaints
        )


def asked(admin_url: str, question: str, *values: object) -> list[Any]:
    with psycopg.connect(admin_url, autocommit=True) as owner:
        return [row[0] for row in owner.execute(question, values)]


async def killed_until_done(app_url: str, admin_url: str, folder: Path, seed: int) -> int:
    """How often; the last process is let live until nothing is left to do."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    kills, ends = 0, monotonic() + 120
    while True:
        process = await start(app_url, folder)
        try:
            if kills < KILLS:
                await asyncio.sleep(1.2 + chance.uniform(0.0, 0.6))
            while kills >= KILLS and asked(admin_url, UNFINISHED) != [0]:
                assert monotonic() < ends, (folder / "complaints").read_text()[-3000:]
                await asyncio.sleep(0.2)
            if asked(admin_url, UNFINISHED) == [0]:
                return kills
        finally:
            process.kill()
            await process.wait()
        kills += 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost_and_nothing_doubled(
    database: Database, app_url: str, admin_url: str, tmp_path: Path, seed: int
) -> None:
    async with transaction(database, SYSTEM) as tx:
        for chain in range(CHAINS):
            await publish(tx, ERRAND, Errand(chain=str(chain), number=1, last=LAST), dedupe_key=f"{chain}-1")
    kills = await killed_until_done(app_url, admin_url, tmp_path, seed)
    assert kills >= 5, "it was killed many times before it was done"

    events = asked(admin_url, "SELECT aggregate_id FROM events WHERE event_type = 'campaign_created'")
    assert Counter(events) == Counter(KEYS)
    assert Counter(asked(admin_url, ERRANDS)) == Counter(KEYS)
    told = asked(admin_url, "SELECT aggregate_id FROM events WHERE event_type = 'job_completed'")
    assert len(set(told)) == len(told) == len(KEYS), "each end is told once"
    echoes = asked(admin_url, MESSAGES, ECHO.name, ["sent"])
    assert Counter(echoes) == Counter(KEYS), "each event was delivered once in effect"

    left = {channel: (tmp_path / channel.name).read_text().splitlines() for channel in CHANNELS}
    once = Counter(line.split()[1] for line in left[ONCE])
    assert max(once.values()) == 1, "sent at most once"
    unknown = asked(admin_url, MESSAGES, ONCE.name, ["unknown"])
    assert set(once) | set(unknown) == KEYS, "what did not surely leave is shown to the operator"
    for channel in (SURELY, ECHO):
        assert {line.split()[1] for line in left[channel]} == KEYS, "sent at least once"
        assert len({line.split()[0] for line in left[channel]}) == len(KEYS), "and told apart by its key"
