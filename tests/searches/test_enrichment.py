"""Profiles that tell what pages do not: in batches, written everywhere, never in the way of a search."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from tastemaker.config_store.keys import KEEP_PROFILES_FOR
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import EnrichmentStatus
from tastemaker.db.transaction import transaction
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.providers.base import Capability, Cost, ErrorKind, ProviderError
from tastemaker.searches.enrichment.queries import Enrichment
from tastemaker.searches.enrichment.service import (
    Scope,
    estimate_enrichment,
    find_last_enrichment,
    start_enrichment,
)
from tastemaker.searches.types import Outcome, Search
from tests.searches.rows import one, table
from tests.searches.scripted import Bench, ProfiledProvider, pages_of, without_bios, working
from tests.searches.test_good_client import configured

SIX = without_bios(pages_of(3, 6))
DOCUMENTS = """
    SELECT one -> 'creator' ->> 'channelId', one ->> 'enhancementStatus', one -> 'creator' ->> 'bio',
           one -> 'creator' -> 'emails'
    FROM scraping_results r, jsonb_array_elements(r.creators) AS one ORDER BY 1
"""
SPANISH = {"bio": "rutinas de fuerza para principiantes\nana@example.com", "emails": ("ana@example.com",)}
GONE = ProviderError(ErrorKind.NOT_FOUND, "No such account.", final=True)
BROKEN = ProviderError(ErrorKind.SERVER, "The server broke.", final=False, cost=Cost(calls=1, units=0))


async def finished(bench: Bench, search: Search, *, within: float = 60.0) -> Enrichment:
    async with asyncio.timeout(within):
        while True:
            async with transaction(bench.database, bench.user.claim) as tx:
                found = await find_last_enrichment(tx, bench.user.user_id, search_id=search.id)
            if found is not None and found.status is EnrichmentStatus.COMPLETED:
                return found
            await asyncio.sleep(0.02)


async def test_a_search_fetches_the_profiles_that_its_pages_do_not_tell(bench: Bench) -> None:
    told = {"UC000001": SPANISH, "UC000002": GONE, "UC000003": BROKEN}
    provider = ProfiledProvider(SIX, told=told)
    async with working(bench.database, provider):
        search = await bench.finish(await bench.start(enrich=True))
        enrichment = await finished(bench, search)
    assert (search.outcome, search.stored) == (Outcome.FULL, 6)
    counts = (enrichment.wanted, enrichment.completed, enrichment.skipped, enrichment.failed)
    assert counts == (6, 4, 1, 1)
    documents = {row[0]: row[1:] for row in await table(bench.database, DOCUMENTS)}
    assert documents["UC000001"] == ("completed", SPANISH["bio"], ["ana@example.com"])
    assert [documents[f"UC00000{number}"][0] for number in (0, 2, 3)] == ["completed", "skipped", "failed"]
    (row,) = await table(
        bench.database,
        """
        SELECT h.has_email, h.language, h.enhancement, strpos(h.text, 'rutinas') > 0
        FROM campaign_creators h JOIN creators c ON c.id = h.creator_id WHERE c.stable_id = 'UC000001'
        """,
    )
    assert tuple(row) == (True, "mul", "completed", True)  # its caption is English
    calls = "SELECT count(*) FROM provider_calls WHERE operation = 'fetch_profile' AND status = 'charged'"
    assert await one(bench.database, calls) == 4
    assert provider.looked_up.count("UC000003") == 3
    async with transaction(bench.database, bench.user.claim) as tx:
        campaign_id = search.campaign_id
        assert campaign_id is not None
        scope = Scope(campaign_id=campaign_id, source="sandbox")
        again = await start_enrichment(tx, bench.user.user_id, scope, configured({}))
    assert again.wanted == 2


async def test_a_budget_of_nothing_skips_and_says_why(bench: Bench) -> None:
    """The pages are free here, so that only the profiles pass the limit."""
    priced = ProfiledProvider(SIX, profile_cost=Cost(calls=1, units=1, micros_usd=100))
    prices = {Capability.PROFILE: priced.profile_cost}
    priced.declaration = replace(priced.declaration, prices=prices)
    async with working(bench.database, priced):
        search = await bench.finish(await bench.start(source="live", max_cost=350, enrich=True))
        enrichment = await finished(bench, search)
    assert search.stored == 6
    assert (enrichment.completed, enrichment.skipped, enrichment.max_cost) == (3, 3, 350)
    assert "may cost $0.00" in (enrichment.reason or "")


async def test_an_estimate_counts_those_that_need_it_and_a_fresh_profile_is_not_asked_for_again(
    bench: Bench,
) -> None:
    provider = ProfiledProvider(SIX, told={"UC000001": {"name": "Ana"}})
    async with working(bench.database, provider):
        search = await bench.finish(await bench.start())
        assert search.campaign_id is not None
        scope = Scope(campaign_id=search.campaign_id, source="sandbox")
        declared = {Platform.YOUTUBE: provider.declaration}
        async with transaction(bench.database, bench.user.claim) as tx:
            (part,) = await estimate_enrichment(tx, bench.user.user_id, scope, declared, configured({}))
            await start_enrichment(tx, bench.user.user_id, scope, configured({}))
        assert (part.creators, part.calls, part.can_be_asked) == (6, 6, True)
        async with asyncio.timeout(20):
            while await one(bench.database, "SELECT count(*) FROM enrichments WHERE finished_at IS NULL"):
                await asyncio.sleep(0.02)
    async with transaction(bench.database, bench.user.claim) as tx:
        none = await estimate_enrichment(tx, bench.user.user_id, scope, declared, configured({}))
        stale = configured({KEEP_PROFILES_FOR: timedelta(0)})
        (old,) = await estimate_enrichment(tx, bench.user.user_id, scope, declared, stale)
    assert none == []
    assert old.creators == 1


async def test_a_kill_repeats_at_most_the_calls_under_way_and_shows_them(bench: Bench) -> None:
    provider = ProfiledProvider(SIX)
    async with working(bench.database, provider):
        search = await bench.finish(await bench.start())
    slow = ProfiledProvider(SIX, delay=30)
    async with transaction(bench.database, bench.user.claim) as tx:
        assert search.campaign_id is not None
        scope = Scope(campaign_id=search.campaign_id, source="sandbox", search_id=search.id)
        await start_enrichment(tx, bench.user.user_id, scope, configured({}))
    settings = WorkerSettings(poll=0.1, stop_within=0.1)
    async with working(bench.database, slow, settings=settings):
        async with asyncio.timeout(10):
            while len(slow.looked_up) < 5:
                await asyncio.sleep(0.02)
    async with working(bench.database, provider):
        enrichment = await finished(bench, search)
    assert enrichment.completed == 6
    states = dict(
        await table(
            bench.database,
            "SELECT status, count(*) FROM provider_calls WHERE operation = 'fetch_profile' GROUP BY 1",
        )
    )
    assert states == {"charged": 6, "abandoned": 5}
