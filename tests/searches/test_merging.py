"""Whom adoption knew by a handle alone becomes the account that a provider shows under it, once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import httpx

from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import in_transaction, transaction
from tastemaker.providers.base import KeywordQuery, Page
from tastemaker.searches.exclusions import service
from tastemaker.searches.exclusions.names import SuppressionKey, name_creator
from tastemaker.searches.maintenance import merge
from tests.searches.rows import many, one, write
from tests.searches.scripted import Bench, ScriptedProvider, page, pages_of, working
from tests.searches.test_exclusions import COUNTERS

KEY = SuppressionKey(b"a key of the tests")

AS_ADOPTED = (
    "UPDATE creators SET stable_id = 'handle:' || lower(handle), bio = NULL WHERE stable_id = ANY(%(ids)s)",
    """
    UPDATE search_creators s SET stable_id = c.stable_id FROM creators c
    WHERE c.id = s.creator_id AND s.stable_id = ANY(%(ids)s)
    """,
    """
    UPDATE usage_charges SET stable_id = 'handle:creator' || CAST(substr(stable_id, 3) AS integer)
    WHERE stable_id = ANY(%(ids)s)
    """,
)
MERGED = "SELECT count(*) FROM events WHERE event_type = 'creator_merged'"
LEFT = "SELECT stable_id FROM creators WHERE stable_id LIKE 'handle:%' ORDER BY id"
JOBS_WAITING = "SELECT count(*) FROM background_jobs WHERE status IN ('pending', 'processing')"


async def forget_the_ids(bench: Bench, *numbers: int) -> None:
    """What a search found of these creators is what adoption would have brought without their ids."""
    for statement in AS_ADOPTED:
        await write(bench.database, statement, ids=[f"UC{number:06}" for number in numbers])


async def until_idle(bench: Bench) -> None:
    async with asyncio.timeout(20):
        while await one(bench.database, JOBS_WAITING):
            await asyncio.sleep(0.02)


@dataclass
class Meddled(ScriptedProvider):
    """Something happens between the first page and the second."""

    meddle: Callable[[], Awaitable[object]] | None = None

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        if cursor == "5" and self.meddle is not None:
            await self.meddle()
        return await super().search_keyword(http, query, cursor)


async def test_the_two_become_one_and_nobody_pays_twice(bench: Bench) -> None:
    async with working(bench.database, ScriptedProvider(pages_of(10, 10))):
        first = await bench.finish(await bench.start("chess"))
        await forget_the_ids(bench, 3, 7)
        async with transaction(bench.database, bench.user.claim) as tx:
            by_id = name_creator("youtube", "handle:creator7", is_id=True)
            await service.exclude(tx, bench.user, [by_id])
        await write(
            bench.database,
            "UPDATE creator_handles SET first_seen_at = '2020-01-01' WHERE handle ~ '[37]$'",
        )
        second = await bench.finish(await bench.start("chess again"))
        await until_idle(bench)
    assert (second.stored, (await bench.reload(first)).stored) == (10, 10)
    assert await many(bench.database, LEFT) == []
    assert await one(bench.database, "SELECT count(*) FROM creators WHERE bio IS NOT NULL") == 10
    held = """
        SELECT count(*) FROM search_creators s JOIN creators c ON c.id = s.creator_id
        WHERE c.stable_id = s.stable_id
    """
    assert await one(bench.database, held) == 20
    assert await many(bench.database, COUNTERS) == []
    assert await one(bench.database, "SELECT usage_creators_current_month FROM user_usage") == 10
    charged = "SELECT stable_id FROM usage_charges ORDER BY 1"
    assert await many(bench.database, charged) == [f"UC{number:06}" for number in range(10)]
    assert await one(bench.database, "SELECT count(DISTINCT creator_id) FROM posts") == 10
    since = """
        SELECT h.handle FROM creator_handles h JOIN creators c ON c.id = h.creator_id
        WHERE h.first_seen_at < '2021-01-01' AND c.stable_id LIKE 'UC%' ORDER BY 1
    """
    assert await many(bench.database, since) == ["creator3", "creator7"]
    assert await many(bench.database, "SELECT value FROM exclusions") == ["UC000007"]
    assert await one(bench.database, MERGED) == 2


async def test_a_search_that_holds_both_keeps_who_came_first(bench: Bench) -> None:
    """While it still runs: the places of later pages go on behind the gap."""

    def script(_: str, cursor: str | None) -> Page:
        start = int(cursor or 0)
        numbers = [5, 3, *range(start + 1, start + 5)] if start else range(5)
        return page(list(numbers), str(start + 5) if start < 15 else None)

    provider = Meddled(script, meddle=lambda: forget_the_ids(bench, 3))
    async with working(bench.database, provider):
        ended = await bench.finish(await bench.start("chess"))
        await until_idle(bench)
    kept = [f"UC{number:06}" for number in range(20) if number not in {10, 15}]
    assert (await bench.reload(ended)).stored == len(kept)
    assert await many(bench.database, LEFT) == []
    assert await many(bench.database, COUNTERS) == []
    assert await many(bench.database, "SELECT stable_id FROM search_creators ORDER BY 1") == kept
    places = "SELECT position FROM search_creators WHERE stable_id = 'UC000003'"
    assert await many(bench.database, places) == [4]
    documents = """
        SELECT jsonb_path_query(creators, '$[*].creator.channelId') #>> '{}' AS id FROM scraping_results
        ORDER BY 1
    """
    assert await many(bench.database, documents) == kept
    assert await one(bench.database, "SELECT usage_creators_current_month FROM user_usage") == len(kept)


async def test_a_handle_that_several_accounts_bore_is_nobodys(bench: Bench) -> None:
    async with working(bench.database, ScriptedProvider(pages_of(5, 5))):
        await bench.finish(await bench.start("chess"))
        await forget_the_ids(bench, 3)
        await write(
            bench.database,
            """
            INSERT INTO creator_handles (creator_id, handle, first_seen_at, last_seen_at)
            SELECT id, 'Creator3', '2020-01-01', '2021-01-01' FROM creators WHERE stable_id = 'UC000001'
            """,
        )
        await bench.finish(await bench.start("chess again"))
        await until_idle(bench)
    assert await many(bench.database, LEFT) == ["handle:creator3"]
    assert await one(bench.database, MERGED) == 0
    assert await many(bench.database, COUNTERS) == []


async def test_merged_by_many_at_once_while_pages_are_kept(bench: Bench) -> None:
    """Four mergers of each of ten creators, beside three searches whose pages show all of them."""
    over = asyncio.Event()

    async def merging(ids: list[object]) -> None:
        while not over.is_set():
            for surrogate in ids:
                work = partial(merge, surrogate_id=int(str(surrogate)))
                await in_transaction(bench.database, SYSTEM, work)
            await asyncio.sleep(0)

    async with working(bench.database, ScriptedProvider(pages_of(5, 30))):
        await bench.finish(await bench.start("chess"))
        await forget_the_ids(bench, *range(10))
        ids = await many(bench.database, "SELECT id FROM creators WHERE stable_id LIKE 'handle:%'")
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(merging(ids))
            searches = [await bench.start(f"again {number}") for number in range(3)]
            ended = [await bench.finish(search) for search in searches]
            await until_idle(bench)
            over.set()
    assert [search.stored for search in ended] == [30, 30, 30]
    assert await many(bench.database, LEFT) == []
    assert await one(bench.database, MERGED) == 10
    assert await one(bench.database, "SELECT count(*) FROM creators") == 30
    assert await one(bench.database, "SELECT count(*) FROM search_creators") == 120
    assert await many(bench.database, COUNTERS) == []
    assert await one(bench.database, "SELECT usage_creators_current_month FROM user_usage") == 30
    assert await one(bench.database, "SELECT count(*) FROM usage_charges") == 30


async def test_who_is_taken_out_of_a_running_search_leaves_a_gap(bench: Bench) -> None:
    async def suppress() -> None:
        async with transaction(bench.database, SYSTEM) as tx:
            await service.suppress(tx, bench.user, KEY, name_creator("youtube", "creator1"))

    async with working(bench.database, Meddled(pages_of(5, 15), meddle=suppress), key=KEY):
        ended = await bench.finish(await bench.start("chess"))
    assert ended.stored == 14
    assert await many(bench.database, "SELECT position FROM search_creators ORDER BY 1") == [1, *range(3, 16)]
