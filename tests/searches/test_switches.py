"""What an operator may switch and bound while searches run."""

import asyncio
from decimal import Decimal

import pytest

from tastemaker.config_store.declaration import DECLARED
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import MAX_API_CALLS_TIKTOK, SEARCH_TIKTOK, SEARCH_YOUTUBE
from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Page
from tastemaker.searches.run.runner import AHEAD_FROM_SECONDS
from tastemaker.searches.types import Outcome
from tests.searches.rows import one
from tests.searches.scripted import Bench, ScriptedProvider, page, pages_of, working

TRIED = "SELECT max(attempt) FROM background_jobs"


async def test_a_platform_that_is_switched_off_is_not_asked_and_its_searches_wait(bench: Bench) -> None:
    config = Configuration.of_defaults({SEARCH_YOUTUBE: False})
    provider = ScriptedProvider(pages_of(10, 20))
    search = await bench.start("chess", target=20, source="live")
    async with working(bench.database, provider, config=config):
        while await one(bench.database, TRIED) == 0:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
    assert provider.asked == []
    assert (await bench.reload(search)).outcome is None
    waits = "SELECT scheduled_for > app_now() FROM background_jobs WHERE status = 'pending'"
    assert await one(bench.database, waits) is True, "it is looked at again later"


async def test_the_sandbox_and_other_platforms_go_on(bench: Bench) -> None:
    config = Configuration.of_defaults({SEARCH_YOUTUBE: False, SEARCH_TIKTOK: True})
    async with working(bench.database, ScriptedProvider(pages_of(10, 20)), config=config):
        search = await bench.start("chess", target=20)
        assert (await bench.finish(search)).outcome is Outcome.FULL


async def test_a_keyword_asks_for_no_more_pages_than_are_allowed(bench: Bench) -> None:
    config = Configuration.of_defaults({MAX_API_CALLS_TIKTOK: Decimal(3)})
    provider = ScriptedProvider(pages_of(10, 1000))
    async with working(bench.database, provider, config=config):
        search = await bench.start("chess", target=500, platform=Platform.TIKTOK)
        ended = await bench.finish(search)
    assert (len(provider.asked), ended.stored) == (3, 30)
    assert await one(bench.database, "SELECT end_reason FROM scraping_runs") == "page_cap"
    assert ended.outcome is Outcome.PARTIAL
    assert ended.error == (
        "“chess” has more results than the 3 pages that were read. "
        "`tastemaker config set api_limits.max_api_calls_tiktok NUMBER` allows more."
    )
    assert await one(bench.database, "SELECT DISTINCT provider FROM provider_calls") == "sandbox"


@pytest.mark.parametrize("delay", [0.0, 2 * AHEAD_FROM_SECONDS], ids=["page by page", "asked ahead"])
async def test_a_switch_holds_from_the_next_page_on(bench: Bench, delay: float) -> None:
    config = Configuration.of_defaults({SEARCH_YOUTUBE: True})

    def three_pages(_keyword: str, cursor: str | None) -> Page:
        if cursor == "3":
            config.replace({**{key: key.default for key in DECLARED.values()}, SEARCH_YOUTUBE: False})
        return page([int(cursor or 1)], str(int(cursor or 1) + 1))

    provider = ScriptedProvider(three_pages, delay=delay)
    search = await bench.start("chess", target=20, source="live")
    async with working(bench.database, provider, config=config):
        while len(provider.asked) < 3:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        assert len(provider.asked) == 3
        assert (await bench.reload(search)).stored == 3
