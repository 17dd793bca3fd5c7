"""A campaign holds each of its creators once, with current values, whatever happens to its searches."""

import asyncio
from dataclasses import replace

import psycopg

from tastemaker.campaigns.service import get_campaign
from tastemaker.core.folding import fold
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.providers.base import Cost, Creator, Page, Post
from tastemaker.searches.exclusions import service
from tastemaker.searches.exclusions.names import SuppressionKey, name_creator
from tastemaker.searches.maintenance import expire_batch
from tastemaker.searches.results.paging import CampaignScope, Sort
from tastemaker.searches.results.queries import list_results
from tests.searches.rows import many, one, table
from tests.searches.scripted import Bench, ScriptedProvider, creator, page, pages_of, post, working
from tests.searches.test_expiring import LIMITED
from tests.searches.test_merging import forget_the_ids, until_idle

KEPT = """
    SELECT c.stable_id, held.searches, held.keywords, held.followers, held.views
    FROM campaign_creators held JOIN creators c ON c.id = held.creator_id ORDER BY c.stable_id
"""
DIFFERENCES = """
    SELECT c.stable_id FROM campaign_creators held
    JOIN creators c ON c.id = held.creator_id
    JOIN search_creators s ON s.job_id = held.job_id AND s.position = held.position
    LEFT JOIN posts p ON p.id = s.post_id
    WHERE s.creator_id <> held.creator_id OR held.matched_in <> s.matched_in OR held.found_at <> s.created_at
       OR (held.followers, held.views, held.likes, held.verified, held.language, held.country, held.platform)
          IS DISTINCT FROM
          (c.followers, p.views, p.likes, c.verified, coalesce(c.language, c.detected_language), c.country,
           c.platform)
       OR held.has_email <> (c.emails <> '{}')
       OR held.last_post_at IS DISTINCT FROM (
          SELECT max(published_at) FROM posts own WHERE own.creator_id = c.id)
       OR held.searches <> (SELECT count(*) FROM search_creators other
                            JOIN scraping_jobs j ON j.id = other.job_id
                            WHERE other.creator_id = c.id AND j.campaign_id = held.campaign_id)
"""
"""Whoever is in a campaign with other values than the catalog and its searches have."""

KEYWORDS = """
    SELECT (SELECT string_agg(one, ',' ORDER BY one) FROM unnest(keywords) AS one) FROM campaign_creators
"""

LEFT = """
    SELECT count(*) FROM campaign_creators
    WHERE num_nonnulls(followers, views, likes, name) > 0 OR text > ''
"""

MISSING = """
    SELECT DISTINCT s.creator_id FROM search_creators s JOIN scraping_jobs j ON j.id = s.job_id
    WHERE NOT EXISTS (SELECT FROM campaign_creators held
                      WHERE held.campaign_id = j.campaign_id AND held.creator_id = s.creator_id)
"""


async def holds(bench: Bench) -> None:
    assert await many(bench.database, DIFFERENCES) == []
    assert await many(bench.database, MISSING) == []


async def found(bench: Bench, keyword: str, *creators: Creator, posts: tuple[Post, ...] = ()) -> None:
    answer = Page(
        creators=creators,
        posts=posts or [post(int(one.stable_id[2:])) for one in creators],
        next_cursor=None,
        cost=Cost(calls=1, units=1),
    )
    async with working(bench.database, ScriptedProvider(lambda *_: answer)):
        await bench.finish(await bench.start(keyword))


async def test_a_creator_of_two_searches_is_there_once_with_the_newest_values(bench: Bench) -> None:
    await found(bench, "chess", creator(1, followers=10), creator(2, followers=None))
    await found(bench, "openings", creator(2, followers=25), creator(3, followers=30))
    await holds(bench)
    assert await table(bench.database, KEPT) == [
        ("UC000001", 1, ["chess"], 10, 1),
        ("UC000002", 2, ["chess", "openings"], 25, 2),
        ("UC000003", 1, ["openings"], 30, 3),
    ]


async def test_a_keyword_that_finds_a_creator_later_is_added(bench: Bench) -> None:
    async with working(bench.database, ScriptedProvider(lambda *_: page([1, 2], None))):
        await bench.finish(await bench.start("chess", "openings"))
    await holds(bench)
    assert await many(bench.database, KEYWORDS) == ["chess,openings"] * 2


async def test_two_searches_of_a_campaign_find_the_same_creators_at_once(bench: Bench) -> None:
    numbers = list(range(40))

    def answer(keyword: str, cursor: str | None) -> Page:
        start = int(cursor or 0)
        part = numbers[start : start + 8]
        if keyword == "openings":
            part = part[::-1]
        return page(part, str(start + 8) if start + 8 < len(numbers) else None)

    async with working(bench.database, ScriptedProvider(answer)):
        searches = [await bench.start("chess"), await bench.start("openings")]
        ended = await asyncio.gather(*(bench.finish(search) for search in searches))
    assert [search.stored for search in ended] == [40, 40]
    await holds(bench)
    assert await one(bench.database, "SELECT count(*) FROM campaign_creators WHERE searches = 2") == 40


async def test_further_posts_of_a_creator_are_kept(bench: Bench) -> None:
    several = tuple(replace(post(number), creator_id="UC000001") for number in range(1, 4))
    await found(bench, "chess", creator(1), posts=several)
    async with transaction(bench.database, bench.user.claim) as tx:
        campaign = await get_campaign(tx, bench.user, "test")
        shown = await list_results(
            tx, bench.user.user_id, CampaignScope(campaign.id), sort=Sort.FOLLOWERS, limit=5
        )
    assert [row.posts_found for row in shown.creators] == [3]


async def test_a_merged_creator_is_there_once(bench: Bench) -> None:
    async with working(bench.database, ScriptedProvider(pages_of(10, 10))):
        await bench.finish(await bench.start("chess"))
        await forget_the_ids(bench, 3, 7)
        await bench.finish(await bench.start("chess again"))
        await until_idle(bench)
    await holds(bench)
    assert await one(bench.database, "SELECT count(*) FROM campaign_creators WHERE searches = 2") == 10


async def test_expired_values_leave_it_too(bench: Bench, admin_url: str) -> None:
    provider = ScriptedProvider(pages_of(5, 5), declaration=LIMITED)
    async with working(bench.database, provider):
        await bench.finish(await bench.start("chess", source="live"))
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("UPDATE clock_offset SET shift = interval '31 days'")
    await expire_batch(bench.database)
    await holds(bench)
    assert await one(bench.database, LEFT) == 0


async def test_a_post_that_expires_alone_takes_its_words_along(bench: Bench, admin_url: str) -> None:
    await found(bench, "chess", creator(1))
    with psycopg.connect(admin_url, autocommit=True) as owner:
        owner.execute("UPDATE posts SET expires_at = now() - interval '1 day'")
    await expire_batch(bench.database)
    await holds(bench)
    assert (
        await one(bench.database, "SELECT text FROM campaign_creators") == "creator 1\ncreator1\nmakes things"
    )


async def test_a_suppressed_creator_leaves_it(bench: Bench) -> None:
    await found(bench, "chess", creator(1), creator(2))
    named = name_creator(Platform.YOUTUBE.slug, "UC000001", is_id=True)
    async with transaction(bench.database, SYSTEM) as tx:
        await service.suppress(tx, bench.user, SuppressionKey(b"a key of the tests"), named)
    assert [row[0] for row in await table(bench.database, KEPT)] == ["UC000002"]


FOLDED = """
    SELECT fold_text(given) FROM unnest(CAST(%(texts)s AS text[])) WITH ORDINALITY AS one (given, place)
    ORDER BY place
"""


async def test_the_database_folds_as_the_program_does(bench: Bench) -> None:
    texts = [
        "Café", "STRASSE Straße", "Łódź Øresund", "\u0130stanbul \u0131s\u0131", "ΟΔΥΣΣΕΎΣ", "Ёлка и йод",
        "ўзбек їжак", "\uff46\uff55ll", "ガス", "กำลัง", "plain", "",
    ]  # fmt: skip
    assert await many(bench.database, FOLDED, texts=texts) == [fold(text) for text in texts]
