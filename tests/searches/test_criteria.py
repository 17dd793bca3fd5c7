"""A search whose target is of creators that match: pages, then the profiles that it needs, and no more."""

import asyncio
from dataclasses import replace

import pytest

from tastemaker.campaigns.service import ensure_campaign
from tastemaker.catalog.filtering import CreatorFilter
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import transaction
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.providers.base import Capability, Cost, ErrorKind, ProviderError
from tastemaker.searches.service import start_search
from tastemaker.searches.types import Outcome, Search, make_request
from tests.searches.rows import many, one, table
from tests.searches.scripted import Bench, ProfiledProvider, pages_of, without_bios, working

EMAIL = {"bio": "write me", "emails": ("a@example.org",)}
WITH_EMAIL = CreatorFilter(has_email=True, min_followers=50)
"""Creator n has 10 n followers, and an e-mail address in the profile if n is even."""

TOLD = {f"UC{number:06}": EMAIL for number in range(0, 100, 2)}
FORTY = without_bios(pages_of(10, 40))
FOUND = "SELECT stable_id FROM search_creators ORDER BY position"


async def start(
    bench: Bench, target: int, *keywords: str, source: str = "sandbox", **wanted: object
) -> Search:
    request = make_request(
        platform=Platform.YOUTUBE,
        keywords=keywords or ("chess",),
        target=target,
        **{"criteria": WITH_EMAIL, **wanted},  # type: ignore[arg-type]  # by name
    )
    async with transaction(bench.database, bench.user.claim) as tx:
        campaign = await ensure_campaign(tx, bench.user, name="test")
        return await start_search(tx, bench.user, campaign, request, source=source)


async def test_it_goes_on_until_the_target_matches_and_asks_for_no_profile_too_many(bench: Bench) -> None:
    provider = ProfiledProvider(FORTY, told=TOLD)
    async with working(bench.database, provider):
        search = await bench.finish(await start(bench, 6), within=60)
    assert (search.outcome, search.stored, search.has_criteria) == (Outcome.FULL, 6, True)
    assert await many(bench.database, FOUND) == [f"UC{number:06}" for number in (6, 8, 10, 12, 14, 16)]
    assert search.looked_at == 20
    assert [cursor for _, cursor in provider.asked] == [None, "10"]
    assert sorted(provider.looked_up) == [f"UC{number:06}" for number in range(5, 17)]
    held = await table(bench.database, "SELECT has_email, followers FROM campaign_creators")
    assert all(has_email and followers >= 50 for has_email, followers in held)
    assert await one(bench.database, "SELECT count(*) FROM creators") == 20
    assert await one(bench.database, "SELECT count(*) FROM usage_charges") == 6
    assert await one(bench.database, "SELECT count(*) FROM search_candidates") == 0
    documents = "SELECT one ->> 'enhancementStatus', one -> 'creator' ->> 'bio' FROM scraping_results r,"
    rows = await table(bench.database, f"{documents} jsonb_array_elements(r.creators) AS one")
    assert rows == [("completed", "write me")] * 6


async def test_it_looks_at_no_more_than_allowed_and_says_so(bench: Bench) -> None:
    provider = ProfiledProvider(FORTY)
    async with working(bench.database, provider):
        search = await bench.finish(await start(bench, 5, most_looked=15))
    assert (search.outcome, search.stored, search.looked_at) == (Outcome.NOTHING_FOUND, 0, 15) or (
        search.outcome is Outcome.PARTIAL and search.looked_at == 15
    )
    assert "15 creators were looked at" in (search.error or "")


async def test_the_supply_ends_with_the_last_candidate_not_with_the_last_page(bench: Bench) -> None:
    """Some profiles fail, and one account is gone: the others are found all the same."""
    broken = ProviderError(ErrorKind.SERVER, "It broke.", final=False, cost=Cost(calls=1, units=0))
    gone = ProviderError(ErrorKind.NOT_FOUND, "Gone.", final=True)
    provider = ProfiledProvider(FORTY, told={**TOLD, "UC000008": broken, "UC000010": gone})
    async with working(bench.database, provider):
        search = await bench.finish(await start(bench, 100), within=40)
    expected = [number for number in range(6, 40, 2) if number not in {8, 10}]
    assert await many(bench.database, FOUND) == [f"UC{number:06}" for number in expected]
    assert (search.outcome, search.looked_at, search.error) == (Outcome.FULL, 40, None)


async def test_the_cost_limit_counts_pages_and_profiles_together(bench: Bench) -> None:
    provider = ProfiledProvider(FORTY, told=TOLD, profile_cost=Cost(calls=1, units=1, micros_usd=100))
    prices = {Capability.PROFILE: provider.profile_cost}
    provider.declaration = replace(provider.declaration, prices=prices)
    async with working(bench.database, provider):
        search = await bench.finish(await start(bench, 10, source="live", max_cost=450))
    spent = "SELECT coalesce(sum(micros_usd), 0) FROM provider_calls WHERE status = 'charged'"
    assert await one(bench.database, spent) == 400
    assert (search.stored in {1, 2}, search.outcome) == (
        True,
        Outcome.PARTIAL,
    )


@pytest.mark.slow
async def test_a_death_in_the_middle_changes_nothing_in_what_is_found(bench: Bench) -> None:
    slow = ProfiledProvider(FORTY, told=TOLD, delay=0.05)
    search = await start(bench, 15)
    for _ in range(4):
        async with working(bench.database, slow, settings=WorkerSettings(poll=0.05, stop_within=0.0)):
            await asyncio.sleep(0.25)
    async with working(bench.database, ProfiledProvider(FORTY, told=TOLD)):
        search = await bench.finish(search, within=90)
    assert search.stored == 15
    assert await many(bench.database, FOUND) == [f"UC{number:06}" for number in range(6, 36, 2)]
    assert await one(bench.database, "SELECT count(*) FROM usage_charges") == 15
