"""D1 and D6 to D8: many workers on one queue, jobs that kill them, and those who crowd others out."""

import asyncio
import random
import statistics
from contextlib import suppress

from tastemaker.core.clock import monotonic
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.jobs import claim_queries
from tastemaker.jobs.service import publish
from tests.faults.registry import Result, expect, fault
from tests.faults.site import Site, Worker
from tests.faults.worker_process import EFFECT, Effect

JOBS = 600
RAISES = 1 + EFFECT.max_retries
KILLS = RAISES + claim_queries.MORE_AFTER_A_LOSS
"""How often what raises is tried, and at most what loses its worker, also by the fault of one beside it."""
FUTURE = 200_000
CLAIM_SECONDS = 0.005
CROWD = 10_000
START_SECONDS = 5.0


class _Undone(Exception):
    """Rolls a transaction back."""


DONE = "SELECT count(*) = %s FROM effects"


@fault("D1", "several workers claim one job")
async def claimed_at_once(site: Site, seed: int) -> Result:
    """Four processes wake up for the same rows: each job is claimed once, and has its effect once."""
    workers = [await site.worker() for _ in range(4)]
    begun = monotonic()
    keys = [f"{seed}-{number}" for number in range(JOBS)]
    for start in range(0, JOBS, 50):
        async with transaction(site.database, SYSTEM) as tx:
            for key in keys[start : start + 50]:
                await publish(tx, EFFECT, Effect(key=key))
    await site.until(DONE, JOBS)
    took = monotonic() - begun
    await site.drained()
    attempts = await site.one("SELECT sum(attempt) FROM background_jobs WHERE job_type = 'fault_effect'")
    expect(attempts == JOBS, f"{attempts} claims of {JOBS} jobs")
    shared = await site.one("SELECT count(DISTINCT worker) FROM effects")
    expect(shared > 1, "one worker did everything: nothing was contended for")
    expect(all(worker.runs for worker in workers), "a worker died")
    return Result(acknowledged=JOBS, seen=f"{JOBS} jobs in {took:.1f} s by {shared} workers")


@fault(
    "D6", "poison jobs: one always raises, one crashes its worker, one is killed for its memory", within=400
)
async def poison(site: Site, seed: int) -> Result:
    """Counted before it runs, discarded after its attempts; the queue moves on, one worker lost at a time."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    await site.configure(job_processing__default_retry_delay="50ms")
    good = [Effect(key=f"good {number}", seconds=0.05) for number in range(80)]
    harms = [Effect(key=f"poison {harm}", harm=harm) for harm in ("raise", "segfault", "memory")]
    everything = [*good, *harms]
    chance.shuffle(everything)
    workers = [await site.worker(FAULTS_GRACE="1.0", FAULTS_PLACES="5") for _ in range(2)]
    guard = asyncio.create_task(_start_anew(site, workers))
    begun = monotonic()
    try:
        async with transaction(site.database, SYSTEM) as tx:
            for effect in everything:
                await publish(tx, EFFECT, effect)
        await site.until(
            "SELECT count(*) = 83 FROM background_jobs"
            " WHERE job_type = 'fault_effect' AND status IN ('completed', 'failed')",
            within=300,
        )
    finally:
        guard.cancel()
        await asyncio.gather(guard, return_exceptions=True)
    took = monotonic() - begun
    ended = await site.ask(
        "SELECT payload ->> 'key', attempt FROM background_jobs"
        " WHERE job_type = 'fault_effect' AND status = 'failed'"
    )
    expect({key for key, _ in ended} == {one.key for one in harms}, f"discarded: {sorted(ended)}")
    tried = dict(ended)
    expect(all(RAISES <= attempts <= KILLS for attempts in tried.values()), f"attempts: {tried}")
    effects = await site.one("SELECT count(*) FROM effects WHERE key LIKE 'good%%'", *())
    expect(effects == len(good), f"{effects} of {len(good)} good jobs had their effect")
    lost = len(workers) - 2
    expect(lost <= 2 * KILLS, f"{lost} workers lost to two deadly jobs of {KILLS} attempts")
    return Result(
        acknowledged=len(good),
        lost=len(good) - effects,
        recovery=took / max(1, lost),
        seen=f"{lost} workers lost, all {len(good)} others done",
    )


async def _start_anew(site: Site, workers: list[Worker]) -> None:
    """What a service manager does."""
    while True:
        living = [worker for worker in workers if worker.runs]
        if len(living) < 2:
            workers.append(await site.worker(FAULTS_GRACE="1.0", FAULTS_PLACES="5"))
        await asyncio.sleep(0.05)


@fault("D7", "200,000 jobs for later ahead of those that are due", more_seeds=(2,))
async def later_ones_ahead(site: Site, seed: int) -> Result:
    """More urgent ones, too: a claim does not look at them."""
    await site.do(
        "INSERT INTO background_jobs (job_type, payload, priority, scheduled_for, waits_for)"
        " SELECT 'fault_effect', jsonb_build_object('key', 'later ' || n), n %% 100,"
        "        app_now() + interval '1 day' + n * interval '1 second', 'time'"
        " FROM generate_series(1, %s) n",
        FUTURE,
    )
    await site.do("ANALYZE background_jobs")
    async with transaction(site.database, SYSTEM) as tx:
        for number in range(200):
            await publish(tx, EFFECT, Effect(key=f"due {seed} {number}"))
    times = []
    for _ in range(40):
        with suppress(_Undone):
            async with transaction(site.database, SYSTEM) as tx:
                begun = monotonic()
                asked = claim_queries.claim_parameters("test", ["fault_effect"], 1, 30.0)
                claimed = await tx.one(claim_queries.CLAIM, **asked)
                times.append(monotonic() - begun)
                expect(claimed is not None, "a due job was not found")
                raise _Undone
    median = statistics.median(times)
    expect(median < CLAIM_SECONDS, f"a claim takes {1000 * median:.1f} ms")
    begun = monotonic()
    await site.worker()
    await site.until(DONE, 200)
    left = await site.one(
        "SELECT count(*) FROM background_jobs WHERE waits_for = 'time' AND status = 'pending'"
    )
    expect(left >= FUTURE, f"{FUTURE - left} jobs ran before their time")
    return Result(
        acknowledged=200, recovery=monotonic() - begun, seen=f"a claim takes {1000 * median:.2f} ms"
    )


@fault("D8", "one tenant with 10,000 jobs before everybody else", more_seeds=(2,))
async def crowded_out(site: Site, seed: int) -> Result:
    """The job of somebody else starts within five seconds, however many wait before it."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    await site.do("INSERT INTO users (user_id) VALUES ('many'), ('few')")
    await site.do(
        "INSERT INTO background_jobs (job_type, payload, priority, scheduled_for, tenant_id)"
        " SELECT 'fault_effect', jsonb_build_object('key', 'many ' || n, 'seconds', 0.2), 100,"
        "        app_now() - interval '30 seconds', 'many' FROM generate_series(1, %s) n",
        CROWD,
    )
    await site.worker(FAULTS_PLACES="10")
    await site.until("SELECT count(*) > 10 FROM effects")
    worst = 0.0
    for number in range(5):
        await asyncio.sleep(chance.uniform(0, 0.5))
        async with transaction(site.database, SYSTEM) as tx:
            job_id = await publish(tx, EFFECT, Effect(key=f"few {number}"), tenant_id=ExternalUserId("few"))
        begun = monotonic()
        await site.until("SELECT started_at IS NOT NULL FROM background_jobs WHERE id = %s", job_id)
        worst = max(worst, monotonic() - begun)
    expect(worst <= START_SECONDS, f"the other's job started after {worst:.1f} s")
    await site.do(
        "UPDATE background_jobs SET status = 'cancelled' WHERE status = 'pending' AND tenant_id = 'many'"
    )
    await site.drained()
    done = await site.one("SELECT count(*) FROM effects")
    return Result(acknowledged=done, recovery=worst, seen=f"started after {worst:.2f} s at most")
