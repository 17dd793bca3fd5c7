"""What every adapter does alike, spoken over real HTTP in its provider's own format."""

import logging
import math
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tastemaker.core.clock import utc_now
from tastemaker.providers.base import Cost, ErrorKind, KeywordQuery, Page, ProviderError
from tests.providers.remote import Remote, Reply, always, as_json
from tests.providers.wires import KEY, Wire

CHESS = KeywordQuery(keyword="chess")


async def search(wire: Wire, http: httpx.AsyncClient, remote: Remote, **options: object) -> Page:
    provider = wire.build(remote.url, **options)
    return await provider.search_keyword(http, CHESS, None)


async def failure(wire: Wire, http: httpx.AsyncClient, remote: Remote, **options: object) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await search(wire, http, remote, **options)
    return raised.value


async def test_a_page_says_what_the_provider_said(
    wire: Wire, http: httpx.AsyncClient, remote: Remote
) -> None:
    remote.script = wire.page(wire.items(1, 3), more=False)
    page = await search(wire, http, remote)
    creator, post = page.creators[0], page.posts[0]
    assert [creator.stable_id for creator in page.creators] == [wire.creator_id(1), wire.creator_id(2)]
    assert [post.post_id for post in page.posts] == [wire.post_id(1), wire.post_id(2)]
    assert (creator.name, creator.followers) == ("Mira & Friends", 1_230_000)
    assert creator.emails == ("mira@example.com",)
    assert creator.links == ("https://example.org/mira",)
    assert (post.creator_id, post.views, post.likes, post.comments) == (creator.stable_id, 52_000, 3_100, 77)
    assert post.hashtags == ("Chess", "শতরঞ্জ")
    assert post.published_at is not None
    assert post.published_at.isoformat() == "2026-01-05T08:00:00+00:00"
    assert page.skipped == 0
    assert page.cost == wire.build("").declaration.cost_per_page
    assert all(raw.startswith(b"{") for raw in page.raw)
    assert len(page.raw) == page.cost.calls == len(remote.asked)


async def test_paging_moves_and_ends(wire: Wire, http: httpx.AsyncClient, remote: Remote) -> None:
    pages = [wire.items(0, 4), wire.items(3, 7), wire.items(7, 8)]
    remote.script = wire.paged(pages)
    provider, cursor, seen = wire.build(remote.url), None, []
    for _ in range(5):
        page = await provider.search_keyword(http, CHESS, cursor)
        seen.append([creator.stable_id for creator in page.creators])
        cursor = page.next_cursor
        if cursor is None:
            break
    assert cursor is None
    assert [ids for ids in seen if ids] == [
        [wire.creator_id(number) for number in numbers] for numbers in (range(4), range(3, 7), range(7, 8))
    ]


async def test_no_results_are_a_page_and_not_a_failure(
    wire: Wire, http: httpx.AsyncClient, remote: Remote
) -> None:
    remote.script = wire.page([], more=False)
    page = await search(wire, http, remote)
    assert (page.creators, page.posts, page.next_cursor, page.skipped) == ((), (), None, 0)


async def test_a_creator_with_several_posts_appears_once(
    wire: Wire, http: httpx.AsyncClient, remote: Remote
) -> None:
    remote.script = wire.page([wire.item(1), wire.item(2, creator=1), wire.item(3), wire.item(1)], more=False)
    page = await search(wire, http, remote)
    assert [creator.stable_id for creator in page.creators] == [wire.creator_id(1), wire.creator_id(3)]
    assert [(post.post_id, post.creator_id) for post in page.posts] == [
        (wire.post_id(1), wire.creator_id(1)),
        (wire.post_id(2), wire.creator_id(1)),
        (wire.post_id(3), wire.creator_id(3)),
    ]


@pytest.mark.parametrize(
    ("status", "kind", "final"),
    [
        (400, ErrorKind.BAD_REQUEST, True),
        (401, ErrorKind.AUTH, True),
        (402, ErrorKind.QUOTA, False),
        (403, ErrorKind.AUTH, True),
        (404, ErrorKind.NOT_FOUND, True),
        (429, ErrorKind.RATE_LIMITED, False),
        (500, ErrorKind.SERVER, False),
        (502, ErrorKind.SERVER, False),
        (503, ErrorKind.SERVER, False),
        (504, ErrorKind.TIMEOUT, False),
    ],
)
async def test_a_status_has_a_meaning_also_with_a_web_page_as_body(
    wire: Wire, http: httpx.AsyncClient, remote: Remote, status: int, kind: ErrorKind, *, final: bool
) -> None:
    remote.script = always(Reply(b"<html>oops</html>", status=status))
    error = await failure(wire, http, remote)
    assert (error.kind, error.final) == (kind, final)
    assert error.cost.calls == 1
    assert len(remote.asked) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_comes_as_seconds_or_as_a_date(
    wire: Wire, http: httpx.AsyncClient, remote: Remote, status: int
) -> None:
    later = (utc_now() + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    waits = []
    for value in ("17", later, "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-3", "1e999"):
        remote.script = always(Reply(status=status, headers={"Retry-After": value}))
        waits.append((await failure(wire, http, remote)).retry_after)
    assert waits[0] == 17
    assert waits[1] == pytest.approx(90, abs=5)
    assert waits[2:] == [0, None, 0, None]


@pytest.mark.parametrize(
    ("body", "final"),
    [
        (b"", False),
        (b"   ", False),
        (b"<!doctype html><title>Sign in</title>", False),
        (b'{"items": [{"id": "UCcut', False),
        (b"[]", False),
        (b'"text"', False),
        (b"\x00\x01\xff\xfe", False),
        (b'{"a":' + b"[" * 100_000, True),
        (b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", True),
    ],
    ids=["empty", "blank", "html", "truncated", "list", "text", "binary", "nested", "nested-well"],
)
async def test_what_is_no_object_is_garbage(
    wire: Wire, http: httpx.AsyncClient, remote: Remote, body: bytes, *, final: bool
) -> None:
    remote.script = always(Reply(body))
    error = await failure(wire, http, remote)
    assert (error.kind, error.final) == (ErrorKind.GARBAGE, final)
    assert error.cost == single_call(wire)


async def test_an_object_of_another_kind_is_garbage(
    wire: Wire, http: httpx.AsyncClient, remote: Remote
) -> None:
    for body in ({"hello": "world"}, {"items": "x", "search_item_list": "x", "reels": {"a": 1}}):
        remote.script = always(as_json(body))
        error = await failure(wire, http, remote)
        assert (error.kind, error.final) == (ErrorKind.GARBAGE, False)


async def test_renamed_ids_are_a_failure_and_not_an_empty_page(
    wire: Wire, http: httpx.AsyncClient, remote: Remote
) -> None:
    items = wire.items(0, 5)
    for item in items:
        wire.drop(item, "creator_id")
    remote.script = wire.page(items, more=True)
    assert (await failure(wire, http, remote)).kind is ErrorKind.GARBAGE


async def test_a_huge_answer_is_given_up_at_the_limit(
    wire: Wire, http: httpx.AsyncClient, remote: Remote
) -> None:
    remote.script = always(Reply(b'{"a": "' + b"x" * 50_000_000 + b'"}'))
    error = await failure(wire, http, remote)
    assert (error.kind, error.final) == (ErrorKind.GARBAGE, True)
    assert "8,000,000 bytes" in str(error)


async def test_a_slow_drip_ends_at_the_deadline(wire: Wire, http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = always(Reply(b'{"a": "' + b"x" * 1000, drip=0.02))
    started = utc_now()
    error = await failure(wire, http, remote, deadline_seconds=0.2)
    assert (error.kind, error.final) == (ErrorKind.TIMEOUT, False)
    assert error.cost == single_call(wire)
    assert (utc_now() - started).total_seconds() < 1


async def test_silence_ends_at_the_deadline(wire: Wire, http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = always(Reply(pause=0.6))
    assert (await failure(wire, http, remote, deadline_seconds=0.1)).kind is ErrorKind.TIMEOUT


async def test_a_reset_in_the_middle_is_worth_another_try(
    wire: Wire, http: httpx.AsyncClient, remote: Remote
) -> None:
    remote.script = always(Reply(b'{"items": []}', cut=5))
    error = await failure(wire, http, remote)
    assert (error.kind, error.final) == (ErrorKind.SERVER, False)
    assert error.cost == single_call(wire)


async def test_nobody_listening_costs_nothing(wire: Wire, http: httpx.AsyncClient) -> None:
    with pytest.raises(ProviderError) as raised:
        await wire.build("http://127.0.0.1:9").search_keyword(http, CHESS, None)
    assert (raised.value.kind, raised.value.final) == (ErrorKind.SERVER, False)
    assert raised.value.cost == Cost(calls=0, units=0)
    assert "127.0.0.1" in str(raised.value)


async def test_a_redirect_is_not_followed(wire: Wire, http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = always(Reply(status=302, headers={"Location": f"{remote.url}/login"}))
    assert (await failure(wire, http, remote)).kind is ErrorKind.GARBAGE
    assert len(remote.asked) == 1


STORED_AS = {
    "\x00": "",
    "\ud83d": "\ufffd",
    "\ude00\ud83d": "\ufffd\ufffd",
    "x" * 10_000: "x" * 10_000,
    "\u202e": "\u202e",
    "👩‍👩‍👧": "👩‍👩‍👧",
    "e\u0301": "e\u0301",
}


async def test_one_bad_text_costs_no_good_creator(
    wire: Wire, http: httpx.AsyncClient, remote: Remote
) -> None:
    for bad, stored in STORED_AS.items():
        items = wire.items(0, 25)
        wire.put(items[7], "name", f"a{bad}z")
        wire.put(items[7], "text", f"a{bad}z")
        remote.script = wire.page(items, more=False)
        page = await search(wire, http, remote)
        assert len(page.creators) == len(page.posts) == 25
        assert (page.creators[7].name, page.posts[7].text) == (f"a{stored}z", f"a{stored}z")
        assert page.skipped == 0


BAD_IDS: list[object] = ["\x00\x00", "UC\ud83d", "", "a b", None, ["x"], -5, 2**60, True, "x" * 200]
BAD_COUNTS: list[object] = [None, -1, -(2**31), math.inf, math.nan, 2**70, "many", "-5", [], {}, True, 1.5]


async def test_a_bad_id_loses_one_creator_of_25(wire: Wire, http: httpx.AsyncClient, remote: Remote) -> None:
    for bad in BAD_IDS:
        items = wire.items(0, 25)
        wire.put(items[7], "creator_id", bad)
        remote.script = wire.page(items, more=False)
        page = await search(wire, http, remote)
        kept = [wire.creator_id(number) for number in range(25) if number != 7]
        assert [creator.stable_id for creator in page.creators] == kept
        assert (len(page.posts), page.skipped) == (24, 1)


@pytest.mark.parametrize("name", ["followers", "views", "likes"])
async def test_a_bad_count_is_unknown(wire: Wire, http: httpx.AsyncClient, remote: Remote, name: str) -> None:
    for bad in BAD_COUNTS:
        items = wire.items(0, 2)
        wire.put(items[0], name, bad)
        remote.script = wire.page(items, more=False)
        page = await search(wire, http, remote)
        source = page.creators if name == "followers" else page.posts
        assert getattr(source[0], name) is None
        assert getattr(source[1], name) is not None
        assert page.skipped == 0


async def test_a_count_as_text_is_read(wire: Wire, http: httpx.AsyncClient, remote: Remote) -> None:
    written = {
        "42.5K": 42_500,
        "16.7m": 16_700_000,
        "1.234.567": 1_234_567,
        "0": 0,
        3_000_000_000: 3_000_000_000,
    }
    items = wire.items(0, len(written))
    for item, value in zip(items, written, strict=True):
        wire.put(item, "followers", value)
    remote.script = wire.page(items, more=False)
    page = await search(wire, http, remote)
    assert [creator.followers for creator in page.creators] == list(written.values())


@pytest.mark.parametrize(
    "name", ["bio", "followers", "text", "published_at", "views", "likes", "duration_seconds"]
)
async def test_a_missing_field_is_unknown(
    wire: Wire, http: httpx.AsyncClient, remote: Remote, name: str
) -> None:
    items = wire.items(0, 2)
    wire.drop(items[0], name)
    remote.script = wire.page(items, more=False)
    page = await search(wire, http, remote)
    source = page.creators if name in {"bio", "followers"} else page.posts
    fallback = name in {"text", "published_at"} and wire.name == "youtube"  # the search result knows it too
    assert (getattr(source[0], name) is None) is not fallback
    assert getattr(source[1], name) is not None


async def test_mistyped_containers_are_survived(wire: Wire, http: httpx.AsyncClient, remote: Remote) -> None:
    mistyped: list[Any] = [None, "text", 7, [], [1], {}, [None]]
    for bad in mistyped:
        item = {"search": bad, "channel": {}, "video": {}} if wire.name == "youtube" else bad
        remote.script = wire.page([*wire.items(0, 7), item, *wire.items(7, 24)], more=False)
        page = await search(wire, http, remote)
        assert (len(page.creators), len(page.posts), page.skipped) == (24, 24, 1)


@pytest.mark.parametrize(
    "key", ["", " ", "short", "has space inside", "line\r\nbreak-in-it", "x" * 300, "clé-de-accès"]
)
async def test_a_malformed_key_makes_no_call(
    wire: Wire, http: httpx.AsyncClient, remote: Remote, key: str
) -> None:
    error = await failure(wire, http, remote, key=key)
    assert (error.kind, error.final, error.cost) == (ErrorKind.AUTH, True, Cost(calls=0, units=0))
    assert "_API_KEY" in str(error)
    assert not remote.asked
    assert not key.strip() or key not in str(error)


@pytest.mark.parametrize("cursor", ["", "a\nb", "é", "x" * 5000])
async def test_a_cursor_that_was_never_issued_makes_no_call(
    wire: Wire, http: httpx.AsyncClient, remote: Remote, cursor: str
) -> None:
    with pytest.raises(ProviderError) as raised:
        await wire.build(remote.url).search_keyword(http, CHESS, cursor)
    assert (raised.value.kind, raised.value.final) == (ErrorKind.BAD_REQUEST, True)
    assert not remote.asked


@pytest.mark.parametrize(
    "query",
    [
        KeywordQuery(keyword=" \0 "),
        KeywordQuery(keyword="x" * 3000),
        KeywordQuery(keyword="chess", options={"colour": "red"}),
    ],
    ids=["empty", "long", "option"],
)
async def test_what_cannot_be_asked_is_refused_before_it_costs(
    wire: Wire, http: httpx.AsyncClient, remote: Remote, query: KeywordQuery
) -> None:
    with pytest.raises(ProviderError) as raised:
        await wire.build(remote.url).search_keyword(http, query, None)
    assert (raised.value.kind, raised.value.final) == (ErrorKind.BAD_REQUEST, True)
    assert raised.value.cost == Cost(calls=0, units=0)
    assert not remote.asked


async def test_an_odd_keyword_travels_safely(wire: Wire, http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = wire.page([], more=False)
    query = KeywordQuery(keyword=" r&b + 'ça' \ud83d 100% ")
    await wire.build(remote.url).search_keyword(http, query, None)
    asked = remote.asked[0].params
    assert asked.get("q", asked.get("query")) == "r&b + 'ça' \ufffd 100%"


async def test_the_key_is_sent_and_never_told(
    wire: Wire, http: httpx.AsyncClient, remote: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for reply in (Reply(status=401), Reply(KEY.encode()), Reply(status=500), Reply(b"{", cut=0)):
        remote.script = always(reply)
        error = await failure(wire, http, remote)
        said += [str(error), repr(error)]
    assert all(KEY in (asked.params.get("key"), asked.headers.get("x-api-key")) for asked in remote.asked)
    assert KEY not in "".join(said) + caplog.text + repr(wire.build(remote.url))
    assert "HTTP Request" in caplog.text  # the log line that would have carried it


def single_call(wire: Wire) -> Cost:
    """What the first call of a page costs when its answer is lost."""
    return Cost(calls=1, units=0) if wire.name == "youtube" else wire.build("").declaration.cost_per_page
