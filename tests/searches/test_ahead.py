"""From a slow provider the next page is asked for while the last one is kept, and no page in vain."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import psycopg
import pytest

from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import transaction
from tastemaker.providers.base import ErrorKind, KeywordQuery, Page, ProviderError
from tastemaker.searches.run import runner
from tastemaker.searches.run.runner import AHEAD_FROM_SECONDS
from tastemaker.searches.service import cancel_search
from tastemaker.searches.types import Outcome, Status
from tests.providers.remote import Remote
from tests.providers.wires import WIRES
from tests.searches.rows import many, one, write
from tests.searches.scripted import Bench, Script, ScriptedProvider, page, pages_of, working

_, TIKTOK, *_ = WIRES
SLOW = 2 * AHEAD_FROM_SECONDS
ORDER = "SELECT array_agg(stable_id ORDER BY position) FROM search_creators"
CALLS = "SELECT status || ' ' || count(*) FROM provider_calls GROUP BY status ORDER BY status"


@dataclass
class Held(ScriptedProvider):
    """Its second page comes when it is let go."""

    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        page = await super().search_keyword(http, query, cursor)
        if cursor == "10":
            await self.go.wait()
        return page


@asynccontextmanager
async def nobody_charges(admin_url: str) -> AsyncIterator[None]:
    """Pages are half kept meanwhile: they wait for the user's usage."""
    async with await psycopg.AsyncConnection.connect(admin_url) as holding:
        await holding.execute("SELECT FROM user_usage FOR UPDATE")
        yield


async def until_asked(provider: ScriptedProvider, times: int) -> None:
    async with asyncio.timeout(10):
        while len(provider.asked) < times:
            await asyncio.sleep(0.01)


def ids(count: int) -> list[str]:
    return [f"UC{number:06}" for number in range(count)]


async def test_the_next_page_is_on_its_way_while_the_last_is_kept(bench: Bench, admin_url: str) -> None:
    provider = Held(pages_of(10, 60), delay=SLOW)
    search = await bench.start(target=60)
    async with working(bench.database, provider):
        await until_asked(provider, 2)
        async with nobody_charges(admin_url):
            provider.go.set()
            await until_asked(provider, 3)
            await asyncio.sleep(3 * SLOW)
            assert len(provider.asked) == 3, "one ahead, and no more"
            assert (await bench.reload(search)).stored == 10
        ended = await bench.finish(search)
    assert (ended.outcome, ended.stored, ended.pages) == (Outcome.FULL, 60, 6)
    assert await one(bench.database, ORDER) == ids(60)
    assert len(provider.asked) == 6
    assert await many(bench.database, CALLS) == ["charged 6"]


async def test_a_quick_provider_is_asked_when_the_last_page_is_kept(
    bench: Bench, admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "AHEAD_FROM_SECONDS", 10.0)  # also on a machine where nothing is quick
    kept: list[int] = []

    def script(keyword: str, cursor: str | None) -> Page:
        with psycopg.connect(admin_url) as looking:
            rows = looking.execute("SELECT processed_results FROM scraping_jobs").fetchall()
        kept.append(rows[0][0])
        return pages_of(10, 60)(keyword, cursor)

    async with working(bench.database, ScriptedProvider(script)):
        await bench.finish(await bench.start(target=60))
    assert kept == [0, 10, 20, 30, 40, 50]


def always_new(_keyword: str, cursor: str | None) -> Page:
    start = int(cursor or 0)
    return page(range(start, start + 10), str(start + 10))


def goes_round(_keyword: str, cursor: str | None) -> Page:
    start = int(cursor or 0)
    return page(range(start, start + 10), str((start + 10) % 40))


def dries_up(_keyword: str, cursor: str | None) -> Page:
    start = int(cursor or 0)
    return page(range(min(start, 20), min(start, 20) + 10), str(start + 10))


@pytest.mark.parametrize(
    ("script", "calls", "stored"),
    [(pages_of(10, 45), 5, 45), (always_new, 6, 60), (goes_round, 5, 40), (dries_up, 6, 30)],
    ids=["nothing left", "target", "cursor loop", "nobody new"],
)
async def test_no_page_is_asked_for_that_nobody_wants(
    bench: Bench, script: Script, calls: int, stored: int
) -> None:
    provider = ScriptedProvider(script, delay=SLOW)
    async with working(bench.database, provider):
        ended = await bench.finish(await bench.start(target=60))
    assert (len(provider.asked), ended.stored) == (calls, stored)
    assert await many(bench.database, CALLS) == [f"charged {calls}"]


@pytest.mark.parametrize(("limit", "calls"), [(30, 4), (34, 4), (40, 5)])
async def test_nor_beyond_what_the_plan_has_left(bench: Bench, limit: int, calls: int) -> None:
    """The page that meets the limit says so; the one before knows that it is not the last."""
    await write(bench.database, "UPDATE user_usage SET plan_creators_limit = %(limit)s", limit=limit)
    provider = ScriptedProvider(always_new, delay=SLOW)
    async with working(bench.database, provider):
        ended = await bench.finish(await bench.start(target=60))
    assert (ended.outcome, ended.stored, len(provider.asked)) == (Outcome.PLAN_LIMIT, limit, calls)


async def test_a_cancelled_search_asks_for_nothing_more(bench: Bench) -> None:
    provider = Held(always_new, delay=SLOW)
    search = await bench.start(target=60)
    async with working(bench.database, provider):
        await until_asked(provider, 2)
        async with transaction(bench.database, bench.user.claim) as tx:
            await cancel_search(tx, bench.user, search)
        provider.go.set()
        await asyncio.sleep(3 * SLOW)
    ended = await bench.reload(search)
    assert (ended.status, ended.stored, len(provider.asked)) == (Status.CANCELLED, 10, 2)


async def test_a_page_ahead_is_called_off_where_the_search_is_cancelled_while_the_last_is_kept(
    bench: Bench, admin_url: str
) -> None:
    provider = Held(always_new, delay=SLOW)
    search = await bench.start(target=60)
    async with working(bench.database, provider):
        await until_asked(provider, 2)
        async with await psycopg.AsyncConnection.connect(admin_url) as owner:
            await owner.execute("SELECT FROM scraping_jobs FOR UPDATE")
            provider.go.set()
            await until_asked(provider, 3)
            await owner.execute(
                "UPDATE scraping_jobs SET status = 'cancelled', outcome = 'cancelled', completed_at = now()"
            )
            await owner.commit()
        await asyncio.sleep(3 * SLOW)
    ended = await bench.reload(search)
    assert (ended.status, ended.stored, len(provider.asked)) == (Status.CANCELLED, 10, 3)
    assert await many(bench.database, CALLS) == ["abandoned 1", "charged 2"]


async def test_a_live_call_that_is_called_off_is_abandoned_and_keeps_nobody_waiting(
    bench: Bench, remote: Remote, admin_url: str
) -> None:
    paged = TIKTOK.paged([TIKTOK.items(start, start + 10) for start in range(0, 60, 10)])

    async def until_three_are_asked() -> None:
        async with asyncio.timeout(10):
            while len(remote.asked) < 3:
                await asyncio.sleep(0.01)

    remote.script = lambda asked: replace(paged(asked), pause=3 * SLOW)
    async with working(bench.database, TIKTOK.build(remote.url)):
        search = await bench.start(target=60, platform=Platform.TIKTOK, source="live")
        async with await psycopg.AsyncConnection.connect(admin_url) as owner:
            while len(remote.asked) < 2:
                await asyncio.sleep(0.01)
            await owner.execute("SELECT FROM scraping_jobs FOR UPDATE")
            await until_three_are_asked()
            await owner.execute(
                "UPDATE scraping_jobs SET status = 'cancelled', outcome = 'cancelled', completed_at = now()"
            )
            await owner.commit()
        assert (await bench.finish(search)).status is Status.CANCELLED
        again = await bench.start(target=60, platform=Platform.TIKTOK, source="live")
        assert (await bench.finish(again, within=5)).stored == 60, "nobody asks for it any more"
    assert await many(bench.database, CALLS) == ["abandoned 1", "charged 6"]


async def test_a_page_that_brings_nobody_new_does_not_hide_the_plans_limit(bench: Bench) -> None:
    def second_repeats(_keyword: str, cursor: str | None) -> Page:
        number = int(cursor or 0)
        start = 10 * max(0, number - 1)
        return page(range(start, start + 10), str(number + 1))

    await write(bench.database, "UPDATE user_usage SET plan_creators_limit = 14")
    provider = ScriptedProvider(second_repeats, delay=SLOW)
    async with working(bench.database, provider):
        ended = await bench.finish(await bench.start(target=60))
    assert (ended.outcome, ended.stored, len(provider.asked)) == (Outcome.PLAN_LIMIT, 14, 3)


async def test_what_another_search_took_of_the_plan_during_the_call_counts(bench: Bench) -> None:
    provider = Held(always_new, delay=SLOW)
    await write(bench.database, "UPDATE user_usage SET plan_creators_limit = 50")
    search = await bench.start(target=100)
    async with working(bench.database, provider):
        await until_asked(provider, 2)
        await write(bench.database, "UPDATE user_usage SET plan_creators_limit = 15")
        provider.go.set()
        ended = await bench.finish(search)
    assert (ended.outcome, ended.stored, len(provider.asked)) == (Outcome.PLAN_LIMIT, 15, 2)


async def test_who_has_lost_the_run_asks_for_nothing_more(bench: Bench) -> None:
    provider = Held(always_new, delay=SLOW)
    search = await bench.start(target=60)
    async with working(bench.database, provider):
        await until_asked(provider, 2)
        await write(
            bench.database,
            "UPDATE background_jobs SET attempt = attempt + 1, worker = 'another',"
            " lease_until = app_now() + interval '1 hour'",
        )
        provider.go.set()
        await asyncio.sleep(3 * SLOW)
    assert len(provider.asked) == 2
    assert (await bench.reload(search)).stored == 10


async def test_a_page_that_fails_ahead_is_asked_for_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemaker.providers.limits.BACKOFF_SECONDS", 0.01)
    failures = iter([ProviderError(ErrorKind.SERVER, "It is down.", final=False)])

    def script(keyword: str, cursor: str | None) -> Page | Exception:
        failure = next(failures, None) if cursor == "30" else None
        return failure or pages_of(10, 60)(keyword, cursor)

    provider = ScriptedProvider(script, delay=SLOW)
    async with working(bench.database, provider):
        ended = await bench.finish(await bench.start(target=60))
    assert (ended.outcome, ended.stored) == (Outcome.FULL, 60)
    assert await one(bench.database, ORDER) == ids(60)
    assert await many(bench.database, CALLS) == ["charged 6", "failed 1"]


async def test_a_live_provider_is_asked_ahead_within_its_limits(bench: Bench, remote: Remote) -> None:
    paged = TIKTOK.paged([TIKTOK.items(start, start + 10) for start in range(0, 60, 10)])
    remote.script = lambda asked: replace(paged(asked), pause=SLOW)
    async with working(bench.database, TIKTOK.build(remote.url)):
        search = await bench.start(target=60, platform=Platform.TIKTOK, source="live")
        ended = await bench.finish(search)
    assert (ended.outcome, ended.stored, len(remote.asked)) == (Outcome.FULL, 60, 6)
    assert await many(bench.database, CALLS) == ["charged 6"]
    again = await bench.start(target=60, platform=Platform.TIKTOK, source="live")
    async with working(bench.database, TIKTOK.build(remote.url)):
        ended = await bench.finish(again)
    assert (ended.stored, len(remote.asked)) == (60, 6), "all of it was paid for"
