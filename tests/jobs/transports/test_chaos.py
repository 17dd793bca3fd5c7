"""kill -9 of whole processes, at moments drawn from a seed, under both transports, in the midst of searches.

Two processes serve one database; one of them is killed and started again, over and over, while QStash's twin
delivers some messages twice, some late, loses answers and rotates its key. Afterwards the rows are asked.
"""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.service import ensure_campaign
from tastemaker.core.platforms import Platform
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.sandbox.corpus import activate, generate
from tastemaker.searches.service import start_search
from tastemaker.searches.types import make_request
from tests.jobs.transports.lines import TRANSPORTS, free_port
from tests.jobs.transports.twin import KEYS, TOKEN, Disorder, running
from tests.searches.test_kills import BROKEN_PROMISES

KILLS = 6
SEEDS = (20261125, 7)
KEYWORDS = ("next", "makeup", "chess", "travel")
TARGET = 300
WORST_RECOVERY_SECONDS = 45

LEFT = "SELECT count(*) FROM scraping_jobs WHERE status IN ('pending', 'processing')"

ALSO_BROKEN = {
    "a job that nobody has, or that was given up": """
        SELECT id, job_type, status, attempt, retry_count, error FROM background_jobs
        WHERE status IN ('processing', 'failed') OR (status = 'pending' AND job_type = 'continue_run')""",
    "a search that found less than in peace": """
        SELECT keywords FROM scraping_jobs GROUP BY keywords
        HAVING count(DISTINCT (status, outcome, processed_results)) > 1 OR min(processed_results) < 50""",
}

WORST = """
    SELECT coalesce(max(extract(epoch FROM gap)), 0)::float FROM (
        SELECT created_at - lag(created_at) OVER (PARTITION BY run_id ORDER BY created_at) AS gap
        FROM search_creators) steps
"""


@dataclass
class Host:
    """One process that runs jobs; killed and begun again."""

    transport: str
    environment: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        serve = ["serve", "--port", str(self.port)]
        command = [
            sys.executable,
            "-m",
            "tastemaker.cli",
            *(serve if self.transport == "qstash" else ["work"]),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """In good order; its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "chaos.sqlite"
    generate(path, creators=9000, posts_per_creator=6, seed=3)
    return path


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_kills_lose_nothing_and_repeat_nothing(
    transport: str,
    seed: int,
    database: Database,
    user: CurrentUser,
    corpus: Path,
    tmp_path: Path,
    app_url: str,
    admin_url: str,
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed, so that a failure can be repeated
    async with running(Disorder(seed)) as twin:
        twin.retry_seconds = 2.0
        environment = _environment(tmp_path, corpus, app_url, admin_url, transport, twin.url)
        hosts = [Host(transport, environment, tmp_path / f"host{number}.log") for number in range(2)]
        twin.hosts = [host.url for host in hosts]
        async with _alive(hosts):
            await _start_searches(database, user, name="in peace")
            await _until_ended(admin_url)
            kills = 0
            while kills < KILLS:
                if _ask(admin_url, LEFT) < len(KEYWORDS):
                    await _start_searches(database, user, name=f"before kill {kills}")
                await asyncio.sleep(chance.uniform(0.5, 3.0))
                unlucky = chance.choice(hosts)
                await asyncio.to_thread(unlucky.kill)
                unlucky.start()
                kills += 1
                if kills == KILLS // 2:
                    twin.rotate()
            await _until_ended(admin_url)
            await asyncio.sleep(2)
            assert [await asyncio.to_thread(host.stop) for host in hosts] == [0, 0]
    worst = _ask(admin_url, WORST)
    what = f"{transport}, seed {seed}, {kills} kills, worst gap {worst:.1f} s"
    assert worst <= WORST_RECOVERY_SECONDS, what
    with psycopg.connect(admin_url) as owner:
        for promise, violation in {**BROKEN_PROMISES, **ALSO_BROKEN}.items():
            assert owner.execute(violation.encode()).fetchall() == [], f"{promise} ({what})"
    assert _ask(admin_url, "SELECT count(*) FROM scraping_jobs") >= 2 * len(KEYWORDS)
    named = _ask(admin_url, "SELECT count(*) FROM scraping_jobs WHERE qstash_message_id IS NOT NULL")
    assert (named > 0) is (transport == "qstash")
    of_jobs = _ask(admin_url, "SELECT count(*) FROM background_jobs WHERE qstash_message_id IS NOT NULL")
    assert (of_jobs > 0) is (transport == "qstash")


@asynccontextmanager
async def _alive(hosts: list[Host]) -> AsyncIterator[None]:
    for host in hosts:
        host.start()
    try:
        yield
    finally:
        for host in hosts:
            host.kill()


async def _until_ended(admin_url: str) -> None:
    async with asyncio.timeout(120):
        while _ask(admin_url, LEFT) > 0:
            await asyncio.sleep(0.5)


async def _start_searches(database: Database, user: CurrentUser, *, name: str) -> None:
    async with transaction(database, user.claim) as tx:
        campaign = await ensure_campaign(tx, user, name=name)
        for keyword in KEYWORDS:
            request = make_request(platform=Platform.TIKTOK, keywords=[keyword], target=TARGET)
            await start_search(tx, user, campaign, request, source="sandbox")


def _ask(admin_url: str, question: str) -> float:
    with psycopg.connect(admin_url) as owner:
        row = owner.execute(question.encode()).fetchone()
    assert row is not None
    return float(row[0])


def _environment(
    tmp_path: Path, corpus: Path, app_url: str, admin_url: str, transport: str, qstash: str
) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    activate(home, corpus)
    return {
        **os.environ,
        "TASTEMAKER_HOME": str(home),
        "DATABASE_URL": app_url,
        "DATABASE_ADMIN_URL": admin_url,
        "YOUTUBE_API_KEY": "",
        "SCRAPECREATORS_API_KEY": "",
        "TASTEMAKER_JOB_TRANSPORT": transport,
        "TASTEMAKER_PUBLIC_URL": "https://tastemaker.example.com",
        "QSTASH_TOKEN": TOKEN,
        "QSTASH_CURRENT_SIGNING_KEY": KEYS[0],
        "QSTASH_NEXT_SIGNING_KEY": KEYS[1],
        "QSTASH_URL": qstash,
    }
