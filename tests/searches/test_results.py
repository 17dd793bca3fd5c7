"""Reading what searches found: filters, order, paging and each creator once, all in the database."""

from collections.abc import Sequence

import pytest

from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant
from tastemaker.db.transaction import transaction
from tastemaker.providers.base import Cost, Creator, Page
from tastemaker.searches.results.filtering import EVERYTHING, ResultFilter, make_filter
from tastemaker.searches.results.paging import SearchScope, Sort
from tastemaker.searches.results.queries import (
    FoundCreator,
    ResultsPage,
    count_results,
    list_results,
    stream_results,
)
from tastemaker.searches.types import Search
from tests.conftest import AddUsers
from tests.searches.scripted import Bench, ScriptedProvider, creator, pages_of, post, working


async def test_creators_come_in_the_order_of_arrival_with_the_post_that_matched(bench: Bench) -> None:
    search = await searched(bench, *(creator(number) for number in (3, 1, 2)))
    page = await listed(bench, search)
    assert [(found.position, found.stable_id) for found in page.creators] == [
        (1, "UC000003"),
        (2, "UC000001"),
        (3, "UC000002"),
    ]
    first = page.creators[0]
    assert (first.name, first.handle, first.followers) == ("Creator 3", "creator3", 30)
    assert (first.post_text, first.views, first.likes) == ("all about chess 3", 3, 3)
    assert (first.keyword, first.matched_in, first.search_id) == ("chess", ("post",), search.id)
    assert page.next is None


async def test_filters_leave_out_what_is_unknown(bench: Bench) -> None:
    search = await searched(
        bench,
        creator(1, followers=None),
        creator(2, followers=100),
        creator(3, followers=1_000, emails=("c@example.org",)),
        creator(4, followers=10_000),
    )
    wanted = make_filter(min_followers=100, max_followers=1_000)
    assert await numbers(bench, search, wanted=wanted) == [2, 3]
    assert await numbers(bench, search, wanted=ResultFilter(has_email=True)) == [3]
    assert await numbers(bench, search, wanted=ResultFilter(min_followers=0)) == [2, 3, 4]
    async with transaction(bench.database, bench.user.claim) as tx:
        assert await count_results(tx, bench.user.user_id, SearchScope((search.id,))) == 4
        assert await count_results(tx, bench.user.user_id, SearchScope((search.id,)), wanted=wanted) == 2


@pytest.mark.parametrize(
    ("sort", "expected"), [(Sort.FOLLOWERS, [3, 1, 2]), (Sort.VIEWS, [3, 2, 1]), (Sort.LIKES, [3, 2, 1])]
)
async def test_the_largest_comes_first_and_the_unknown_last(
    bench: Bench, sort: Sort, expected: list[int]
) -> None:
    search = await searched(
        bench, creator(1, followers=7), creator(2, followers=None), creator(3, followers=2**40)
    )
    assert await numbers(bench, search, sort=sort) == expected


@pytest.mark.parametrize("sort", list(Sort))
async def test_pages_join_without_gap_or_repetition(bench: Bench, sort: Sort) -> None:
    search = await searched(
        bench, *(creator(number, followers=number % 4 or None) for number in range(1, 18))
    )
    whole = (await listed(bench, search, sort=sort)).creators
    joined: list[FoundCreator] = []
    page = await listed(bench, search, sort=sort, limit=5)
    while True:
        joined += page.creators
        if page.next is None:
            break
        async with transaction(bench.database, bench.user.claim) as tx:
            page = await list_results(
                tx, bench.user.user_id, SearchScope((search.id,)), sort=sort, after=page.next, limit=5
            )
    assert [found.stable_id for found in joined] == [found.stable_id for found in whole]
    assert len(joined) == 17


async def test_a_creator_of_several_searches_is_told_once_by_the_first(bench: Bench) -> None:
    early = await searched(bench, *(creator(number) for number in (1, 2, 3)))
    late = await searched(bench, *(creator(number) for number in (2, 4, 3, 5)))
    for ids, expected in (
        ([early.id, late.id], [1, 2, 3, 4, 5]),
        ([late.id, early.id], [1, 2, 4, 3, 5]),
    ):
        async with transaction(bench.database, bench.user.claim) as tx:
            page = await list_results(tx, bench.user.user_id, SearchScope(tuple(ids)), limit=50)
            assert await count_results(tx, bench.user.user_id, SearchScope(tuple(ids))) == 5
        assert [number_of(found) for found in page.creators] == expected
        streamed = [
            found async for found in stream_results(bench.database, bench.user.user_id, ids, page_size=2)
        ]
        assert sorted(number_of(found) for found in streamed) == [1, 2, 3, 4, 5]
        assert {found.search_id for found in streamed if number_of(found) in {2, 3}} == {ids[0]}


async def test_a_stream_reads_page_after_page(bench: Bench) -> None:
    search = await bench.start("chess", target=100)
    async with working(bench.database, ScriptedProvider(pages_of(10, 23))):
        await bench.finish(search)
    found = [
        one.position
        async for one in stream_results(bench.database, bench.user.user_id, [search.id], page_size=5)
    ]
    assert found == list(range(1, 24))


async def test_another_tenant_reads_nothing(bench: Bench, add_users: AddUsers) -> None:
    add_users("stranger")
    search = await searched(bench, creator(1))
    stranger = ExternalUserId("stranger")
    async with transaction(bench.database, Tenant(stranger)) as tx:
        assert (await list_results(tx, bench.user.user_id, SearchScope((search.id,)), limit=5)).creators == []
        assert (await list_results(tx, stranger, SearchScope((search.id,)), limit=5)).creators == []
        assert await count_results(tx, bench.user.user_id, SearchScope((search.id,))) == 0
    assert [one async for one in stream_results(bench.database, stranger, [search.id])] == []


@pytest.mark.parametrize(("least", "most"), [(-1, None), (None, -1), (5, 4)])
def test_limits_that_exclude_everybody_are_refused(least: int | None, most: int | None) -> None:
    with pytest.raises(InvalidInput):
        make_filter(min_followers=least, max_followers=most)


async def searched(bench: Bench, *creators: Creator) -> Search:
    """A finished search that found these, each by a post of its own."""
    posts = [post(int(one.stable_id[2:])) for one in creators]
    page = Page(creators=creators, posts=posts, next_cursor=None, cost=Cost(calls=1, units=1))
    search = await bench.start("chess")
    async with working(bench.database, ScriptedProvider(lambda _keyword, _cursor: page)):
        return await bench.finish(search)


async def listed(
    bench: Bench,
    search: Search,
    *,
    wanted: ResultFilter = EVERYTHING,
    sort: Sort = Sort.POSITION,
    limit: int = 50,
) -> ResultsPage:
    async with transaction(bench.database, bench.user.claim) as tx:
        return await list_results(
            tx, bench.user.user_id, SearchScope((search.id,)), wanted=wanted, sort=sort, limit=limit
        )


async def numbers(
    bench: Bench, search: Search, *, wanted: ResultFilter = EVERYTHING, sort: Sort = Sort.POSITION
) -> Sequence[int]:
    page = await listed(bench, search, wanted=wanted, sort=sort)
    return [number_of(found) for found in page.creators]


def number_of(found: FoundCreator) -> int:
    return int(found.stable_id[2:])
