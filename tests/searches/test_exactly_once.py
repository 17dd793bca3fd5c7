"""Messages that come twice, workers that share a run, and one that was frozen: all of it harmless."""

import asyncio
import signal
import subprocess
from pathlib import Path

import httpx
import psycopg
import pytest

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.db import embedded
from tastemaker.db.transaction import transaction
from tastemaker.jobs.types import ClaimedJob, JobContext
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.sandbox.corpus import activate, generate
from tastemaker.searches.run.runner import continue_run
from tastemaker.searches.service import ContinueRun, cancel_search
from tastemaker.searches.types import Outcome
from tests.searches.rows import many, one, write
from tests.searches.scripted import Bench, ScriptedProvider, pages_of, working
from tests.searches.test_kills import BROKEN_PROMISES, COMMAND, environment

EVERY = "SELECT count(DISTINCT stable_id) = count(*) FROM search_creators"


async def assert_promises(bench: Bench) -> None:
    """All but one: a page on its way while another keyword reaches the target is paid and not kept."""
    for promise, violation in BROKEN_PROMISES.items():
        if promise == "a page paid twice without a word":
            continue
        assert await many(bench.database, violation) == [], promise


async def test_two_deliveries_of_one_message_keep_each_page_once(bench: Bench) -> None:
    """The same job in two hands at once: each page counts for whoever commits it first."""
    search = await bench.start("chess", target=40)
    await write(
        bench.database,
        "UPDATE background_jobs SET status = 'processing', attempt = 1, lease_until = now() + interval '1 h'",
    )
    provider = ScriptedProvider(pages_of(10, 100), delay=0.02)
    rows = await many(bench.database, "SELECT to_jsonb(b) FROM background_jobs b")
    (row,) = rows
    assert isinstance(row, dict)
    job = ClaimedJob(
        id=row["id"], job_type=row["job_type"], payload=row["payload"], attempt=1, retry_count=0,
        max_retries=9, tenant_id=row["tenant_id"], correlation_id=row["correlation_id"],
    )  # fmt: skip
    message = ContinueRun.model_validate(row["payload"])
    async with httpx.AsyncClient() as http:
        contexts = [
            JobContext(bench.database, job, asyncio.Event(), Configuration.of_defaults()) for _ in range(3)
        ]
        await asyncio.gather(
            *(continue_run(context, message, provider=provider, http=http) for context in contexts)
        )
        await continue_run(contexts[0], message, provider=provider, http=http)
    ended = await bench.reload(search)
    assert (ended.outcome, ended.stored, ended.pages) == (Outcome.FULL, 40, 4)
    assert await one(bench.database, EVERY) is True
    assert await one(bench.database, "SELECT usage_creators_current_month FROM user_usage") == 40


async def test_two_workers_over_many_keywords_pass_no_target(bench: Bench) -> None:
    searches = [await bench.start("chess", "makeup", "garden", target=target) for target in (33, 47, 60)]
    provider = ScriptedProvider(pages_of(10, 70), delay=0.01)
    async with working(bench.database, provider), working(bench.database, provider):
        ended = [await bench.finish(search) for search in searches]
    assert [search.stored for search in ended] == [33, 47, 60]
    await assert_promises(bench)
    found = await one(bench.database, "SELECT count(DISTINCT stable_id) FROM search_creators")
    assert await one(bench.database, "SELECT usage_creators_current_month FROM user_usage") == found


async def test_two_workers_over_many_keywords_pass_no_plan_limit(bench: Bench) -> None:
    """With a limit the searches of a user wait for each other's count; each creator is charged once."""
    await write(bench.database, "UPDATE user_usage SET plan_creators_limit = 25")
    searches = [await bench.start("chess", "makeup", target=60) for _ in range(3)]
    provider = ScriptedProvider(pages_of(10, 70), delay=0.01)
    async with working(bench.database, provider), working(bench.database, provider):
        ended = [await bench.finish(search) for search in searches]
    assert {search.outcome for search in ended} == {Outcome.PLAN_LIMIT}
    assert await one(bench.database, "SELECT usage_creators_current_month FROM user_usage") == 25
    assert await one(bench.database, "SELECT count(*) FROM usage_charges") == 25
    await assert_promises(bench)


async def test_a_worker_whose_lease_ran_out_writes_nothing_when_it_wakes(bench: Bench) -> None:
    """Its page comes after another worker has taken the job: not kept, though it was paid."""
    search = await bench.start("chess", target=30)
    slow, quick = ScriptedProvider(pages_of(10, 100), delay=1.0), ScriptedProvider(pages_of(10, 100))
    async with working(bench.database, slow, settings=WorkerSettings(poll=0.1, heartbeat=60)):
        while not slow.asked:
            await asyncio.sleep(0.02)
        await write(
            bench.database,
            "UPDATE background_jobs SET lease_until = now() - interval '1 s', worker = NULL"
            " WHERE status = 'processing'",
        )
        async with working(bench.database, quick):
            ended = await bench.finish(search)
            await asyncio.sleep(1.2)
    assert (ended.stored, ended.pages) == (30, 3)
    assert await one(bench.database, "SELECT sum(pages) FROM scraping_runs") == 3
    assert await one(bench.database, EVERY) is True


async def test_cancelling_and_finishing_at_once_end_in_one_way(bench: Bench) -> None:
    for _ in range(5):
        search = await bench.start("chess", target=10)

        async def stop(search=search) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - the loop's own
            async with transaction(bench.database, bench.user.claim) as tx:
                await cancel_search(tx, bench.user, search)

        async with working(bench.database, ScriptedProvider(pages_of(10, 10))):
            await asyncio.gather(stop(), bench.finish(search), return_exceptions=True)
            await bench.finish(search)
    finished = (
        "SELECT count(*) = count(DISTINCT aggregate_id) FROM events WHERE event_type = 'search_finished'"
    )
    assert await one(bench.database, finished) is True
    assert await one(bench.database, "SELECT count(*) FROM scraping_jobs WHERE completed_at IS NULL") == 0


@pytest.mark.slow
@pytest.mark.parametrize("ends", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen, then awake"])
def test_another_process_goes_on_from_the_last_page(tmp_path: Path, ends: signal.Signals) -> None:
    """Within 45 seconds; who was frozen past its lease wakes up to find everything done without it."""
    home = tmp_path / "home"
    home.mkdir()
    generate(tmp_path / "corpus.sqlite", creators=9000, posts_per_creator=6, seed=3)
    activate(home, tmp_path / "corpus.sqlite")
    with embedded.running(home):
        subprocess.run(
            [*COMMAND, "db", "migrate"], env=environment(home), check=True, stdout=subprocess.DEVNULL
        )
        command = [*COMMAND, "search", "next", "--platform", "tiktok", "--target", "400", "--json"]
        first = subprocess.Popen(command, env=environment(home), cwd=home, stdout=subprocess.DEVNULL)
        stored = wait_for_pages(home, first)
        first.send_signal(ends)
        second = subprocess.run(
            command, env=environment(home), cwd=home, stdout=subprocess.DEVNULL, timeout=60, check=False
        )
        assert second.returncode == 0
        first.send_signal(signal.SIGCONT if ends is signal.SIGSTOP else 0)
        first.wait(timeout=60)
        with connected(home) as connection:
            (count,) = connection.execute("SELECT count(*) FROM search_creators").fetchone() or (0,)
            assert count == 400 > stored
            for promise, violation in BROKEN_PROMISES.items():
                assert connection.execute(violation).fetchall() == [], promise


def wait_for_pages(home: Path, process: "subprocess.Popen[bytes]") -> int:
    with connected(home) as connection:
        while True:
            rows = connection.execute(
                "SELECT coalesce(sum(processed_results), 0) FROM scraping_jobs"
            ).fetchone()
            if rows and rows[0]:
                return int(rows[0])
            assert process.poll() is None, "the search ended before it could be disturbed"


def connected(home: Path) -> "psycopg.Connection[tuple[object, ...]]":
    with embedded.running(home) as server:
        connection = psycopg.connect(server.url(), autocommit=True)
    connection.execute('SET request.jwt.claims = \'{"role": "tastemaker_system"}\'')
    return connection
