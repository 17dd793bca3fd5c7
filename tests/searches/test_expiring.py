"""What a provider's policy limits is gone in time, everywhere; what was told again since has more time."""

from dataclasses import replace
from datetime import timedelta

import psycopg

from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import REUSE_PAGES_FOR
from tastemaker.providers.base import PolicyClass
from tastemaker.searches.maintenance import expire_batch
from tests.searches.rows import many, one
from tests.searches.scripted import DECLARATION, Bench, ScriptedProvider, page, pages_of, working

LIMITED = replace(
    DECLARATION, policy=PolicyClass(name="thirty", keep_days=30, derived_metrics=False, contacts=True)
)
NOTHING = {"results": 0, "posts": 0, "snapshots": 0, "creators": 0}
CREATORS_LEFT = """
    SELECT round(extract(epoch FROM expires_at - app_now()) / 86400) FROM creators ORDER BY stable_id
"""
PAGES_LEFT = (
    "SELECT round(extract(epoch FROM expires_at - app_now()) / 86400) FROM scraping_results ORDER BY 1"
)
VALUES = """
    SELECT (SELECT count(*) FROM creators WHERE num_nonnulls(name, handle, followers, bio, profile_url) > 0)
         + (SELECT count(*) FROM posts) + (SELECT count(*) FROM follower_snapshots)
         + (SELECT count(*) FROM creator_handles)
         + (SELECT count(*) FROM provider_pages WHERE expires_at > app_now())
         + (SELECT count(*) FROM scraping_results WHERE creators::text ~ 'makes things|Creator|chess')
"""


def clock_at(admin_url: str, days: float) -> None:
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("UPDATE clock_offset SET shift = make_interval(secs => %s)", (days * 86_400,))


async def test_after_its_days_every_copy_of_a_value_is_gone(bench: Bench, admin_url: str) -> None:
    config = Configuration.of_defaults({REUSE_PAGES_FOR: timedelta(days=60)})
    async with working(bench.database, ScriptedProvider(pages_of(5, 10), declaration=LIMITED), config=config):
        search = await bench.finish(await bench.start("chess", source="live"))
    clock_at(admin_url, 29.9)
    assert await expire_batch(bench.database) == NOTHING
    assert int(str(await one(bench.database, VALUES))) > 0
    clock_at(admin_url, 30.1)
    gone = await expire_batch(bench.database)
    assert gone == {**NOTHING, "results": 2, "posts": 10, "snapshots": 10, "creators": 10}
    assert await one(bench.database, VALUES) == 0
    assert await expire_batch(bench.database) == NOTHING

    assert (await bench.reload(search)).stored == 10, "what was found and charged still counts"
    ids = "SELECT count(*) FROM search_creators s JOIN creators c USING (stable_id) WHERE s.creator_id = c.id"
    assert await one(bench.database, ids) == 10
    documents = "SELECT jsonb_array_length(creators) FROM scraping_results"
    assert await many(bench.database, documents) == [5, 5]
    kept = """SELECT DISTINCT one -> 'creator' ->> 'channelId' LIKE 'UC%'
              FROM scraping_results, jsonb_array_elements(creators) one"""
    assert await many(bench.database, kept) == [True]


async def test_what_is_told_again_has_its_days_from_then(bench: Bench, admin_url: str) -> None:
    config = Configuration.of_defaults({REUSE_PAGES_FOR: timedelta(0)})
    async with working(bench.database, ScriptedProvider(pages_of(5, 5), declaration=LIMITED), config=config):
        await bench.finish(await bench.start("chess", source="live"))
        clock_at(admin_url, 20)
        await bench.finish(await bench.start("chess", source="live"))
        clock_at(admin_url, 31)
        gone = await expire_batch(bench.database)
        assert (gone["creators"], gone["posts"], gone["results"], gone["snapshots"]) == (0, 0, 1, 5)
        clock_at(admin_url, 51)
        assert (await expire_batch(bench.database))["creators"] == 5


async def test_a_source_without_terms_does_not_wash_a_limited_one_clean(bench: Bench, admin_url: str) -> None:
    free = replace(DECLARATION, name="free")
    for declaration in (LIMITED, free, free):
        provider = ScriptedProvider(lambda *_: page([1], None), declaration=declaration)
        config = Configuration.of_defaults({REUSE_PAGES_FOR: timedelta(0)})
        async with working(bench.database, provider, config=config):
            await bench.finish(await bench.start("chess", source="live"))
    clock_at(admin_url, 30.1)
    assert (await expire_batch(bench.database))["creators"] == 1


async def test_a_page_of_an_earlier_call_replaces_nothing_newer(bench: Bench, admin_url: str) -> None:
    """And its values have their days from that call, not from the search that was answered by it."""
    config = Configuration.of_defaults({REUSE_PAGES_FOR: timedelta(days=30)})
    told = page([1, 2], None)
    newer = replace(told, creators=[replace(told.creators[0], name="Renamed")], posts=told.posts[:1])
    answers = {"chess": told, "makeup": newer}
    provider = ScriptedProvider(lambda keyword, _: answers[keyword], declaration=LIMITED)
    async with working(bench.database, provider, config=config):
        await bench.finish(await bench.start("chess", source="live"))
        clock_at(admin_url, 10)
        await bench.finish(await bench.start("makeup", source="live"))
        clock_at(admin_url, 20)
        again = await bench.finish(await bench.start("chess", source="live"))
    assert (again.stored, len(provider.asked)) == (2, 2)
    names = "SELECT name FROM creators ORDER BY stable_id"
    assert await many(bench.database, names) == ["Renamed", "Creator 2"]
    left = [int(str(days)) for days in await many(bench.database, CREATORS_LEFT)]
    assert left == [20, 10]
    assert [int(str(days)) for days in await many(bench.database, PAGES_LEFT)] == [10, 10, 20]
