"""A4 to A8, A16 and A17: the database between its clients, and the clocks of both."""

import asyncio
import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import errors

from tastemaker.billing.tasks import FIND_ENDED_TRIALS
from tastemaker.core.clock import monotonic
from tastemaker.db.claims import SYSTEM
from tastemaker.db.statements import statement
from tastemaker.db.transaction import ATTEMPTS, Transaction, in_transaction, transaction
from tastemaker.jobs.schedules import Nothing
from tastemaker.jobs.service import publish
from tastemaker.searches.service import cancel_search
from tests.faults.processes import TARGET, USAGE
from tests.faults.registry import Result, expect, fault
from tests.faults.site import Site
from tests.faults.web import calling
from tests.faults.wire import pages, stable_ids
from tests.faults.worker_process import EFFECT, Effect

LONGEST_5XX = 5.0
PAGE_WAITS_FOR = """
    SELECT EXISTS (SELECT FROM pg_stat_activity
                   WHERE %s = ANY (pg_blocking_pids(pid)) AND query LIKE '%%charge_creators%%')"""
"""A page's transaction, which holds its run and its search, waits for the usage that this session holds."""


@fault("A4", "a frozen client holds a row lock")
async def frozen_with_a_lock(site: Site, seed: int) -> Result:
    """A worker stops in the middle of a page's transaction: the server ends it, the next one gets the row."""
    site.remote.script = pages(10_000)
    search = await site.start("chess", target=TARGET)
    worker = await site.worker()
    await site.until("SELECT sum(pages) >= 1 FROM scraping_runs")
    await asyncio.sleep(random.Random(seed).uniform(0, 0.2))  # noqa: S311 - a plan, not a secret
    holder = await site.connect()
    await holder.execute(USAGE)
    await site.until(PAGE_WAITS_FOR, holder.info.backend_pid)
    worker.send(signal.SIGSTOP)
    frozen = monotonic()
    acknowledged = await site.stored()
    await holder.rollback()
    while True:
        with suppress(psycopg.Error):  # a statement has its limit too; whoever asked asks again
            async with transaction(site.database, site.user.claim) as tx:
                await cancel_search(tx, site.user, await site.bench.reload(search))
            break
    recovery = monotonic() - frozen
    expect(recovery > 0.5, "nobody held the lock: nothing was tested")
    worker.send(signal.SIGCONT)
    await site.ended()
    await site.until("SELECT count(*) = 0 FROM background_jobs WHERE status = 'processing'")
    stored = await site.stored()
    return Result(
        acknowledged=len(acknowledged),
        lost=len(acknowledged - stored),
        recovery=recovery,
        seen=f"freed after {recovery:.1f} s by idle_in_transaction_session_timeout",
    )


LONG_QUERY = """
import psycopg, sys
with psycopg.connect(sys.argv[1], application_name="long") as connection:
    connection.execute("SELECT pg_sleep(120)")
"""
IS_LONG = "SELECT count(*) = %s FROM pg_stat_activity WHERE application_name = 'long' AND state = 'active'"


@fault("A5", "a client is killed during a long query")
async def killed_in_a_query(site: Site, seed: int) -> Result:
    """Its backend is gone within about a second, and with it whatever it locked."""
    worst = 0.0
    for _ in range(3):
        client = await asyncio.create_subprocess_exec(sys.executable, "-c", LONG_QUERY, site.app_url)
        await site.until(IS_LONG, 1)
        await asyncio.sleep(random.Random(seed).uniform(0, 1))  # noqa: S311 - a plan, not a secret
        client.kill()
        killed = monotonic()
        await client.wait()
        await site.until(IS_LONG, 0, within=10)
        worst = max(worst, monotonic() - killed)
    expect(worst <= 2.5, f"the backend stayed {worst:.1f} s")
    return Result(acknowledged=3, recovery=worst, seen="client_connection_check_interval=1s")


@fault("A6", "kill -9 of one PostgreSQL backend", alone=True)
async def backend_killed(site: Site, seed: int) -> Result:
    """The server drops every session and comes back; nobody gets an error for longer than five seconds."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    site.remote.script = pages(10_000)
    await site.worker()
    await site.start("chess", target=TARGET)
    async with calling(site) as client:
        made, begun = [], monotonic()
        for number in range(60):
            said = await client.create(f"Number {number}", f"k{number}")
            expect(said.status_code == 201, f"answered {said.status_code}")
            made.append(said.json()["id"])
            if number in {15, 40}:
                await _kill_a_backend(site, chance)
            await asyncio.sleep(0.02)
        took = client.longest_trouble
    expect(took <= LONGEST_5XX, f"errors for {took:.1f} s")
    acknowledged = await site.stored()
    recovery = await site.ended()
    stored = await site.stored()
    expect(stored == stable_ids(range(TARGET)), "other creators than without the kill")
    there = {str(row[0]) for row in await site.ask("SELECT id FROM campaigns")}
    await _count_once(site, 60)
    return Result(
        acknowledged=len(made) + len(stored),
        lost=len(set(made) - there) + len(acknowledged - stored),
        recovery=max(took, recovery) if monotonic() - begun < 60 else took,
        seen=f"two crashes, errors for {took:.1f} s at most",
    )


async def _kill_a_backend(site: Site, chance: random.Random) -> None:
    """Any session of the application's."""
    sessions = await site.ask(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'tastemaker' AND pid <> pg_backend_pid()"
    )
    os.kill(chance.choice(sessions)[0], signal.SIGKILL)


@fault("A7", "kill -9 of all of PostgreSQL", alone=True)
async def server_killed(site: Site, seed: int) -> Result:
    """What was acknowledged is there afterwards: campaigns over HTTP, pages, jobs, events."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    site.remote.script = pages(10_000)
    await site.worker()
    await site.start("chess", target=TARGET)
    acknowledged: set[str] = set()
    worst = 0.0
    async with calling(site) as client:
        for round_ in range(3):
            writing = asyncio.create_task(_publish_until_told(site, round_, acknowledged))
            made = [client.create(f"{round_}-{number}", f"{round_}-{number}") for number in range(8)]
            creating = asyncio.gather(*made)
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            await _kill_the_server(site)
            killed = monotonic()
            await asyncio.to_thread(site.ground.start_again)
            acknowledged |= {one.json()["id"] for one in await creating}
            worst = max(worst, monotonic() - killed)
            await writing
    await site.ended()
    await site.until(
        "SELECT count(*) = 0 FROM background_jobs WHERE job_type = 'fault_effect' AND status <> 'completed'"
    )
    rows = await site.ask("SELECT id FROM campaigns UNION ALL SELECT id FROM background_jobs")
    there = {str(row[0]) for row in rows}
    stored = await site.stored()
    expect(stored == stable_ids(range(TARGET)), "other creators than without the kills")
    await _count_once(site, 24)
    return Result(
        acknowledged=len(acknowledged) + len(stored),
        lost=len(acknowledged - there),
        recovery=worst,
        seen="three kills under load",
    )


async def _publish_until_told(site: Site, round_: int, acknowledged: set[str]) -> None:
    """Jobs in transactions of their own, until the database is gone; those whose commit was acknowledged."""
    for number in range(2000):
        try:
            async with transaction(site.database, SYSTEM) as tx:
                job_id = await publish(tx, EFFECT, Effect(key=f"{round_}-{number}"))
        except Exception:  # noqa: BLE001 - however the server's death is told
            return
        acknowledged.add(str(job_id))
        await asyncio.sleep(0.002)


async def _kill_the_server(site: Site) -> None:
    """First of all the parent, so that it cleans up nothing; then its children."""
    postmaster = site.ground.postmaster
    children = await asyncio.to_thread(_children_of, postmaster)
    for pid in (postmaster, *children):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _children_of(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text(errors="replace").rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


@fault("A8", "PostgreSQL restarts, fast and at once, during campaign creation", alone=True)
async def restarted(site: Site, seed: int) -> Result:
    """Each creation happens exactly once, whichever answer got lost: the Idempotency-Key says so."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    ids: set[str] = set()
    worst = 0.0
    async with calling(site) as client:
        for round_, how in enumerate([signal.SIGINT, signal.SIGQUIT]):
            creating = asyncio.gather(
                *(client.create(f"{round_}-{number}", f"{round_}-{number}") for number in range(30))
            )
            await asyncio.sleep(chance.uniform(0.02, 0.3))
            stopped = monotonic()
            postmaster = site.ground.postmaster
            os.kill(postmaster, how)
            await _until_gone(postmaster)
            await asyncio.to_thread(site.ground.start_again)
            answers = await creating
            worst = max(worst, monotonic() - stopped)
            expect({one.status_code for one in answers} == {201}, "a creation was refused")
            ids |= {one.json()["id"] for one in answers}
    expect(len(ids) == 60, f"{len(ids)} different answers to 60 creations")
    there = {str(row[0]) for row in await site.ask("SELECT id FROM campaigns")}
    await _count_once(site, 60)
    return Result(
        acknowledged=60, lost=len(ids - there), recovery=worst, seen="a fast and an immediate restart"
    )


async def _until_gone(pid: int) -> None:
    async with asyncio.timeout(30):
        while os.path.exists(f"/proc/{pid}"):  # noqa: ASYNC240, PTH110 - the kernel's, which answers at once
            await asyncio.sleep(0.02)


async def _count_once(site: Site, campaigns: int) -> None:
    """Beside the campaign of the search, if there is one."""
    names = await site.ask("SELECT name, count(*) FROM campaigns WHERE name <> 'test' GROUP BY 1")
    expect(len(names) == campaigns, f"{len(names)} campaigns of {campaigns}")
    twice = [name for name, count in names if count != 1]
    expect(not twice, f"created twice: {twice}")


PAIRS = """
    CREATE TABLE pairs (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
    INSERT INTO pairs SELECT generate_series(1, 2);
    GRANT SELECT, UPDATE ON pairs TO tastemaker_app"""
ADD = statement("UPDATE pairs SET n = n + 1 WHERE id = %(id)s")
FAIL = statement("DO $$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '40001'; END $$")


@fault("A16", "deadlocks and serialization failures")
async def victims(site: Site, seed: int) -> Result:
    """The victim runs again, five times at most, each time after a pause of chance; then it is told."""
    await site.do(PAIRS)
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    pauses = [chance.uniform(0, 0.02) for _ in range(40)]

    async def add(order: tuple[int, int], pause: float) -> None:
        async def work(tx: Transaction) -> None:
            await tx.run(ADD, id=order[0])
            await asyncio.sleep(pause)
            await tx.run(ADD, id=order[1])

        await in_transaction(site.database, SYSTEM, work)

    begun = monotonic()
    for number, pause in enumerate(pauses):
        await asyncio.gather(add((1, 2), pause), add((2, 1), pause + number % 2 / 1000))
    recovery = (monotonic() - begun) / len(pauses)
    counted = [row[0] for row in await site.ask("SELECT n FROM pairs")]
    expect(counted == [80, 80], f"{counted} instead of 80 each")
    deadlocks = await site.until(
        "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()", within=15
    )
    attempts: list[float] = []

    async def never(tx: Transaction) -> None:
        attempts.append(monotonic())
        await tx.run(FAIL)

    try:
        await in_transaction(site.database, SYSTEM, never)
    except psycopg.Error as error:
        expect(isinstance(error.orig, errors.SerializationFailure), f"told {error.orig!r}")
    else:
        expect(holds=False, promise="a failure that does not end was not told")
    expect(len(attempts) == ATTEMPTS, f"{len(attempts)} attempts")
    return Result(acknowledged=160, recovery=recovery, seen=f"all additions counted ({deadlocks:.1f} s)")


SKEW_SECONDS = 600
TRIAL = """
    WITH one AS (INSERT INTO users (user_id, onboarding_step) VALUES ('trial', 'completed') RETURNING id)
    INSERT INTO user_subscriptions (user_id, current_plan, trial_status, trial_start_date, trial_end_date)
    SELECT id, 'glow_up', 'active', timezone('UTC', app_now()) - interval '6 days',
           timezone('UTC', app_now()) + interval '5 minutes' FROM one"""
MOMENTS = (
    "2026-03-29 00:59:55+00",
    "2026-10-25 00:59:55+00",
    "2028-02-28 23:59:55+00",
    "2028-02-29 12:00:00+00",
)
"""The two changes of Europe's clocks, into the leap day, and in it."""


@fault("A17", "clocks ten minutes off, changes of summer time, 29 February")
async def skewed(site: Site, seed: int) -> Result:
    """Leases, time-outs and trials go by the database's clock: nothing is stolen, nothing ends early."""
    order = sorted(random.Random(seed).sample(MOMENTS, 2))  # noqa: S311 - a plan, not a secret
    zones = {"TZ": "Europe/Berlin", "PGTZ": "America/New_York"}
    workers = [await site.worker(FAULTS_SKEW=str(skew), **zones) for skew in (SKEW_SECONDS, -SKEW_SECONDS)]
    await site.configure(timeouts__standard_job_timeout="5m")
    total = 0
    for round_, moment in enumerate(order):
        await site.do("UPDATE clock_offset SET shift = %s::timestamptz - now()", moment)
        site.remote.script = pages(90, first={f"chess {round_}": 1000 * round_})
        await _publish_long_jobs(site, round_)
        search = await site.start(f"chess {round_}", target=90)
        await site.ended()
        ended = await site.bench.reload(search)
        expect(ended.stored == 90, f"ended as {ended.outcome} with {ended.stored} creators")
        total += ended.stored
        await site.until("SELECT count(*) = %s FROM effects", 4 * (round_ + 1))
    stolen = await site.one(
        "SELECT count(*) FROM background_jobs WHERE attempt > 1 AND job_type = 'fault_effect'"
    )
    expect(stolen == 0, f"{stolen} jobs were taken from who held them")
    await _trial_ends_on_time(site)
    expect(all(worker.runs for worker in workers), "a worker died")
    return Result(acknowledged=total + 8, seen=f"at {order[0][:16]} and {order[1][:16]}, ten minutes off")


async def _publish_long_jobs(site: Site, round_: int) -> None:
    """Long enough for a heartbeat to be due."""
    async with transaction(site.database, SYSTEM) as tx:
        for number in range(4):
            await publish(tx, EFFECT, Effect(key=f"{round_}-{number}", seconds=9 + number))


async def _trial_ends_on_time(site: Site) -> None:
    """Not when a worker's clock says so; when the database's does, and then with one event."""
    status = "SELECT trial_status FROM user_subscriptions WHERE tenant_id = 'trial'"
    await site.do(TRIAL)
    for _ in range(4):
        await _look_for_ended_trials(site)
    expect(await site.one(status) == "active", "a trial ended five minutes early")
    await site.do("UPDATE clock_offset SET shift = shift + interval '6 minutes'")
    await _look_for_ended_trials(site)
    await site.until("SELECT trial_status = 'expired' FROM user_subscriptions WHERE tenant_id = 'trial'")
    told = await site.one("SELECT count(*) FROM events WHERE event_type = 'trial_expired'")
    expect(told == 1, f"the trial's end was told {told} times")


async def _look_for_ended_trials(site: Site) -> None:
    async with transaction(site.database, SYSTEM) as tx:
        job_id = await publish(tx, FIND_ENDED_TRIALS, Nothing())
    await site.until("SELECT status = 'completed' FROM background_jobs WHERE id = %s", job_id)
