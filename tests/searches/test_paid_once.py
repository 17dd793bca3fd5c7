"""A page that was paid for is not paid for again: by another search, at the same time, or after a death."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tastemaker.config_store.keys import REUSE_PAGES_FOR
from tastemaker.db.transaction import Transaction
from tastemaker.jobs.types import Done
from tastemaker.providers.base import KeywordQuery
from tastemaker.providers.limits import limiter_of
from tastemaker.providers.page_store import question
from tastemaker.searches.run import runner
from tastemaker.searches.run.call_queries import PlannedCall
from tastemaker.searches.run.page import Continue, FetchedPage
from tastemaker.searches.types import Outcome
from tests.providers.remote import Remote
from tests.searches.conftest import Clock
from tests.searches.rows import many, one, write
from tests.searches.scripted import DECLARATION, Bench, ScriptedProvider, pages_of, working
from tests.searches.test_good_client import TIKTOK, configured, live

DEAD_CALL = """
    INSERT INTO provider_calls (tenant_id, run_id, provider, operation, estimated_units, gate, request_digest,
                                started_at)
    VALUES ('local', gen_random_uuid(), 'one', 'search_keyword', 1, %(gate)s, %(digest)s, app_now())
"""


async def test_the_second_identical_search_makes_no_call(bench: Bench, remote: Remote) -> None:
    remote.script = TIKTOK.paged([TIKTOK.items(1, 4), TIKTOK.items(4, 6)])
    async with working(bench.database, TIKTOK.build(remote.url)):
        first = await bench.finish(await live(bench, "chess"))
        asked = len(remote.asked)
        second = await bench.finish(await live(bench, "  CHESS "))
    assert first.id != second.id
    assert (first.stored, second.stored, asked, len(remote.asked)) == (5, 5, 2, 2)
    assert await one(bench.database, "SELECT count(*) FROM provider_calls") == 2


async def test_two_identical_searches_at_once_pay_once(bench: Bench, remote: Remote) -> None:
    paged = TIKTOK.paged([TIKTOK.items(1, 4), TIKTOK.items(4, 6)])
    remote.script = lambda asked: replace(paged(asked), pause=0.3)
    begun = [await live(bench, keyword) for keyword in ("chess", "  CHESS ", "Chess")]
    async with working(bench.database, TIKTOK.build(remote.url)):
        ended = [await bench.finish(search) for search in begun]
    assert [(search.outcome, search.stored) for search in ended] == [(Outcome.FULL, 5)] * 3
    assert len(remote.asked) == 2
    paid = "SELECT count(*) FROM provider_calls WHERE status = 'charged' AND request_digest IS NOT NULL"
    assert await one(bench.database, paid) == 2


async def test_a_dead_askers_page_is_waited_for_no_longer_than_its_deadline(
    bench: Bench, remote: Remote, shift: Clock
) -> None:
    """Its process died in the call, and the ledger says `estimated`."""
    provider = TIKTOK.build(remote.url)
    digest = question(provider.declaration, KeywordQuery(keyword="chess"), None)
    gate = limiter_of(provider.declaration)
    await write(bench.database, DEAD_CALL, gate=gate, digest=digest)
    remote.script = TIKTOK.page(TIKTOK.items(1, 4), more=False)
    search = await live(bench, "chess")
    async with working(bench.database, provider):
        await asyncio.sleep(0.7)
        assert remote.asked == []
        shift.forward(provider.declaration.page_seconds)
        ended = await bench.finish(search)
    assert (len(remote.asked), ended.stored) == (1, 3)


async def test_nothing_is_kept_where_operator_or_policy_do_not_allow_it(bench: Bench) -> None:
    ours = replace(DECLARATION, policy=replace(DECLARATION.policy, reusable=False))
    for declaration, config in (
        (ours, configured()),
        (DECLARATION, configured({REUSE_PAGES_FOR: timedelta(0)})),
    ):
        provider = ScriptedProvider(pages_of(3, 3), declaration=declaration)
        async with working(bench.database, provider, config=config):
            for _ in range(2):
                await bench.finish(await live(bench, "chess"))
        assert len(provider.asked) == 2
    assert await one(bench.database, "SELECT count(*) FROM provider_pages") == 0


async def test_a_page_that_was_paid_for_survives_the_death_of_its_worker(
    bench: Bench, remote: Remote, shift: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the answer and the page's transaction."""
    commit_page = runner.commit_page
    deaths = iter([RuntimeError("killed")])

    async def dying(
        tx: Transaction, fetched: FetchedPage, *, next_call: PlannedCall | None = None
    ) -> Continue | Done:
        if (death := next(deaths, None)) is not None:
            raise death
        return await commit_page(tx, fetched, next_call=next_call)

    monkeypatch.setattr(runner, "commit_page", dying)
    remote.script = TIKTOK.page(TIKTOK.items(1, 4), more=False)
    search = await live(bench)
    async with working(bench.database, TIKTOK.build(remote.url)):
        while not await one(bench.database, "SELECT max(retry_count) FROM background_jobs"):
            await asyncio.sleep(0.02)
        shift.forward(300)
        ended = await bench.finish(search)
    assert (ended.stored, len(remote.asked)) == (3, 1)
    assert await many(bench.database, "SELECT status FROM provider_calls") == ["charged"]
