"""The real adapters over real HTTP: a sandbox serves their wire formats from a small made-up corpus."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tastemaker.core.platforms import Platform
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.providers.http import make_client
from tastemaker.providers.registry import sandbox_lookups, sandbox_providers
from tastemaker.sandbox.faults import Faults
from tastemaker.sandbox.server import serve
from tastemaker.searches.tasks import Sources, search_handlers
from tastemaker.searches.types import Outcome, Status
from tests.searches.rows import many, table
from tests.searches.scripted import Bench


@asynccontextmanager
async def worker_over_sandbox(bench: Bench, corpus: Path, faults: Faults | None = None) -> AsyncIterator[str]:
    stopping = asyncio.Event()
    async with serve(corpus, faults=faults) as base_url, make_client() as http:
        sources = Sources(
            http=http,
            providers={"sandbox": sandbox_providers(base_url)},
            lookups={"sandbox": sandbox_lookups(base_url)},
        )
        worker = asyncio.create_task(
            run_worker(
                bench.database,
                search_handlers(sources),
                stopping=stopping,
                settings=WorkerSettings(poll=0.1),
            )
        )
        try:
            yield base_url
        finally:
            stopping.set()
            await worker


@pytest.mark.parametrize("platform", list(Platform))
async def test_every_platform_finds_creators_that_carry_the_word(
    bench: Bench, corpus: Path, platform: Platform
) -> None:
    async with worker_over_sandbox(bench, corpus):
        ended = await bench.finish(await bench.start("makeup", target=30, platform=platform))
    assert (ended.status, ended.outcome) == (Status.COMPLETED, Outcome.FULL)
    assert 0 < ended.stored <= 30
    rows = await table(bench.database, "SELECT stable_id, matched_in FROM search_creators")
    followers = await many(bench.database, "SELECT followers FROM creators")
    assert len({stable_id for stable_id, _ in rows}) == ended.stored
    assert all(matched_in for _, matched_in in rows), "every result says where the word is"
    assert any(followers)


async def test_trouble_on_the_way_changes_nothing_in_what_is_found(bench: Bench, corpus: Path) -> None:
    async with worker_over_sandbox(bench, corpus):
        calm = await bench.finish(await bench.start("travel", target=400, platform=Platform.TIKTOK))
    trouble = Faults(rate_limit_every=4, server_error_every=5, drop_every=7, retry_after=0)
    async with worker_over_sandbox(bench, corpus, trouble):
        search = await bench.start("travel", target=399, platform=Platform.TIKTOK)
        rough = await bench.finish(search, within=60)
    assert rough.status is Status.COMPLETED
    assert rough.stored == min(calm.stored, 399)
    statuses = await many(bench.database, "SELECT DISTINCT status FROM provider_calls")
    assert set(statuses) == {"charged", "failed"}


async def test_a_used_up_quota_keeps_what_was_found(bench: Bench, corpus: Path) -> None:
    async with worker_over_sandbox(bench, corpus, Faults(quota_after=3)):
        parked = await bench.finish(await bench.start("travel", target=400, platform=Platform.TIKTOK))
    assert parked.status is Status.PENDING
    assert parked.stored > 0
    assert parked.parked_until is not None
    assert "credits" in (parked.parked_reason or "")
