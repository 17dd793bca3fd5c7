"""F1, F5, F8 and F9: double clicks, a changed configuration, two ends at once, a huge campaign."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import errors

from tastemaker.campaigns.service import create_campaign, describe_campaign, get_campaign
from tastemaker.core.clock import monotonic
from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import in_transaction, transaction
from tastemaker.jobs.queries import cancel_job
from tastemaker.jobs.service import publish
from tastemaker.searches.maintenance import delete_campaign
from tastemaker.searches.run.runner import SWITCHED_OFF_SECONDS
from tastemaker.searches.service import cancel_search
from tests.faults.registry import Result, expect, fault
from tests.faults.site import Site
from tests.faults.web import calling
from tests.faults.wire import PER_PAGE, pages
from tests.faults.worker_process import EFFECT, Effect
from tests.providers.remote import Asked, Reply
from tests.web.test_campaigns import somebody

CLICKS = 20
LIMIT = 3
HOT_SECONDS = 5.0
ROUNDS = 8
LONGEST_LOCK = 1.0


@fault("F1", "twenty clicks on `create` at the plan's limit, with the same key and with different ones")
async def double_clicks(site: Site, seed: int) -> Result:
    """Exactly as many campaigns as the plan allows; the same key gets the same answer."""
    limited = await somebody(site.database, "limited")  # a plan of so few campaigns has no API
    await site.do("UPDATE user_usage SET plan_campaigns_limit = %s WHERE tenant_id = 'limited'", LIMIT)
    async with calling(site, limited) as client:
        same = await asyncio.gather(*(client.create("Same", f"same {seed}") for _ in range(CLICKS)))
        expect({one.status_code for one in same} == {201}, "a repeated click was refused")
        expect(len({one.content for one in same}) == 1, "the same key got different answers")
        different = await asyncio.gather(*(client.create("Other", f"{seed}-{n}") for n in range(CLICKS)))
    statuses = sorted(one.status_code for one in different)
    expect(statuses == [201] * (LIMIT - 1) + [402] * (CLICKS - LIMIT + 1), f"answered {statuses}")
    rows = await site.one("SELECT count(*) FROM campaigns WHERE user_id = 'limited'")
    expect(rows == LIMIT, f"{rows} campaigns where the plan allows {LIMIT}")
    return Result(acknowledged=LIMIT, seen=f"{2 * CLICKS} clicks, {LIMIT} campaigns")


class Company:
    """A platform that counts how many calls are under way at once."""

    def __init__(self) -> None:
        self.calls: list[float] = []

    def __call__(self, asked: Asked) -> Reply:
        self.calls.append(monotonic())
        first = 100_000 * "abcdefgh".index(asked.params["query"])
        return Reply(pages(3000, first={asked.params["query"]: first})(asked).body, pause=0.5)

    def at_once(self, since: float) -> int:
        starts = [at for at in self.calls if at >= since]
        return max((sum(at <= other < at + 0.5 for other in starts) for at in starts), default=0)


@fault("F5", "limits and switches change in mid-run, also to something invalid")
async def changed_in_flight(site: Site, seed: int) -> Result:
    """In force within five seconds without a restart; what is invalid is refused, the good value stays."""
    company = Company()
    site.remote.script = company
    await site.configure(providers__scrapecreators_pages_at_once="1")
    worker = await site.worker()
    begun = monotonic()
    search = await site.start(*"abcde", target=10_000)
    await site.until("SELECT sum(pages) >= 3 FROM scraping_runs")
    expect(company.at_once(begun) == 1, f"{company.at_once(begun)} calls at once where one is allowed")
    await site.configure(providers__scrapecreators_pages_at_once="3")
    changed = monotonic()
    while company.at_once(changed) < 2:
        expect(monotonic() - changed < HOT_SECONDS, "the change was not in force after five seconds")
        await asyncio.sleep(0.05)
    recovery = monotonic() - changed
    for invalid in ("0", "many", "-3", "1e9", ""):
        with suppress(InvalidInput):
            await site.configure(providers__scrapecreators_pages_at_once=invalid)
            expect(holds=False, promise=f"{invalid!r} was accepted")
        await _refused_by_the_database(site, invalid)
    value = "SELECT value FROM system_configurations WHERE key = 'scrapecreators_pages_at_once'"
    expect(await site.one(value) == "3", f"the last good value became {await site.one(value)}")
    recovery = max(recovery, await _switched_off_and_on(site, company))
    async with transaction(site.database, site.user.claim) as tx:
        await cancel_search(tx, site.user, await site.bench.reload(search))
    await site.drained()
    expect(worker.runs, "the worker died")
    stored = (await site.bench.reload(search)).stored
    expect(stored == PER_PAGE * await site.pages(), "a page was kept by halves")
    return Result(acknowledged=stored, recovery=recovery, seen=f"in force after {recovery:.1f} s")


async def _switched_off_and_on(site: Site, company: Company) -> float:
    """The seconds that it took until nobody was asked any more; one is again when the runs look next."""
    await site.configure(feature_flags__search_tiktok="false")
    off = monotonic()
    await asyncio.sleep(HOT_SECONDS + 2)
    last = max(company.calls)
    expect(last - off < HOT_SECONDS, "the platform was asked five seconds after it was switched off")
    await site.configure(feature_flags__search_tiktok="true")
    on = monotonic()
    while max(company.calls) <= last:
        expect(monotonic() - on < SWITCHED_OFF_SECONDS + HOT_SECONDS, "nobody is asked after the switch")
        await asyncio.sleep(0.05)
    return max(0.0, last - off)


async def _refused_by_the_database(site: Site, invalid: str) -> None:
    try:
        await site.do(
            "UPDATE system_configurations SET value = %s WHERE key = 'scrapecreators_pages_at_once'", invalid
        )
    except psycopg.Error:
        return
    expect(holds=False, promise=f"plain SQL could set {invalid!r}")


@fault("F8", "somebody cancels a job in the moment in which its worker finishes it")
async def two_ends(site: Site, seed: int) -> Result:
    """One end, told once; the database knows no step from one end to another."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    site.remote.script = pages(PER_PAGE)
    await site.worker()
    ends: dict[str, int] = {}
    for number in range(ROUNDS):
        search = await site.start(f"chess {number}", target=PER_PAGE)
        await asyncio.sleep(chance.uniform(0, 0.6))
        with suppress(AppError):  # it had ended already
            async with transaction(site.database, site.user.claim) as tx:
                await cancel_search(tx, site.user, search)
        async with transaction(site.database, SYSTEM) as tx:
            effect = Effect(key=f"{number}", seconds=chance.uniform(0, 0.1))
            job_id = await publish(tx, EFFECT, effect)
        await asyncio.sleep(chance.uniform(0, 0.15))
        async with transaction(site.database, SYSTEM) as tx:
            if job_id is not None:
                await cancel_job(tx, job_id)
        await site.ended()
        status = (await site.bench.reload(search)).status.value
        ends[status] = ends.get(status, 0) + 1
    await site.drained()
    for table in ("scraping_jobs", "scraping_runs"):
        for status in ("pending", "processing", "completed", "cancelled", "error"):
            await _refuses(site, table, status)
    jobs = await site.one("SELECT count(*) FROM background_jobs WHERE job_type = 'fault_effect'")
    expect(jobs == ROUNDS, f"{jobs} jobs of {ROUNDS}")
    return Result(acknowledged=2 * ROUNDS, seen=f"{2 * ROUNDS} races, searches ended {ends}")


async def _refuses(site: Site, table: str, status: str) -> None:
    """What has ended does not become anything else."""
    statement: Any = f"UPDATE {table} SET status = '{status}' WHERE status NOT IN ('{status}')"  # noqa: S608 - of this module
    try:
        await site.do(statement)
    except errors.CheckViolation:
        return
    others = f"SELECT count(*) FROM {table} WHERE status <> '{status}'"  # noqa: S608 - of this module
    changed: Any = others
    expect(await site.one(changed) == 0, f"{table}: an end became {status}")


FILL = """
    WITH search AS (
        SELECT j.id, j.user_id, r.id AS run FROM scraping_jobs j JOIN scraping_runs r ON r.job_id = j.id),
    made AS (
        INSERT INTO creators (platform, stable_id, source, policy, fetched_at, first_seen_at)
        SELECT 'TikTok', 'f' || n, 'scrapecreators_tiktok', 'scrapecreators', app_now(), app_now()
        FROM generate_series(1, %(count)s) n RETURNING id, stable_id),
    page AS (
        INSERT INTO scraping_results (job_id, creators) SELECT id, '[]' FROM search RETURNING id)
    INSERT INTO search_creators (job_id, platform, stable_id, tenant_id, run_id, result_id, creator_id,
                                 position, created_at)
    SELECT search.id, 'TikTok', made.stable_id, search.user_id, search.run, page.id, made.id,
           row_number() OVER (), app_now()
    FROM made, search, page"""


@fault("F9", "deleting a campaign of many results, in the long form a million", more_seeds=(2,))
async def large_deletion(site: Site, seed: int) -> Result:
    """In batches: nobody else waits for a lock longer than a second, and it goes on through a kill."""
    count = 60_000 if seed == 1 else 1_000_000
    search = await site.start("chess", target=100)
    async with await psycopg.AsyncConnection.connect(site.admin_url, autocommit=True) as admin:
        await admin.execute(FILL, {"count": count})
    async with transaction(site.database, site.user.claim) as tx:
        campaign = await get_campaign(tx, site.user, str(search.campaign_id))
        other = await create_campaign(tx, site.user, name="other")
    await in_transaction(site.database, site.user.claim, lambda tx: delete_campaign(tx, site.user, campaign))
    worker = await site.worker()
    begun = monotonic()
    waits = asyncio.create_task(_longest_wait(site.database, site, str(other.id)))
    await site.until("SELECT count(*) < %s FROM search_creators", count, within=60)
    await worker.kill()
    killed = monotonic()
    left = await site.one("SELECT count(*) FROM search_creators")
    await site.worker()
    await site.until("SELECT count(*) < %s FROM search_creators", left)
    recovery = monotonic() - killed
    await site.until("SELECT count(*) = 1 FROM campaigns", within=600)
    took = monotonic() - begun
    waits.cancel()
    longest = max(_WAITS, default=0.0)
    _WAITS.clear()
    expect(longest < LONGEST_LOCK, f"somebody else waited {longest:.2f} s")
    rows = await site.one("SELECT count(*) FROM scraping_jobs")
    expect(rows == 0, f"{rows} searches are left")
    return Result(
        acknowledged=2,
        recovery=recovery,
        seen=f"{count:,} gone in {took:.0f} s, others waited {longest:.2f} s",
    )


_WAITS: list[float] = []


async def _longest_wait(database: Database, site: Site, other: str) -> None:
    """The same user works in another campaign, over and over."""
    for number in range(100_000):
        begun = monotonic()
        async with transaction(database, site.user.claim) as tx:
            campaign = await get_campaign(tx, site.user, other)
            await describe_campaign(tx, site.user, campaign, description=f"{number}")
        _WAITS.append(monotonic() - begun)
        await asyncio.sleep(0.02)
