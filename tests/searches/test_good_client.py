"""A live provider is asked within limits that all workers share, and never for what was paid for already."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, cast

import httpx
import pytest

from tastemaker.config_store.declaration import ConfigKey
from tastemaker.config_store.hot_reload import Configuration, live_configuration
from tastemaker.config_store.keys import (
    FAILURES_BEFORE_A_REST,
    INSTALLATION_BUDGET,
    LONGEST_PARKING,
    OTHER_PAGES_AT_ONCE,
    PARK_ON_QUOTA,
    REUSE_PAGES_FOR,
    USER_BUDGET,
    YOUTUBE_SEARCHES_A_DAY,
)
from tastemaker.config_store.service import set_value
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.providers.base import KeywordQuery, Page
from tastemaker.searches.types import Outcome, Search, Status
from tests.providers.remote import Asked, Remote, Reply, always, as_json
from tests.providers.wires import WIRES
from tests.searches.conftest import Clock
from tests.searches.rows import many, one
from tests.searches.scripted import DECLARATION, Bench, ScriptedProvider, page, pages_of, working

YOUTUBE, TIKTOK, _ = WIRES
PAGE_MICROS = 1880


def configured(changed: dict[ConfigKey[Any], Any] | None = None) -> Configuration:
    return Configuration.of_defaults(changed)


async def live(
    bench: Bench,
    *keywords: str,
    platform: Platform = Platform.TIKTOK,
    source: str = "live",
    max_cost: int | None = None,
) -> Search:
    return await bench.start(*keywords, platform=platform, source=source, max_cost=max_cost)


async def waiting_for(search: Search, bench: Bench) -> float:
    """Seconds until a parked search goes on, by the database's clock."""
    asked = "SELECT extract(epoch FROM parked_until - app_now()) FROM scraping_jobs WHERE id = %(id)s"
    return float(str(await one(bench.database, asked, id=search.id)))


def in_ten_minutes() -> Reply:
    """From a server whose clock is a day off: only its own two moments count."""
    now = datetime.now(UTC) + timedelta(days=1)
    told = {
        "Date": format_datetime(now, usegmt=True),
        "Retry-After": format_datetime(now + timedelta(minutes=10), usegmt=True),
    }
    return Reply(status=429, headers=told)


@pytest.mark.parametrize(
    "refusal", [Reply(status=429, headers={"Retry-After": "600"}), in_ten_minutes()], ids=["seconds", "date"]
)
async def test_a_pause_that_was_asked_for_is_everybodys(
    bench: Bench, remote: Remote, shift: Clock, refusal: Reply
) -> None:
    remote.script = always(refusal)
    async with working(bench.database, TIKTOK.build(remote.url)):
        first = await bench.finish(await live(bench, "chess"))
        assert (first.status, first.parked_until is not None) == (Status.PENDING, True)
        assert 540 < await waiting_for(first, bench) <= 600
        second = await bench.finish(await live(bench, "makeup"))
        assert 540 < await waiting_for(second, bench) <= 600
        assert second.parked_reason == (
            "scrapecreators_tiktok: ScrapeCreators asks for fewer calls (HTTP 429)."
        )
        assert len(remote.asked) == 1, "the second was not even asked for"
        remote.script = TIKTOK.page(TIKTOK.items(1, 4), more=False)
        shift.forward(601)
        ended = [await bench.finish(one, parked_ends=False) for one in (first, second)]
    assert [search.outcome for search in ended] == [Outcome.FULL, Outcome.FULL]


async def test_a_storm_of_errors_opens_the_breaker_and_one_call_tries_again(
    bench: Bench, remote: Remote, shift: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemaker.providers.limits.BACKOFF_SECONDS", 0.01)
    remote.script = always(Reply(status=500))
    config = configured({FAILURES_BEFORE_A_REST: Decimal(3)})
    async with working(bench.database, TIKTOK.build(remote.url), config=config):
        search = await live(bench, "chess", "makeup")
        opened = "SELECT count(*) FROM provider_gates WHERE open_until > app_now()"
        while not await one(bench.database, opened):
            await asyncio.sleep(0.02)
        asked = len(remote.asked)
        assert 3 <= asked <= 4, "one may have been under way"
        await asyncio.sleep(0.5)
        assert len(remote.asked) == asked, "nobody calls while it is open"
        remote.script = TIKTOK.page(TIKTOK.items(1, 4), more=False)
        shift.forward(31)
        ended = await bench.finish(search)
    assert (ended.outcome, ended.stored) == (Outcome.FULL, 3)
    assert await many(bench.database, "SELECT failures + trips FROM provider_gates") == [0]


async def test_a_page_that_nobody_understands_ends_its_keyword_and_is_told_with_a_sample(
    bench: Bench, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemaker.providers.limits.BACKOFF_SECONDS", 0.01)
    good = TIKTOK.page(TIKTOK.items(1, 4), more=False)
    page = Reply(b"<html>Please log in.</html>", headers={"Content-Type": "text/html"})
    remote.script = lambda asked: page if asked.params["query"] == "chess" else good(asked)
    config = configured({FAILURES_BEFORE_A_REST: Decimal(100)})
    async with working(bench.database, TIKTOK.build(remote.url), config=config):
        search = await bench.finish(await live(bench, "chess", "makeup"))
    assert (search.outcome, search.stored) == (Outcome.PARTIAL, 3)
    told = await many(
        bench.database,
        "SELECT event_data || jsonb_build_object('kept', s.beginning, 'search', aggregate_id) FROM events"
        " LEFT JOIN provider_samples s ON s.id::text = event_data ->> 'sample_id'"
        " WHERE event_type = 'provider_malformed' ORDER BY seq",
    )
    known: Any = {
        "provider": "scrapecreators_tiktok",
        "platform": "TikTok",
        "attempts": 5,
        "kept": "<html>Please log in.</html>",
        "search": str(search.id),
    }
    assert [{name: one[name] for name in known} for one in cast("list[Any]", told)] == [known]
    assert await one(bench.database, "SELECT count(*) FROM provider_samples") == 5


async def test_a_quota_that_is_used_up_parks_until_the_providers_midnight(
    bench: Bench, remote: Remote, shift: Clock
) -> None:
    remote.script = YOUTUBE.paged([YOUTUBE.items(1, 3), YOUTUBE.items(3, 5), YOUTUBE.items(5, 7)])
    config = configured({YOUTUBE_SEARCHES_A_DAY: Decimal(2)})
    async with working(bench.database, YOUTUBE.build(remote.url), config=config):
        parked = await bench.finish(await live(bench, platform=Platform.YOUTUBE))
        assert (parked.status, parked.stored) == (Status.PENDING, 4)
        assert parked.parked_reason == "The provider's searches of today, 2, are used up."
        assert len(remote.asked) == 6, "two pages of three calls"
        pause = await waiting_for(parked, bench)
        assert 0 < pause <= 25 * 3600
        shift.forward(pause + 1)
        ended = await bench.finish(parked, parked_ends=False)
    assert (ended.outcome, ended.stored) == (Outcome.FULL, 6)


async def test_calls_that_never_went_out_use_up_no_quota(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemaker.providers.limits.BACKOFF_SECONDS", 0.01)
    nobody = YOUTUBE.build("http://127.0.0.1:9")
    config = configured({FAILURES_BEFORE_A_REST: Decimal(100)})
    async with working(bench.database, nobody, config=config):
        ended = await bench.finish(await live(bench, platform=Platform.YOUTUBE))
    assert ended.outcome is Outcome.PROVIDER_FAILED
    assert await many(bench.database, "SELECT used FROM provider_quotas") == [0, 0]
    books = "SELECT DISTINCT concat_ws(' ', status, calls, units) FROM provider_calls"
    assert await many(bench.database, books) == ["failed 0 0"]


async def test_two_workers_share_one_bucket(bench: Bench) -> None:
    """Of 24 pages at 20 a second, 20 at once after a rest, the last goes out 0.2 s after the first."""
    loop = asyncio.get_running_loop()
    moments: list[float] = []

    def script(keyword: str, cursor: str | None) -> Page:
        moments.append(loop.time())
        return pages_of(1, 12)(keyword, cursor)

    slow = replace(DECLARATION, name="slow", calls_per_second=20)
    providers = [ScriptedProvider(script, declaration=slow) for _ in range(2)]
    config = configured({REUSE_PAGES_FOR: timedelta(0), OTHER_PAGES_AT_ONCE: Decimal(50)})
    searches = [await live(bench, keyword) for keyword in ("chess", "makeup")]
    async with (
        working(bench.database, providers[0], config=config),
        working(bench.database, providers[1], config=config),
    ):
        for search in searches:
            await bench.finish(search, parked_ends=False)
    assert len(moments) == 24
    assert moments[-1] - moments[0] >= 0.19


@dataclass
class Crowd(ScriptedProvider):
    """Counts how many ask at the same time. Nobody is answered before `meets` of them were there at once."""

    inside: int = 0
    meets: int = 1
    seen: list[int] = field(default_factory=list)

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        self.inside += 1
        self.seen.append(self.inside)
        try:
            await asyncio.sleep(0.05)
            while max(self.seen) < self.meets:
                await asyncio.sleep(0.01)
            return await super().search_keyword(http, query, cursor)
        finally:
            self.inside -= 1


async def test_the_cap_on_calls_at_once_is_hot(bench: Bench) -> None:
    """A change in the database is there for the next page, within five seconds and without a restart."""
    numbers = {keyword: place for place, keyword in enumerate("abcdefgh")}
    crowd = Crowd(lambda keyword, _: page([numbers[keyword]], None))
    await set_cap(bench, 1)
    async with (
        live_configuration(bench.database) as config,
        working(bench.database, crowd, config=config),
    ):
        await bench.finish(await live(bench, *"abcd"))
        assert max(crowd.seen) == 1
        await set_cap(bench, 4)
        async with asyncio.timeout(5):
            while config[OTHER_PAGES_AT_ONCE] != Decimal(4):
                await asyncio.sleep(0.02)
        crowd.meets = 2
        await bench.finish(await live(bench, *"efgh"))
    assert max(crowd.seen) > 1


async def set_cap(bench: Bench, pages: int) -> None:
    async with transaction(bench.database, SYSTEM) as tx:
        await set_value(tx, OTHER_PAGES_AT_ONCE.name, str(pages), actor="test")


def endless(asked: Asked) -> Reply:
    """Three creators a page, one credit each."""
    at = int(asked.params.get("cursor", "0"))
    items = TIKTOK.items(at + 1, at + 4)
    return as_json(
        {"success": True, "credits_charged": 1, "cursor": at + 3, "has_more": 1, "search_item_list": items}
    )


@pytest.mark.parametrize(
    ("changed", "max_cost", "told"),
    [
        (
            {INSTALLATION_BUDGET: Decimal("0.005")},
            None,
            "This installation's budget for providers this month, $0.005, is used up.",
        ),
        ({USER_BUDGET: Decimal("0.005")}, None, "Your budget for providers this month, $0.005, is used up."),
        ({}, 5000, "This search may cost $0.005, which the next page would pass."),
    ],
    ids=["installation", "user", "search"],
)
async def test_a_budget_ends_a_search_in_the_middle_and_says_which(
    bench: Bench,
    remote: Remote,
    changed: dict[ConfigKey[Any], Any],
    max_cost: int | None,
    told: str,
) -> None:
    remote.script = endless
    config = configured({PARK_ON_QUOTA: False, **changed})
    async with working(bench.database, TIKTOK.build(remote.url), config=config):
        ended = await bench.finish(await live(bench, max_cost=max_cost))
    assert (ended.outcome, ended.stored, ended.error) == (Outcome.PARTIAL, 6, told)
    assert len(remote.asked) == 2
    assert await one(bench.database, "SELECT sum(micros_usd) FROM provider_spending") == 2 * PAGE_MICROS


async def test_a_months_budget_is_waited_for_where_the_operator_waits_so_long(
    bench: Bench, remote: Remote
) -> None:
    remote.script = endless
    config = configured({USER_BUDGET: Decimal("0.002"), LONGEST_PARKING: timedelta(days=31)})
    async with working(bench.database, TIKTOK.build(remote.url), config=config):
        parked = await bench.finish(await live(bench))
    assert (parked.status, parked.stored) == (Status.PENDING, 3)
    month = """SELECT parked_until = (date_trunc('month', app_now() AT TIME ZONE 'UTC') + interval '1 month')
               AT TIME ZONE 'UTC' OR parked_until - interval '2 seconds' < (date_trunc('month', app_now()
               AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC' FROM scraping_jobs"""
    assert await one(bench.database, month) is True


async def test_a_call_that_failed_but_was_charged_is_in_the_books(
    bench: Bench, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemaker.providers.limits.BACKOFF_SECONDS", 0.01)
    replies = iter([as_json({"success": False, "error": "broken", "credits_charged": 1})])
    remote.script = lambda asked: next(replies, None) or TIKTOK.page(TIKTOK.items(1, 4), more=False)(asked)
    async with working(bench.database, TIKTOK.build(remote.url)):
        ended = await bench.finish(await live(bench))
    assert ended.stored == 3
    books = (
        "SELECT status || ' ' || micros_usd || ' ' || coalesce(error_kind, '') FROM provider_calls ORDER BY 1"
    )
    assert await many(bench.database, books) == ["charged 1880 ", "failed 1880 server"]
    assert await one(bench.database, "SELECT sum(micros_usd) FROM provider_spending") == 2 * PAGE_MICROS


async def test_a_sandbox_costs_nothing_and_nothing_limits_it(bench: Bench, remote: Remote) -> None:
    remote.script = TIKTOK.page(TIKTOK.items(1, 4), more=False)
    config = configured({INSTALLATION_BUDGET: Decimal(0)})
    async with working(bench.database, TIKTOK.build(remote.url), config=config):
        ended = await bench.finish(await live(bench, source="sandbox"))
    assert ended.outcome is Outcome.FULL
    books = (
        "SELECT calls || ' ' || units || ' ' || micros_usd || ' ' || estimated_micros_usd FROM provider_calls"
    )
    assert await many(bench.database, books) == ["1 1 0 0"]
    for table in ("provider_gates", "provider_pages", "provider_spending"):
        assert await one(bench.database, f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - a name from above
