"""F6: a user is deleted while a worker is searching for them."""

import asyncio
import random
from typing import Any

from tastemaker.core.clock import monotonic
from tastemaker.core.platforms import Platform
from tests.faults.registry import Result, expect, fault
from tests.faults.site import Site
from tests.faults.wire import pages
from tests.journeys.test_account_deletion import STAYS, left_of
from tests.providers.remote import Reply
from tests.searches.scripted import Bench
from tests.web.test_campaigns import somebody


@fault("F6", "a user is deleted while a search of theirs runs, and the deleting command is killed")
async def deleted_in_flight(site: Site, seed: int) -> Result:
    """The search ends within a page, everything goes, nothing comes back; others' searches go on."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    good = pages(100_000, first={"theirs": 0, "others": 1_000_000})
    site.remote.script = lambda asked: Reply(good(asked).body, pause=0.2)
    leaver = await somebody(site.database, "leaver")
    worker = await site.worker()
    theirs = Bench(site.database, leaver)
    search = await theirs.start("theirs", target=50_000, platform=Platform.TIKTOK, source="live")
    others = await site.start("others", target=300)
    await site.until("SELECT sum(pages) >= 2 FROM scraping_runs WHERE tenant_id = 'leaver'")
    begun = monotonic()
    command = await site.command("users", "delete", "leaver", "--yes", "--json", ready=None)
    await site.until("SELECT count(*) = 1 FROM events WHERE event_type = 'user_deleted'")
    await asyncio.sleep(chance.uniform(0, 0.02))
    await command.kill()
    killed = monotonic()
    calls = len([one for one in site.remote.asked if one.params["query"] == "theirs"])
    await site.until("SELECT count(*) = 0 FROM users WHERE user_id = 'leaver'")
    recovery = monotonic() - killed
    await site.until("SELECT status = 'completed' FROM scraping_jobs WHERE id = %s", others.id)
    await site.drained()
    left = await asyncio.to_thread(left_of, site.admin_url, "leaver")
    expect(left <= STAYS, f"rows are left in {sorted(left - STAYS)}")
    later = len([one for one in site.remote.asked if one.params["query"] == "theirs"]) - calls
    expect(later <= 1, f"{later} more pages were asked for")
    told: Any = "SELECT count(*) FROM events WHERE aggregate_id = %s AND event_type = 'search_finished'"
    expect(await site.one(told, str(search.id)) == 1, "the search's end was not told once")
    expect(worker.runs, "the worker died")
    stored = (await site.bench.reload(others)).stored
    expect(stored == 300, f"somebody else's search holds {stored} of 300")
    seen = f"everything gone, {monotonic() - begun:.1f} s after the asking"
    return Result(acknowledged=stored, recovery=recovery, seen=seen)
