"""Searches that wait: parked, without a provider, taken over, asked for again after a long time."""

import asyncio

import httpx
import pytest

from tastemaker.core.errors import NotFound
from tastemaker.db.transaction import transaction
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.providers.base import ErrorKind, Page, ProviderError
from tastemaker.searches.service import resume_search
from tastemaker.searches.tasks import Sources, search_handlers
from tastemaker.searches.types import Outcome, Status
from tests.searches.rows import one, write
from tests.searches.scripted import Bench, ScriptedProvider, page, pages_of, working

USED_UP = ProviderError(ErrorKind.QUOTA, "The daily quota is used up.", final=False, retry_after=3600)


async def test_a_search_that_several_keywords_park_waits_once(bench: Bench) -> None:
    """Its clock stands still as long as it waits, not once for every keyword."""

    def script(keyword: str, cursor: str | None) -> Page | Exception:
        return USED_UP if cursor else page([len(keyword)], "2")

    search = await bench.start("chess", "makeup", "gardens")
    provider = ScriptedProvider(script, delay=0.2)
    async with working(bench.database, provider):
        await bench.finish(search)
        while len(provider.asked) < 6:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
    assert await one(bench.database, "SELECT max(failures) FROM scraping_runs") == 0, "waiting is no failure"
    left = "SELECT extract(epoch FROM timeout_at - parked_until) FROM scraping_jobs"
    assert 3500 < float(str(await one(bench.database, left))) <= 3600


async def test_resuming_while_a_worker_is_about_to_wait_is_not_lost(bench: Bench) -> None:
    """The search is parked, its message not yet back in the queue: it would come an hour later."""
    search = await bench.start("chess")
    await write(
        bench.database,
        "UPDATE scraping_jobs SET parked_until = app_now() + interval '1 h', parked_reason = 'x'",
    )
    await write(bench.database, "UPDATE background_jobs SET status = 'processing', attempt = 1")
    async with transaction(bench.database, bench.user.claim) as tx:
        for _ in range(2):
            await resume_search(tx, bench.user, search)
    due = "SELECT count(*) FROM background_jobs WHERE status = 'pending' AND scheduled_for <= app_now()"
    assert await one(bench.database, due) == 1


async def test_a_search_asked_for_again_after_its_time_limit_goes_on(bench: Bench) -> None:
    search = await bench.start("chess", target=20)
    await write(
        bench.database,
        "UPDATE scraping_jobs SET status = 'processing', started_at = now() - interval '2 d', "
        "timeout_at = now() - interval '1 d'",
    )
    async with transaction(bench.database, bench.user.claim) as tx:
        await resume_search(tx, bench.user, await bench.reload(search))
    async with working(bench.database, ScriptedProvider(pages_of(10, 100))):
        ended = await bench.finish(search)
    assert (ended.outcome, ended.stored) == (Outcome.FULL, 20)
    assert await one(bench.database, "SELECT timeout_at > now() FROM scraping_jobs") is True


async def test_asking_again_while_a_worker_is_at_it_disturbs_nobody(bench: Bench) -> None:
    search = await bench.start("chess", target=60)
    async with working(bench.database, ScriptedProvider(pages_of(5, 1000), delay=0.05)):
        while (await bench.reload(search)).stored < 10:
            await asyncio.sleep(0.02)
        for _ in range(3):
            async with transaction(bench.database, bench.user.claim) as tx:
                await resume_search(tx, bench.user, await bench.reload(search))
        ended = await bench.finish(search)
        later = await bench.start("makeup", target=5)
        assert (await bench.finish(later)).outcome is Outcome.FULL
    assert (ended.outcome, ended.stored) == (Outcome.FULL, 60)


@pytest.mark.parametrize(("shift", "status"), [("-1 h", Status.TIMEOUT), ("1 h", Status.PROCESSING)])
async def test_a_search_without_a_provider_ends_when_its_time_is_over(
    bench: Bench, shift: str, status: Status
) -> None:
    search = await bench.start("chess")
    await write(
        bench.database,
        "UPDATE scraping_jobs SET status = 'processing', timeout_at = now() + CAST(%(shift)s AS interval)",
        shift=shift,
    )
    stopping = asyncio.Event()
    async with httpx.AsyncClient() as http:
        handlers = search_handlers(Sources(http=http, providers={}))
        worker = asyncio.create_task(run_worker(bench.database, handlers, stopping=stopping))
        while await one(bench.database, "SELECT attempt FROM background_jobs") == 0:
            await asyncio.sleep(0.02)
        stopping.set()
        await worker
    assert (await bench.reload(search)).status is status


async def test_the_failure_of_a_worker_that_lost_its_job_ends_nothing(bench: Bench) -> None:
    refused = ProviderError(ErrorKind.AUTH, "The key is refused.", final=True)
    search = await bench.start("chess")
    provider = ScriptedProvider(lambda _keyword, _cursor: refused, delay=0.4)
    async with working(bench.database, provider, settings=WorkerSettings(poll=0.1, heartbeat=60)):
        while not provider.asked:
            await asyncio.sleep(0.02)
        await write(
            bench.database,
            "UPDATE background_jobs SET attempt = attempt + 1, worker = NULL, "
            "lease_until = now() + interval '1 h'",
        )
        await asyncio.sleep(0.8)
    assert (await bench.reload(search)).status is Status.PROCESSING
    assert await one(bench.database, "SELECT status FROM provider_calls") == "failed"


async def test_who_has_no_plan_is_told_before_anything_is_searched(bench: Bench) -> None:
    await bench.start("chess")
    await write(bench.database, "DELETE FROM user_usage")
    with pytest.raises(NotFound):
        await bench.start("chess")
