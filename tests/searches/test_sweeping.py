"""What nobody works on: ended in time, told again, erased to the end."""

import asyncio

import httpx
import pytest

from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.providers.base import KeywordQuery, Page
from tastemaker.searches.tasks import Sources, search_handlers
from tastemaker.searches.types import Outcome, Status
from tests.searches.rows import many, one, write
from tests.searches.scripted import Bench, ScriptedProvider, pages_of, sweeping, working


async def test_a_search_ends_in_time_though_nobody_works_on_it(bench: Bench) -> None:
    over = await bench.start("chess")
    await write(
        bench.database,
        "UPDATE scraping_jobs SET status = 'processing', timeout_at = now() - interval '1 s'",
    )
    parked = await bench.start("makeup")
    await write(
        bench.database,
        "UPDATE scraping_jobs SET timeout_at = now() - interval '1 s', parked_until = now() + interval '1 h'"
        " WHERE id = CAST(%(id)s AS uuid)",
        id=str(parked.id),
    )
    await write(bench.database, "DELETE FROM background_jobs")
    await sweep_once(bench)
    ended = await bench.reload(over)
    assert (ended.status, ended.outcome) == (Status.TIMEOUT, Outcome.TIMEOUT)
    assert (await bench.reload(parked)).status is Status.PENDING, "its clock stands still"
    finished = "SELECT count(*) FROM events WHERE event_type = 'search_finished'"
    assert await one(bench.database, finished) == 1


@pytest.mark.parametrize("left", ["", " AND keyword = 'chess'"], ids=["none at all", "ended ones"])
async def test_a_search_without_runs_ends(bench: Bench, left: str) -> None:
    search = await bench.start("chess", "makeup")
    assert await one(bench.database, "SELECT run_id IS NOT NULL FROM scraping_jobs") is True
    await write(bench.database, "UPDATE scraping_jobs SET status = 'processing', timeout_at = NULL")
    await write(
        bench.database,
        "UPDATE scraping_runs SET status = 'completed', end_reason = 'exhausted'",
    )
    if not left:
        await write(bench.database, "DELETE FROM scraping_runs")
    await sweep_once(bench)
    ended = await bench.reload(search)
    expected = (Status.COMPLETED, Outcome.NOTHING_FOUND) if left else (Status.TIMEOUT, Outcome.TIMEOUT)
    assert (ended.status, ended.outcome) == expected


async def test_a_call_of_a_dead_worker_is_written_off(bench: Bench) -> None:
    """Its search was cancelled, so no later call of the run can tell."""
    await write(
        bench.database,
        "INSERT INTO provider_calls (tenant_id, provider, operation, estimated_units, estimated_micros_usd,"
        " started_at) SELECT 'local', 'x', 'search_keyword', 1, 1880, now() - make_interval(mins => m)"
        " FROM unnest(ARRAY[29, 31]) m",
    )
    await sweep_once(bench)
    books = "SELECT status FROM provider_calls ORDER BY started_at"
    assert await many(bench.database, books) == ["abandoned", "estimated"]
    spent = "SELECT sum(micros_usd) FROM provider_spending"
    assert await one(bench.database, spent) == 2 * 1880, "it may have been charged"


async def test_a_lost_message_is_published_again(bench: Bench) -> None:
    search = await bench.start("chess", "makeup", target=15)
    await write(bench.database, "DELETE FROM background_jobs")
    provider = ScriptedProvider(pages_of(10, 100))
    async with working(bench.database, provider), sweeping(bench.database):
        ended = await bench.finish(search)
    assert (ended.outcome, ended.stored) == (Outcome.FULL, 15)


async def test_a_message_that_is_there_is_not_published_twice(bench: Bench) -> None:
    await bench.start(*(f"word {number}" for number in range(8)))
    before = await many(bench.database, "SELECT id FROM background_jobs ORDER BY id")
    await sweep_once(bench)
    assert len(before) == 5, "of eight keywords five may be worked on at once"
    kept = "SELECT id FROM background_jobs WHERE job_type = 'continue_run' ORDER BY id"
    assert await many(bench.database, kept) == before


async def test_each_keyword_has_its_turn_and_never_more_than_five_at_once(bench: Bench) -> None:
    running: set[str] = set()
    most = 0
    full = asyncio.Event()
    good = pages_of(3, 3)

    class Watched(ScriptedProvider):
        async def search_keyword(
            self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None
        ) -> Page:
            nonlocal most
            running.add(query.keyword)
            most = max(most, len(running))
            if len(running) == 5:
                full.set()
            try:
                async with asyncio.timeout(10):
                    await full.wait()  # however slow the machine, five meet
                return await super().search_keyword(http, query, cursor)
            finally:
                running.discard(query.keyword)

    search = await bench.start(*(f"word {number}" for number in range(12)))
    provider = Watched(good, delay=0.05)
    async with working(bench.database, provider):
        ended = await bench.finish(search)
    assert ended.outcome is Outcome.FULL
    assert len({keyword for keyword, _ in provider.asked}) == 12
    assert most == 5


async def sweep_once(bench: Bench) -> None:
    """A worker without providers, until one sweep is done."""
    stopping = asyncio.Event()
    async with httpx.AsyncClient() as http:
        handlers = search_handlers(Sources(http=http, providers={}))
        sweeper = {name: handler for name, handler in handlers.items() if name == "sweep_searches"}
        worker = asyncio.create_task(
            run_worker(bench.database, sweeper, stopping=stopping, settings=WorkerSettings(poll=0.05))
        )
        async with sweeping(bench.database):
            done = "SELECT count(completed_at) FROM background_jobs WHERE job_type = 'sweep_searches'"
            while await one(bench.database, done) == 0:
                await asyncio.sleep(0.02)
        stopping.set()
        await worker
