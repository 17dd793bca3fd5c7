"""A1 to A3: workers that are killed, frozen or told to stop while they work on a page."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace

from tastemaker.core.clock import monotonic
from tastemaker.searches.run.runner import AHEAD_FROM_SECONDS
from tests.faults.registry import Result, expect, fault
from tests.faults.site import Site, Worker
from tests.faults.wire import pages, stable_ids
from tests.providers.remote import Asked, Reply

TARGET = 270
KILLS_OF_A_SEED = 20
SLOW_SECONDS = 2 * AHEAD_FROM_SECONDS

GATE = "SELECT 1 FROM provider_gates FOR UPDATE"
USAGE = "SELECT 1 FROM user_usage FOR UPDATE"
WAITS_FOR_LOCK = """
    SELECT count(*) > 0 FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'tastemaker' AND wait_event_type = 'Lock'"""


async def before_the_call(site: Site, worker: Worker) -> None:
    """It holds the run and waits for the provider's gate."""
    await _killed_while_locked(site, worker, GATE)


async def inside_the_call(site: Site, worker: Worker) -> None:
    """The platform has the request and has not answered."""
    await _killed_by_request(site, worker, pause=0.5)


async def after_the_call(site: Site, worker: Worker) -> None:
    """The answer is on its way into the worker, or just there."""
    await _killed_by_request(site, worker, pause=0.0)


async def before_the_commit(site: Site, worker: Worker) -> None:
    """The page is paid for and half written: it waits for the user's usage."""
    await _killed_while_locked(site, worker, USAGE)


MOVED_OR_ENDED = """
    SELECT sum(pages) > %s OR NOT EXISTS (
        SELECT FROM scraping_jobs WHERE status IN ('pending', 'processing')) FROM scraping_runs"""

POINTS: tuple[Callable[[Site, Worker], Awaitable[None]], ...] = (
    before_the_call,
    inside_the_call,
    after_the_call,
    before_the_commit,
)


@fault("A1", "kill -9 of a worker mid-page", more_seeds=tuple(range(2, 52)), within=1200)
async def killed_mid_page(site: Site, seed: int) -> Result:
    """At each of the four points; on the fifty further seeds twenty times at moments of chance."""
    return await (_killed_at_points(site, seed) if seed == 1 else _killed_by_chance(site, seed))


async def _killed_at_points(site: Site, seed: int) -> Result:
    site.remote.script = pages(10_000)
    points = random.Random(seed).sample(POINTS, len(POINTS))  # noqa: S311 - a plan, not a secret
    search = await site.start("chess", target=TARGET)
    worker = await site.worker()
    await site.until("SELECT sum(pages) >= 1 FROM scraping_runs")
    acknowledged, worst = set[str](), 0.0
    for point in points:
        await point(site, worker)
        acknowledged |= await site.stored()
        killed, kept = monotonic(), await site.pages()
        worker = await site.worker()
        await site.until("SELECT sum(pages) > %s FROM scraping_runs", kept)
        worst = max(worst, monotonic() - killed)
    await site.ended()
    stored = await site.stored()
    expect(len(stored) == TARGET, f"{len(stored)} creators instead of {TARGET}")
    expect(stored == stable_ids(range(TARGET)), "other creators than without a kill")
    ended = await site.bench.reload(search)
    names = ", ".join(point.__name__.replace("_", " ") for point in points)
    return Result(
        acknowledged=ended.stored,
        lost=len(acknowledged - stored),
        recovery=worst,
        seen=f"killed {names}; {len(site.remote.asked)} calls for {ended.pages} pages",
    )


async def _killed_by_chance(site: Site, seed: int) -> Result:
    """Of every other seed the platform is so slow that a page is asked for ahead."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    quick, pause = pages(100_000), SLOW_SECONDS if seed % 2 else 0.0
    site.remote.script = lambda asked: replace(quick(asked), pause=pause)
    workers = [await site.worker(FAULTS_GRACE="1.0") for _ in range(2)]
    acknowledged, worst, target = set[str](), 0.0, 0
    for _ in range(KILLS_OF_A_SEED):
        target += await _start_another(site, chance)
        await asyncio.sleep(chance.uniform(0, 0.4))
        which = chance.randrange(2)
        acknowledged |= await site.stored()
        await workers[which].kill()
        killed, kept = monotonic(), await site.pages()
        workers[which] = await site.worker(FAULTS_GRACE="1.0")
        await site.until(MOVED_OR_ENDED, kept)  # the last page may have been kept before the kill
        worst = max(worst, monotonic() - killed)
    await site.ended()
    stored = int(await site.one("SELECT count(*) FROM search_creators"))
    expect(stored == target, f"{stored} creators instead of {target}")
    return Result(
        acknowledged=stored,
        lost=len(acknowledged - await site.stored()),
        recovery=worst,
        seen=f"{KILLS_OF_A_SEED} kills at moments of chance, two workers",
    )


async def _start_another(site: Site, chance: random.Random) -> int:
    """A search, where none is open: there is always a page to be killed in. Its target."""
    if await site.one("SELECT count(*) FROM scraping_jobs WHERE status IN ('pending', 'processing')"):
        return 0
    target = chance.randrange(200, 400)
    await site.start(f"chess {chance.random()}", target=target)
    return target


@fault("A2", "SIGSTOP of a worker past its lease, then SIGCONT")
async def frozen(site: Site, seed: int) -> Result:
    """The zombie wakes up with its page's answer in hand: it writes nothing, and stops working on the run."""
    slow = pages(10_000)

    def script(asked: Asked) -> Reply:
        reply = slow(asked)
        return Reply(reply.body, pause=0.15)

    site.remote.script = script
    await site.start("chess", target=TARGET)
    zombie = await site.worker()
    await site.until("SELECT sum(pages) >= 2 FROM scraping_runs")
    await asyncio.sleep(random.Random(seed).uniform(0, 0.2))  # noqa: S311 - a plan, not a secret
    zombie.send(signal.SIGSTOP)
    stopped = monotonic()
    acknowledged, kept = await site.stored(), await site.pages()
    await site.worker()
    await site.until("SELECT sum(pages) > %s FROM scraping_runs", kept)
    recovery = monotonic() - stopped
    zombie.send(signal.SIGCONT)
    await site.ended()
    await asyncio.sleep(0.5)
    stored = await site.stored()
    expect(stored == stable_ids(range(TARGET)), "other creators than without the zombie")
    pages_kept = int(await site.one("SELECT pages FROM scraping_runs"))
    expect(pages_kept == TARGET // 30, f"{pages_kept} pages counted instead of {TARGET // 30}")
    expect(zombie.runs, "the zombie died instead of going on with other work")
    return Result(
        acknowledged=len(stored),
        lost=len(acknowledged - stored),
        recovery=recovery,
        seen="woke up, wrote nothing",
    )


@fault("A3", "SIGTERM to a worker and to the web process during work")
async def told_to_stop(site: Site, seed: int) -> Result:
    """`tastemaker work` hands back within ten seconds and exits with 0; so does `tastemaker serve`."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    slow = pages(10_000)
    site.remote.script = lambda asked: Reply(slow(asked).body, pause=0.2)
    await site.start("chess", target=TARGET)
    web = await site.command("serve", "--port", "0", ready="Serving")
    worker = await site.command("work")
    await site.until("SELECT sum(pages) >= 1 FROM scraping_runs")
    await asyncio.sleep(chance.uniform(0, 0.3))
    acknowledged = await site.stored()
    told = monotonic()
    worker.send(signal.SIGTERM)
    web.send(signal.SIGTERM)
    statuses = [await process.ends(within=12) for process in (worker, web)]
    took = monotonic() - told
    expect(statuses == [0, 0], f"exit statuses {statuses}")
    expect(took <= 10, f"it took {took:.1f} s to stop")
    held = await site.one("SELECT count(*) FROM background_jobs WHERE status = 'processing'")
    expect(held == 0, f"{held} jobs were not handed back")
    kept = await site.pages()
    begun = monotonic()
    await site.worker()
    await site.until("SELECT sum(pages) > %s FROM scraping_runs", kept)
    recovery = monotonic() - begun
    await site.ended()
    stored = await site.stored()
    expect(stored == stable_ids(range(TARGET)), "other creators than without the stop")
    return Result(
        acknowledged=len(stored),
        lost=len(acknowledged - stored),
        recovery=recovery,
        seen=f"stopped in {took:.1f} s",
    )


async def _killed_while_locked(site: Site, worker: Worker, lock: str) -> None:
    """Somebody else holds the rows that the worker needs next; it dies waiting for them."""
    connection = await site.connect()
    await connection.execute(lock)  # type: ignore[arg-type]  # a constant of this module
    await site.until(WAITS_FOR_LOCK)
    await worker.kill()
    await connection.rollback()


async def _killed_by_request(site: Site, worker: Worker, *, pause: float) -> None:
    """Killed when its next request is at the platform, which answers all the same."""
    script, arrived = site.remote.script, asyncio.Event()

    def deadly(asked: Asked) -> Reply:
        if arrived.is_set():
            return script(asked)
        arrived.set()
        return Reply(script(asked).body, pause=pause)

    site.remote.script = deadly
    await arrived.wait()
    if pause == 0:
        await asyncio.sleep(0.01)
    await worker.kill()
    site.remote.script = script
