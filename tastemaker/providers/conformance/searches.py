"""What every search does alike, spoken over real HTTP in its provider's own format."""

import math
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tastemaker.providers.base import Adapter, Capability, Cost, ErrorKind, KeywordQuery, Page, ProviderError
from tastemaker.providers.conformance.failures import (
    FREE,
    FailureConformance,
    assert_declared,
    assert_storable,
)
from tastemaker.providers.conformance.remote import Remote, Reply, always
from tastemaker.providers.conformance.wires import Item, SearchWire, places_in, spoiled

CHESS = KeywordQuery(keyword="chess")
MANY, ODD = 25, 7
"""So many good items are on a page, and which of them is made a bad one."""

STORED_AS = {
    "\x00": "",
    "\ud83d": "\ufffd",
    "\ude00\ud83d": "\ufffd\ufffd",
    "x" * 10_000: "x" * 10_000,
    "\u202e": "\u202e",
    "👩‍👩‍👧": "👩‍👩‍👧",
    "e\u0301": "e\u0301",
}
BAD_IDS: Sequence[object] = ("\x00\x00", "UC\ud83d", "", "a b", None, ["x"], -5, 2**60, True, "x" * 200)
BAD_COUNTS: Sequence[object] = (
    None, -1, -(2**31), math.inf, math.nan, 2**70, "many", "-5", [], {}, True, 1.5,
)  # fmt: skip
COUNTS_AS_TEXT = {
    "42.5K": 42_500,
    "16.7m": 16_700_000,
    "1.234.567": 1_234_567,
    "0": 0,
    3_000_000_000: 3_000_000_000,
}
COUNTS = ("followers", "views", "likes", "comments")
OF_CREATORS = {"name", "bio", "followers"}
BAD_CURSORS = ("", "a\nb", "é", "x" * 5000)
UNASKABLE = {
    "empty": KeywordQuery(keyword=" \0 "),
    "long": KeywordQuery(keyword="x" * 3000),
    "option": KeywordQuery(keyword="chess", options={"colour-of-the-moon": "red"}),
}


class SearchConformance(FailureConformance):
    """Subclass it and set `wire`."""

    wire: SearchWire
    capability = Capability.KEYWORD_SEARCH

    def adapter(self, url: str, **options: object) -> Adapter:
        return self.wire.build(url, **options)

    async def ask(self, http: httpx.AsyncClient, url: str, **options: object) -> Page:
        return await self.wire.build(url, **options).search_keyword(http, CHESS, None)

    @property
    def lost_call(self) -> Cost:
        return self.wire.lost_call()

    @property
    def key_variable(self) -> str | None:
        return self.wire.key_variable

    @property
    def refusals(self) -> Sequence[tuple[Item, ErrorKind]]:
        return self.wire.refusals

    async def read(self, http: httpx.AsyncClient, remote: Remote, items: Sequence[Any]) -> Page:
        """These items as the only page; it must be one that can be kept."""
        remote.script = self.wire.page(items, more=False)
        page = await self.ask(http, remote.url)
        assert_storable(page)
        return page

    async def test_a_page_says_what_the_provider_said(self, http: httpx.AsyncClient, remote: Remote) -> None:
        wire = self.wire
        page = await self.read(http, remote, wire.items(1, 3))
        assert [one.stable_id for one in page.creators] == [wire.creator_id(1), wire.creator_id(2)]
        for name, said in wire.creator.items():
            assert getattr(page.creators[0], name) == said, name
        if wire.has_posts:
            assert [one.post_id for one in page.posts] == [wire.post_id(1), wire.post_id(2)]
            assert page.posts[0].creator_id == page.creators[0].stable_id
        for name, said in wire.post.items():
            assert getattr(page.posts[0], name) == said, name
        assert page.skipped == 0
        assert page.cost == wire.build("").declaration.cost_per_page
        assert all(raw.startswith(b"{") for raw in page.raw)
        assert len(page.raw) == page.cost.calls == len(remote.asked)
        for asked in remote.asked:
            assert_declared(wire.build(""), asked.path)

    async def test_paging_moves_and_ends(self, http: httpx.AsyncClient, remote: Remote) -> None:
        wire = self.wire
        remote.script = wire.paged([wire.items(0, 4), wire.items(3, 7), wire.items(7, 8)])
        provider, seen = wire.build(remote.url), []
        cursor: str | None = None
        cursors: list[str] = []
        for _ in range(5):
            page = await provider.search_keyword(http, CHESS, cursor)
            seen.append([creator.stable_id for creator in page.creators])
            cursor = page.next_cursor
            if cursor is None:
                break
            assert cursor not in cursors
            cursors.append(cursor)
        assert cursor is None
        assert [ids for ids in seen if ids] == [
            [wire.creator_id(number) for number in numbers]
            for numbers in (range(4), range(3, 7), range(7, 8))
        ]

    async def test_no_results_are_a_page_and_not_a_failure(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        page = await self.read(http, remote, [])
        assert (tuple(page.creators), tuple(page.posts), page.next_cursor, page.skipped) == ((), (), None, 0)

    async def test_a_creator_with_several_posts_appears_once(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        wire = self.wire
        items = [wire.item(1), wire.item(2, creator=1), wire.item(3), wire.item(1)]
        page = await self.read(http, remote, items)
        assert [one.stable_id for one in page.creators] == [wire.creator_id(1), wire.creator_id(3)]
        if wire.has_posts:
            assert [(post.post_id, post.creator_id) for post in page.posts] == [
                (wire.post_id(1), wire.creator_id(1)),
                (wire.post_id(2), wire.creator_id(1)),
                (wire.post_id(3), wire.creator_id(3)),
            ]

    async def test_renamed_ids_are_a_failure_and_not_an_empty_page(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        items = self.wire.items(0, 5)
        for item in items:
            self.wire.drop(item, "creator_id")
        remote.script = self.wire.page(items, more=True)
        assert (await self.failure(http, remote.url)).kind is ErrorKind.GARBAGE

    async def test_one_bad_text_costs_no_good_creator(self, http: httpx.AsyncClient, remote: Remote) -> None:
        wire = self.wire
        for bad, stored in STORED_AS.items():
            items = wire.items(0, MANY)
            for name in {"name", "text"} & wire.fields.keys():
                wire.put(items[ODD], name, f"a{bad}z")
            page = await self.read(http, remote, items)
            assert (len(page.creators), page.skipped) == (MANY, 0)
            if "name" in wire.fields:
                assert page.creators[ODD].name == f"a{stored}z"
            if "text" in wire.fields:
                assert page.posts[ODD].text == f"a{stored}z"

    async def test_a_bad_id_loses_one_creator_of_25(self, http: httpx.AsyncClient, remote: Remote) -> None:
        wire = self.wire
        for bad in BAD_IDS:
            items = wire.items(0, MANY)
            wire.put(items[ODD], "creator_id", bad)
            page = await self.read(http, remote, items)
            kept = [wire.creator_id(number) for number in range(MANY) if number != ODD]
            assert [creator.stable_id for creator in page.creators] == kept
            assert (len(page.posts), page.skipped) == ((MANY - 1) * wire.has_posts, 1)

    async def test_a_bad_count_is_unknown(self, http: httpx.AsyncClient, remote: Remote) -> None:
        wire = self.wire
        for name in COUNTS:
            for bad in BAD_COUNTS if name in wire.fields else ():
                items = wire.items(0, 2)
                wire.put(items[0], name, bad)
                values = _values(await self.read(http, remote, items), name)
                assert values[0] is None, f"{name} {bad!r}"
                assert values[1] is not None

    async def test_a_count_as_text_is_read(self, http: httpx.AsyncClient, remote: Remote) -> None:
        wire = self.wire
        for name in (one for one in COUNTS if one in wire.fields):
            items = wire.items(0, len(COUNTS_AS_TEXT))
            for item, value in zip(items, COUNTS_AS_TEXT, strict=True):
                wire.put(item, name, value)
            values = _values(await self.read(http, remote, items), name)
            assert values == list(COUNTS_AS_TEXT.values()), name

    async def test_a_missing_field_is_unknown(self, http: httpx.AsyncClient, remote: Remote) -> None:
        wire = self.wire
        for name in wire.fields.keys() - {"creator_id", "post_id"}:
            items = wire.items(0, 2)
            wire.drop(items[0], name)
            values = _values(await self.read(http, remote, items), name)
            assert (values[0] is None) is (name not in wire.remembered), name
            assert values[1] is not None, name

    async def test_mistyped_containers_are_survived(self, http: httpx.AsyncClient, remote: Remote) -> None:
        mistyped: list[Any] = [None, "text", 7, [], [1], {}, [None]]
        for bad in mistyped:
            items = [*self.wire.items(0, ODD), self.wire.mistyped(bad), *self.wire.items(ODD, MANY)]
            page = await self.read(http, remote, items)
            assert (len(page.creators), len(page.posts)) == (MANY, MANY * self.wire.has_posts)
            assert page.skipped == 1

    async def test_whatever_stands_at_whatever_place_the_others_are_kept(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        """Every place of an item in turn holds what it should not, or is missing."""
        wire = self.wire
        for place in places_in(wire.item(0)):
            bad = list(spoiled(wire.item(0), place))
            page = await self.read(http, remote, [wire.item(1), *bad, wire.item(2)])
            found = [creator.stable_id for creator in page.creators]
            assert {wire.creator_id(1), wire.creator_id(2)} <= set(found), place

    async def test_recorded_answers_are_read(self, http: httpx.AsyncClient, remote: Remote) -> None:
        """Those of the wire, where they are at hand; the tests above work on made-up ones."""
        for raw in self.wire.recorded:
            remote.script = always(Reply(raw))
            page = await self.ask(http, remote.url)
            assert_storable(page)
            assert page.creators

    @pytest.mark.parametrize("cursor", BAD_CURSORS, ids=["empty", "line", "accent", "long"])
    async def test_a_cursor_that_was_never_issued_makes_no_call(
        self, http: httpx.AsyncClient, remote: Remote, cursor: str
    ) -> None:
        with pytest.raises(ProviderError) as raised:
            await self.wire.build(remote.url).search_keyword(http, CHESS, cursor)
        assert (raised.value.kind, raised.value.final) == (ErrorKind.BAD_REQUEST, True)
        assert not remote.asked

    @pytest.mark.parametrize("name", UNASKABLE)
    async def test_what_cannot_be_asked_is_refused_before_it_costs(
        self, http: httpx.AsyncClient, remote: Remote, name: str
    ) -> None:
        with pytest.raises(ProviderError) as raised:
            await self.wire.build(remote.url).search_keyword(http, UNASKABLE[name], None)
        assert (raised.value.kind, raised.value.final) == (ErrorKind.BAD_REQUEST, True)
        assert raised.value.cost == FREE
        assert not remote.asked

    async def test_an_odd_keyword_travels_safely(self, http: httpx.AsyncClient, remote: Remote) -> None:
        remote.script = self.wire.page([], more=False)
        query = KeywordQuery(keyword=" r&b + 'ça' \ud83d 100% ")
        await self.wire.build(remote.url).search_keyword(http, query, None)
        assert "r&b + 'ça' \ufffd 100%" in remote.asked[0].params.values()


def _values(page: Page, name: str) -> list[object]:
    source: Sequence[object] = page.creators if name in OF_CREATORS else page.posts
    return [getattr(one, name) for one in source]
