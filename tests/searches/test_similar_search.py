"""Creators like one, over the sandbox's real HTTP: with reasons that add up, and without the excluded."""

import math
from pathlib import Path

import pytest

from tastemaker.campaigns.service import create_campaign
from tastemaker.core.clock import utc_now
from tastemaker.core.errors import Conflict
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import transaction
from tastemaker.journeys.start_searches import start_or_continue
from tastemaker.searches.exclusions.names import name_creator
from tastemaker.searches.exclusions.service import exclude
from tastemaker.searches.results.paging import SearchScope
from tastemaker.searches.results.queries import ResultRow, list_results
from tastemaker.searches.types import Outcome, Search, Status, make_request
from tests.searches.rows import many
from tests.searches.scripted import Bench
from tests.searches.test_sandbox_search import worker_over_sandbox


async def start(
    bench: Bench, like: str, platform: Platform, *, target: int = 20, campaign: str | None = None
) -> Search:
    async with transaction(bench.database, bench.user.claim) as tx:
        request = make_request(platform=platform, like=like, target=target)
        begun = await start_or_continue(
            tx, bench.user, [request], campaign_name=campaign, today=utc_now().date(), source="sandbox"
        )
        return begun.searches[0]


async def results(bench: Bench, search: Search) -> list[ResultRow]:
    async with transaction(bench.database, bench.user.claim) as tx:
        page = await list_results(tx, bench.user.user_id, SearchScope((search.id,)), limit=100)
        return [*page.creators]


async def somebody(bench: Bench, word: str, platform: Platform) -> str:
    """The handle of a creator that a keyword search found."""
    await bench.finish(await bench.start(word, target=30, platform=platform))
    found = await many(
        bench.database,
        "SELECT handle FROM creators JOIN posts ON creator_id = creators.id ORDER BY creators.id",
    )
    return str(found[0])


@pytest.mark.parametrize("platform", list(Platform))
async def test_creators_like_one_are_found_with_reasons_that_add_up(
    bench: Bench, corpus: Path, platform: Platform
) -> None:
    async with worker_over_sandbox(bench, corpus):
        like = await somebody(bench, "makeup", platform)
        ended = await bench.finish(await start(bench, f"@{like}", platform))
    assert (ended.status, ended.like, ended.error) == (Status.COMPLETED, like, None)
    assert ended.outcome in {Outcome.FULL, Outcome.PARTIAL}
    found = await results(bench, ended)
    assert 3 <= len(found) == ended.stored <= 20
    assert like not in {one.handle for one in found}
    for one in found:
        assert one.similarity is not None
        assert math.isclose(one.similarity, math.fsum(part["value"] for part in one.because), abs_tol=1e-9)
        assert one.alike_in
    assert [one.similarity for one in found] == sorted((one.similarity for one in found), reverse=True)


async def test_excluded_creators_stay_out_and_a_second_search_knows_the_catalog(
    bench: Bench, corpus: Path
) -> None:
    async with worker_over_sandbox(bench, corpus):
        like = await somebody(bench, "fitness", Platform.TIKTOK)
        first = await results(bench, await bench.finish(await start(bench, like, Platform.TIKTOK)))
        unwanted = first[0]
        async with transaction(bench.database, bench.user.claim) as tx:
            await exclude(tx, bench.user, [name_creator("tiktok", f"@{unwanted.handle}")])
        again = await results(
            bench, await bench.finish(await start(bench, like, Platform.TIKTOK, target=100))
        )
    assert unwanted.stable_id not in {one.stable_id for one in again}
    assert {one.stable_id for one in first[1:]} <= {one.stable_id for one in again}
    roles = await many(bench.database, "SELECT DISTINCT role FROM similar_creators WHERE score IS NOT NULL")
    assert set(roles) <= {"related", "found", "catalog"}


async def test_an_unknown_creator_is_told_and_costs_one_call(bench: Bench, corpus: Path) -> None:
    async with worker_over_sandbox(bench, corpus):
        ended = await bench.finish(await start(bench, "nobody_of_this_name_1", Platform.TIKTOK))
    assert (ended.status, ended.stored) == (Status.ERROR, 0)
    assert ended.error == "TikTok has no account @nobody_of_this_name_1."


async def test_a_campaign_of_keywords_takes_none_and_says_where_it_would_go(bench: Bench) -> None:
    async with transaction(bench.database, bench.user.claim) as tx:
        await create_campaign(tx, bench.user, name="spring")
    with pytest.raises(
        Conflict, match=r"“spring” holds keyword searches.*“like @somebody · \d{4}-\d\d-\d\d”"
    ):
        await start(bench, "somebody", Platform.TIKTOK, campaign="spring")
    begun = await start(bench, "@Somebody", Platform.TIKTOK)
    assert begun.campaign_name == f"like @Somebody · {utc_now():%Y-%m-%d}"
    assert (await start(bench, "@Somebody", Platform.TIKTOK)).id == begun.id, "the same is continued"
