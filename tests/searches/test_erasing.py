"""Deleting a campaign: hidden at once, erased in batches, to the end whatever happens between."""

import asyncio

import pytest

from tastemaker.campaigns.queries import Campaign, list_campaigns
from tastemaker.campaigns.service import archive_campaign, get_campaign
from tastemaker.core.errors import Conflict, NotFound
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.searches import maintenance_queries
from tastemaker.searches.history_queries import list_search_history
from tastemaker.searches.maintenance import delete_campaign, erase_next_batch
from tastemaker.searches.queries import list_searches
from tastemaker.searches.service import start_search
from tastemaker.searches.types import make_request
from tests.searches.rows import many, one, write
from tests.searches.scripted import Bench, ScriptedProvider, pages_of, sweeping, working

LEFT = """
    SELECT (SELECT count(*) FROM campaigns) + (SELECT count(*) FROM scraping_jobs)
         + (SELECT count(*) FROM scraping_runs) + (SELECT count(*) FROM scraping_results)
         + (SELECT count(*) FROM search_creators) + (SELECT count(*) FROM search_jobs)
         + (SELECT count(*) FROM campaign_creators)
         + (SELECT count(*) FROM search_results)
"""
COUNTED = "SELECT usage_campaigns_current FROM user_usage"


async def the_campaign(bench: Bench) -> Campaign:
    async with transaction(bench.database, bench.user.claim) as tx:
        return await get_campaign(tx, bench.user, "test")


async def delete(bench: Bench, campaign: Campaign) -> None:
    async with transaction(bench.database, bench.user.claim) as tx:
        await delete_campaign(tx, bench.user, campaign)


async def test_a_running_campaign_is_stopped_hidden_and_erased(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tuple((statement, 7) for statement, _ in maintenance_queries.IN_ORDER)
    monkeypatch.setattr(maintenance_queries, "IN_ORDER", small)
    async with working(bench.database, ScriptedProvider(pages_of(10, 30))):
        await bench.finish(await bench.start("chess", "makeup", target=25))
        running = ScriptedProvider(pages_of(5, 100_000), delay=0.05)
    async with working(bench.database, running):
        search = await bench.start("garden", target=50_000)
        while (await bench.reload(search)).stored < 5:
            await asyncio.sleep(0.02)
        campaign = await the_campaign(bench)
        await write(
            bench.database,
            "INSERT INTO search_jobs (id, campaign_id, total_count) SELECT 'imported', id, 1 FROM campaigns",
        )
        assert await one(bench.database, COUNTED) == 1
        await delete(bench, campaign)
        async with transaction(bench.database, bench.user.claim) as tx:
            assert (await list_campaigns(tx, bench.user.user_id, limit=9)).rows == ()
            assert await list_searches(tx, bench.user.user_id, limit=9) == []
            with pytest.raises(NotFound):
                await get_campaign(tx, bench.user, str(campaign.id))
            with pytest.raises(Conflict, match="being deleted"):
                request = make_request(platform=search.platform, keywords=["late"], target=1)
                await start_search(tx, bench.user, campaign, request, source="sandbox")
        assert (await list_search_history(bench.database, bench.user.user_id)).rows == ()
        while await one(bench.database, LEFT):
            await asyncio.sleep(0.05)
    assert await one(bench.database, COUNTED) == 0
    told = "SELECT event_type FROM events WHERE seq > (SELECT max(seq) - 3 FROM events) ORDER BY seq"
    assert await many(bench.database, told) == ["search_finished", "campaign_completed", "campaign_deleted"]
    assert await one(bench.database, "SELECT count(*) FROM usage_charges") > 0  # type: ignore[operator]  # a number
    assert await one(bench.database, "SELECT count(*) FROM creators") > 0  # type: ignore[operator]  # a number


async def test_a_deletion_that_died_half_way_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tuple((statement, 7) for statement, _ in maintenance_queries.IN_ORDER)
    monkeypatch.setattr(maintenance_queries, "IN_ORDER", small)
    async with working(bench.database, ScriptedProvider(pages_of(10, 30))):
        await bench.finish(await bench.start("chess", target=30))
    campaign = await the_campaign(bench)
    await delete(bench, campaign)
    assert await erase_next_batch(bench.database, bench.user.user_id, campaign.id) == 7
    await write(bench.database, "DELETE FROM background_jobs")
    async with working(bench.database, ScriptedProvider(pages_of(1, 1))), sweeping(bench.database):
        while await one(bench.database, LEFT):
            await asyncio.sleep(0.05)
    assert await erase_next_batch(bench.database, bench.user.user_id, campaign.id) is None


async def test_an_archived_campaign_is_not_given_back_twice(bench: Bench) -> None:
    async with working(bench.database, ScriptedProvider(pages_of(10, 10))):
        await bench.finish(await bench.start("chess"))
    campaign = await the_campaign(bench)

    async def put_away(tx: Transaction) -> None:
        await archive_campaign(tx, bench.user, campaign)

    async with transaction(bench.database, bench.user.claim) as tx:
        await put_away(tx)
    assert await one(bench.database, COUNTED) == 0
    await write(bench.database, "UPDATE user_usage SET usage_campaigns_current = 5")
    await delete(bench, campaign)
    assert await one(bench.database, COUNTED) == 5
    with pytest.raises(NotFound):
        await delete(bench, campaign)
