"""Keywords of one search find what each of them finds alone, in any order and timing, with kills."""

import asyncio
import os
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress

import httpx
import pytest

from tastemaker.core.platforms import Platform
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.providers.base import KeywordQuery, Page
from tastemaker.searches.run.page import MAX_BARREN_PAGES
from tastemaker.searches.tasks import Sources, search_handlers
from tastemaker.searches.types import Outcome, Search
from tests.searches.rows import many, write
from tests.searches.scripted import Bench, ScriptedProvider, creator, page, working

Pages = Sequence[Sequence[int]]

PLANS, MANY_PLANS = 2, int(os.environ.get("TASTEMAKER_PLANS", "30"))
MOST_KILLS = 3


async def test_a_keyword_goes_on_where_another_one_stored_its_creators_first(bench: Bench) -> None:
    ten_pages = [list(range(start, start + 10)) for start in range(0, 100, 10)]
    later = [*ten_pages[:6], [500], [501]]
    search = await bench.start("first", "later", target=5000)
    provider = Paged({"first": ten_pages, "later": later}, slow={"later": 0.03})
    async with working(bench.database, provider):
        ended = await bench.finish(search)
    assert (ended.outcome, ended.stored) == (Outcome.FULL, 102)
    ends = "SELECT end_reason || ' ' || pages FROM scraping_runs ORDER BY position"
    assert await many(bench.database, ends) == ["exhausted 10", "exhausted 8"]


async def test_a_keyword_that_repeats_what_another_one_stored_ends(bench: Bench) -> None:
    same = [[1, 2]] * 50
    search = await bench.start("first", "later", target=5000)
    provider = Paged({"first": [[1, 2]], "later": same}, slow={"later": 0.03})
    async with working(bench.database, provider):
        await bench.finish(search)
    ends = "SELECT end_reason || ' ' || pages FROM scraping_runs ORDER BY position"
    assert await many(bench.database, ends) == ["exhausted 1", f"no_new_creators {1 + MAX_BARREN_PAGES}"]


async def test_what_a_keyword_finds_alone_is_what_the_plans_expect(bench: Bench) -> None:
    keywords = random_keywords(random.Random(7))  # noqa: S311 - a seed, so that a failure can be repeated
    async with working(bench.database, Paged(keywords)):
        for keyword, pages in keywords.items():
            search = await bench.finish(await bench.start(keyword, target=5000))
            assert await found(bench, search) == alone(pages)


@pytest.mark.parametrize(
    "plans", [PLANS, pytest.param(MANY_PLANS, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
async def test_keywords_together_find_the_union_of_each_alone(bench: Bench, plans: int) -> None:
    for seed in range(plans):
        chance = random.Random(seed)  # noqa: S311 - a seed, so that a failure can be repeated
        keywords = random_keywords(chance)
        order = chance.sample(list(keywords), len(keywords))
        slow = {keyword: chance.choice([0, 0, 0.002, 0.01]) for keyword in keywords}
        kills = [chance.uniform(0, 0.15) for _ in range(chance.randint(0, MOST_KILLS))]
        search = await bench.start(*order, target=5000)
        for moment in kills:
            await work_and_die(bench, Paged(keywords, slow=slow), after=moment)
        async with working(bench.database, Paged(keywords, slow=slow)):
            ended = await bench.finish(search)
        expected = set().union(*map(alone, keywords.values()))
        assert await found(bench, search) == expected, f"seed {seed}"
        assert ended.outcome is (Outcome.FULL if expected else Outcome.NOTHING_FOUND), f"seed {seed}"


class Paged(ScriptedProvider):
    """Each keyword has its pages; the cursor is the number of the next one."""

    def __init__(self, pages: Mapping[str, Pages], slow: Mapping[str, float] | None = None) -> None:
        def script(keyword: str, cursor: str | None) -> Page:
            number, of_keyword = int(cursor or 0), pages[keyword]
            return page(of_keyword[number], str(number + 1) if number + 1 < len(of_keyword) else None)

        super().__init__(script)
        self._slow = slow or {}

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        await asyncio.sleep(self._slow.get(query.keyword, 0))
        return await super().search_keyword(http, query, cursor)


def random_keywords(chance: random.Random) -> dict[str, Pages]:
    """Keywords that share creators and whole stretches of pages, and repeat their own up to five times."""
    most = chance.choice([20, 60, 200])
    shared = [chance.sample(range(most), chance.randint(1, 5)) for _ in range(chance.randint(3, 6))]
    keywords: dict[str, Pages] = {}
    for number in range(chance.randint(2, 7)):
        pages: list[list[int]] = chance.sample(shared, chance.randint(0, len(shared)))
        for _ in range(chance.randint(1, 6)):
            pages.append(chance.sample(range(most), chance.randint(0, 5)))
            pages += [chance.choice(pages)] * chance.choice([0, 0, 0, 1, 2, 3, 5])
        keywords[f"word {number}"] = pages
    return keywords


def alone(pages: Pages) -> set[str]:
    """The stable ids that a keyword with these pages finds in a search of its own."""
    seen: set[int] = set()
    barren = 0
    for numbers in pages:
        barren = barren + 1 if seen.issuperset(numbers) else 0
        seen.update(numbers)
        if barren == MAX_BARREN_PAGES:
            break
    return {creator(number).stable_id for number in seen}


async def work_and_die(bench: Bench, provider: Paged, *, after: float) -> None:
    """A worker that is torn out of its work; its jobs are free again at once."""
    each = dict.fromkeys(Platform, provider)
    async with httpx.AsyncClient() as http:
        handlers = search_handlers(Sources(http=http, providers={"sandbox": each, "live": each}))
        worker = asyncio.create_task(
            run_worker(bench.database, handlers, stopping=asyncio.Event(), settings=WorkerSettings(poll=0.05))
        )
        await asyncio.sleep(after)
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
    await write(
        bench.database,
        "UPDATE background_jobs SET lease_until = app_now() - interval '1 s' WHERE status = 'processing'",
    )


async def found(bench: Bench, search: Search) -> set[str]:
    asked = "SELECT stable_id FROM search_creators WHERE job_id = CAST(%(id)s AS uuid)"
    return {str(one) for one in await many(bench.database, asked, id=str(search.id))}
