"""What is done with a creator of the results, or with many: side panel, exclusion and its undo, export."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tastemaker.campaigns.queries import Campaign
from tastemaker.campaigns.service import create_campaign, get_campaign
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.transaction import transaction
from tastemaker.providers.base import Cost, Page
from tastemaker.searches.exclusions.names import name_creator
from tastemaker.searches.exclusions.service import exclude, exclude_selected, undo_exclusion
from tastemaker.searches.results.filtering import EVERYTHING, MatchedField, ResultFilter
from tastemaker.searches.results.paging import CampaignScope, Scope, SearchScope
from tastemaker.searches.results.panel_queries import CreatorResult, find_result, mark
from tastemaker.searches.results.queries import ResultRow, list_results
from tastemaker.searches.results.selection_queries import (
    MOST_IDS,
    AllBut,
    Chosen,
    Selection,
    count_selected,
    stream_selected,
)
from tastemaker.searches.service import start_search
from tastemaker.searches.types import Search, make_request
from tests.conftest import AddUsers
from tests.searches.rows import many
from tests.searches.scripted import Bench, ScriptedProvider, creator, page, pages_of, post, working

EXCLUDED = "SELECT value FROM exclusions ORDER BY value"


async def campaign_of(bench: Bench) -> Campaign:
    async with transaction(bench.database, bench.user.claim) as tx:
        return await get_campaign(tx, bench.user, "test")


async def in_other_campaign(bench: Bench, name: str, provider: ScriptedProvider) -> Search:
    async with transaction(bench.database, bench.user.claim) as tx:
        campaign = await create_campaign(tx, bench.user, name=name)
        request = make_request(platform=Platform.YOUTUBE, keywords=["tea"], target=100)
        search = await start_search(tx, bench.user, campaign, request, source="sandbox")
    async with working(bench.database, provider):
        return await bench.finish(search)


async def rows_of(bench: Bench, scope: Scope, wanted: ResultFilter = EVERYTHING) -> list[ResultRow]:
    async with transaction(bench.database, bench.user.claim) as tx:
        found = await list_results(tx, bench.user.user_id, scope, wanted=wanted, limit=100)
    return [*found.creators]


async def ten(bench: Bench) -> tuple[Scope, list[int]]:
    """A campaign of ten creators, and their ids in the order of arrival."""
    async with working(bench.database, ScriptedProvider(pages_of(5, 10))):
        await bench.finish(await bench.start("chess"))
    scope = CampaignScope((await campaign_of(bench)).id)
    return scope, [row.creator_id for row in await rows_of(bench, scope)]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (lambda ids: Chosen((ids[1], ids[3], 10**12)), 2),
        (lambda _: AllBut(ResultFilter()), 10),
        (lambda ids: AllBut(ResultFilter(), (ids[0], 10**12)), 9),
        (lambda ids: AllBut(ResultFilter(min_followers=50), (ids[9],)), 4),
    ],
)
async def test_a_selection_is_counted_read_excluded_and_undone(
    bench: Bench, selection: Callable[[list[int]], Selection], expected: int
) -> None:
    scope, ids = await ten(bench)
    chosen = selection(ids)
    async with transaction(bench.database, bench.user.claim) as tx:
        assert await count_selected(tx, bench.user.user_id, scope, chosen) == expected
        kept = name_creator("youtube", "UC000007", is_id=True)
        await exclude(tx, bench.user, [kept])
        done = await exclude_selected(tx, bench.user, scope, chosen)
    streamed = [
        one.stable_id async for one in stream_selected(bench.database, bench.user.user_id, scope, chosen)
    ]
    assert len(streamed) == expected
    excluded = await many(bench.database, EXCLUDED)
    assert sorted({*streamed, "UC000007"}) == excluded
    assert done.added == len(excluded) - 1
    async with transaction(bench.database, bench.user.claim) as tx:
        assert await undo_exclusion(tx, bench.user, done.batch_id) == done.added
        assert await undo_exclusion(tx, bench.user, done.batch_id) == 0
    assert await many(bench.database, EXCLUDED) == ["UC000007"]


async def test_another_user_undoes_nothing_and_selects_nobody(bench: Bench, add_users: AddUsers) -> None:
    add_users("stranger")
    scope, ids = await ten(bench)
    stranger = replace(bench.user, user_id=ExternalUserId("stranger"))
    async with transaction(bench.database, bench.user.claim) as tx:
        done = await exclude_selected(tx, bench.user, scope, Chosen(tuple(ids)))
    async with transaction(bench.database, Tenant(stranger.user_id)) as tx:
        assert await undo_exclusion(tx, stranger, done.batch_id) == 0
        assert await count_selected(tx, stranger.user_id, scope, AllBut(ResultFilter())) == 0
        assert await find_result(tx, stranger.user_id, scope, ids[0]) is None
    with pytest.raises(InvalidInput):
        async with transaction(bench.database, bench.user.claim) as tx:
            await count_selected(tx, bench.user.user_id, scope, Chosen(tuple(range(MOST_IDS + 1))))


async def test_the_panel_shows_where_the_keyword_stands_and_who_had_the_creator_before(bench: Bench) -> None:
    await in_other_campaign(bench, "tea lovers", ScriptedProvider(lambda *_: page([1], None)))
    told = creator(1, bio="Schach und CHESS-Café", name="Chessmaster")
    posts = (
        replace(post(1), text="about tea"),
        replace(post(2), creator_id=told.stable_id, hashtags=("ChessLife",)),
    )
    found = Page(creators=[told], posts=posts, next_cursor=None, cost=Cost(calls=1, units=1))
    async with working(bench.database, ScriptedProvider(lambda *_: found)):
        search = await bench.finish(await bench.start("chess"))
    campaign = await campaign_of(bench)
    for scope in (CampaignScope(campaign.id), SearchScope((search.id,))):
        (row,) = await rows_of(bench, scope)
        assert (row.posts_found, row.seen_in_name) == (2, "tea lovers")
        assert await rows_of(bench, scope, ResultFilter(seen_before=False)) == []
        assert len(await rows_of(bench, scope, ResultFilter(seen_before=True))) == 1
        assert len(await rows_of(bench, scope, ResultFilter(found_since=search.created_at))) == 1
        assert await rows_of(bench, scope, ResultFilter(found_since=row.found_at)) == []
        async with transaction(bench.database, bench.user.claim) as tx:
            result = await find_result(tx, bench.user.user_id, scope, row.creator_id)
            assert await find_result(tx, bench.user.user_id, scope, row.creator_id + 1) is None
        assert isinstance(result, CreatorResult)
        assert [(one.place, [one.text[start:end] for start, end in one.spans]) for one in result.matches] == [
            (MatchedField.NAME, ["Chess"]), (MatchedField.BIO, ["CHESS"]),
        ]  # fmt: skip
        shown, other = result.posts
        assert (shown.text, shown.keywords) == ("all about chess 2", ("chess",))
        assert [(one.place, one.text) for one in shown.matches] == [
            (MatchedField.POST, "all about chess 2"), (MatchedField.HASHTAG, "#ChessLife"),
        ]  # fmt: skip
        assert (other.text, other.keywords, other.matches) == ("about tea", (), ())
        assert [(one.search_id, one.keyword) for one in result.found_by] == [(search.id, "chess")]
        assert [one.campaign_name for one in result.seen_before] == ["tea lovers"]


@pytest.mark.parametrize(
    ("text", "keywords", "marked"),
    [
        ("Vegan food and VEGANFOOD", ["vegan food"], ["Vegan", "food", "VEGANFOOD"]),
        ("my make-up", ["makeup"], ["make-up"]),
        ("Café über alles", ["cafe", "uber"], ["Café", "über"]),
        ("go on, C++ and c#", ["c++"], ["C++"]),
        ("Straße", ["strasse"], ["Straße"]),
        ("la go lang", ["go"], ["go"]),
        ("大阪の美容室です", ["美容"], ["美容"]),
        ("nothing here", ["chess"], []),
        ("only vegan", ["vegan food"], []),
    ],
)
def test_the_words_that_matched_are_marked(text: str, keywords: list[str], marked: list[str]) -> None:
    assert [text[start:end] for start, end in mark(text, keywords)] == marked
