import httpx
import pytest

from tastemaker.providers.base import Cost, ErrorKind, KeywordQuery, Page, ProviderError
from tests.providers.remote import Remote, always, as_json
from tests.providers.wires import KEY, WIRES, Item

WIRE = WIRES[1]
CHESS = KeywordQuery(keyword="chess")


async def search(http: httpx.AsyncClient, remote: Remote, body: dict[str, object]) -> Page:
    remote.script = always(as_json(body))
    return await WIRE.build(remote.url).search_keyword(http, CHESS, "12")


async def read(http: httpx.AsyncClient, remote: Remote, *items: Item) -> Page:
    return await search(http, remote, {"success": True, "search_item_list": items})


async def test_a_page_is_one_call(http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = WIRE.page(WIRE.items(0, 2), more=True)
    query = KeywordQuery(
        keyword="chess", region="pt", options={"date_posted": "this-month", "sort_by": "relevance"}
    )
    page = await WIRE.build(remote.url).search_keyword(http, query, "1767600000123")
    assert [asked.path for asked in remote.asked] == ["/v1/tiktok/search/keyword"]
    assert remote.asked[0].params == {
        "query": "chess",
        "region": "PT",
        "cursor": "1767600000123",
        "date_posted": "this-month",
        "sort_by": "relevance",
    }
    assert remote.asked[0].headers["x-api-key"] == KEY
    assert page.next_cursor == "30"
    assert page.cost == Cost(calls=1, units=1, micros_usd=1_880)


async def test_the_fields_of_an_author_and_of_a_video(http: httpx.AsyncClient, remote: Remote) -> None:
    page = await read(http, remote, WIRE.item(1))
    author, video = page.creators[0], page.posts[0]
    assert (author.handle, author.verified, author.private) == ("miraplays", True, False)
    assert (author.following, author.posts_count, author.views_total) == (63, None, None)
    assert author.profile_url == "https://www.tiktok.com/@miraplays"
    assert author.avatar_url == "https://img.example.org/avatar.jpg"
    assert author.extra_ids == {"sec_uid": "MS4wLjABmadeUp", "instagram_handle": "mira.plays"}
    assert video.text == "Fork in three moves #Chess #শতরঞ্জ @friend"
    assert video.url == "https://www.tiktok.com/@miraplays/video/70000000000000000"
    assert (video.shares, video.saves, video.duration_seconds) == (12, 5, 84)
    assert (video.language, video.sponsored) == ("en", True)
    assert video.thumbnail_url == "https://img.example.org/cover.jpg"


@pytest.mark.parametrize(
    ("words", "verified"),
    [
        ({"custom_verify": "", "enterprise_verify_reason": ""}, False),
        ({"custom_verify": "", "enterprise_verify_reason": "Institution"}, True),
        ({}, None),
        ({"custom_verify": None, "is_verified": True}, None),
    ],
)
async def test_who_is_verified_is_said_in_words(
    http: httpx.AsyncClient, remote: Remote, words: dict[str, object], verified: object
) -> None:
    item = WIRE.item(1)
    author = item["aweme_info"]["author"]
    del author["custom_verify"], author["enterprise_verify_reason"]
    author |= words
    page = await read(http, remote, item)
    assert page.creators[0].verified is verified


async def test_a_missing_bio_is_unknown(http: httpx.AsyncClient, remote: Remote) -> None:
    item = WIRE.item(1)
    del item["aweme_info"]["author"]["signature"]
    creator = (await read(http, remote, item)).creators[0]
    assert (creator.bio, creator.emails, creator.links) == (None, (), ())


async def test_an_overflowed_count_is_unknown(http: httpx.AsyncClient, remote: Remote) -> None:
    item = WIRE.item(1)
    item["aweme_info"]["statistics"] |= {"digg_count": -1_294_967_296, "play_count": 3_000_000_000}
    post = (await read(http, remote, item)).posts[0]
    assert (post.likes, post.views) == (None, 3_000_000_000)


async def test_an_id_that_javascript_rounded_is_not_the_id(http: httpx.AsyncClient, remote: Remote) -> None:
    item = WIRE.item(1)
    item["aweme_info"]["aweme_id"] = 7000000000000000000
    item["aweme_info"]["statistics"]["aweme_id"] = "7000000000000000123"
    rounded = WIRE.item(2)
    rounded["aweme_info"]["author"]["uid"] = 7334608148841973000
    page = await read(http, remote, item, rounded)
    assert [post.post_id for post in page.posts] == ["7000000000000000123"]
    assert page.skipped == 1


async def test_without_marks_the_hashtags_are_those_of_the_caption(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    item = WIRE.item(1)
    item["aweme_info"] |= {"text_extra": None, "desc": "a #b#c #B 5#", "desc_language": "un"}
    post = (await read(http, remote, item)).posts[0]
    assert (post.hashtags, post.language) == (("b", "c"), None)


@pytest.mark.parametrize("field", ["share_url", "handle"])
async def test_a_link_is_made_where_none_can_be_trusted(
    http: httpx.AsyncClient, remote: Remote, field: str
) -> None:
    item = WIRE.item(1)
    item["aweme_info"]["share_url"] = "javascript:alert(1)"
    if field == "handle":
        del item["aweme_info"]["author"]["unique_id"]
    post = (await read(http, remote, item)).posts[0]
    assert post.url == (
        f"https://www.tiktok.com/@miraplays/video/{WIRE.post_id(1)}" if field == "share_url" else None
    )


MORE = [
    ({"cursor": 57, "has_more": 1}, "57"),
    ({"cursor": 57, "has_more": True}, "57"),
    ({"cursor": "opaque-token", "has_more": "1"}, "opaque-token"),
    ({"cursor": 57.0}, "57"),
    ({"cursor": 57}, "57"),
    ({"cursor": 57, "has_more": 0}, None),
    ({"cursor": 57, "has_more": False}, None),
    ({"cursor": 0, "has_more": 1}, None),
    ({"cursor": None, "has_more": 1}, None),
    ({"has_more": 1}, None),
    ({"cursor": -1, "has_more": 1}, None),
    ({"cursor": ["57"], "has_more": 1}, None),
]


@pytest.mark.parametrize(("more", "cursor"), MORE, ids=str)
async def test_the_next_page_is_the_one_the_answer_names(
    http: httpx.AsyncClient, remote: Remote, more: dict[str, object], cursor: str | None
) -> None:
    page = await search(http, remote, {"success": True, "search_item_list": WIRE.items(0, 3)} | more)
    assert page.next_cursor == cursor


async def test_an_empty_page_may_be_followed_by_another(http: httpx.AsyncClient, remote: Remote) -> None:
    empty = {"success": True, "search_item_list": [], "cursor": 57}
    assert (await search(http, remote, empty | {"has_more": 1})).next_cursor == "57"
    assert (await search(http, remote, empty)).next_cursor is None
    assert (
        await search(http, remote, {"success": True, "search_item_list": None, "cursor": 57})
    ).next_cursor is None
    assert (await search(http, remote, {"success": True, "has_more": 0})).creators == ()


REFUSALS = [
    (
        {"success": False, "error": "account_private", "message": "This account is private."},
        ErrorKind.PRIVATE,
        True,
    ),
    ({"success": False, "error": "account_deactivated", "message": "Gone."}, ErrorKind.NOT_FOUND, True),
    ({"success": False, "error": "insufficient_credits"}, ErrorKind.QUOTA, False),
    ({"success": False, "message": "Too many requests at once."}, ErrorKind.RATE_LIMITED, False),
    ({"message": "Your API key is missing or invalid."}, ErrorKind.AUTH, True),
    ({"success": False, "statusCode": 404}, ErrorKind.NOT_FOUND, True),
    (
        {"success": False, "status": "error", "error": {"message": "Invalid cursor"}},
        ErrorKind.BAD_REQUEST,
        True,
    ),
    ({"success": "false", "search_item_list": []}, ErrorKind.SERVER, False),
    ({"message": "Something went wrong, try again."}, ErrorKind.SERVER, False),
]


@pytest.mark.parametrize(("body", "kind", "final"), REFUSALS, ids=lambda value: str(value)[:40])
async def test_an_answer_with_status_200_can_refuse(
    http: httpx.AsyncClient, remote: Remote, body: dict[str, object], kind: ErrorKind, *, final: bool
) -> None:
    with pytest.raises(ProviderError) as raised:
        await search(http, remote, body)
    assert (raised.value.kind, raised.value.final) == (kind, final)
    assert raised.value.cost.calls == 1


async def test_a_message_beside_results_refuses_nothing(http: httpx.AsyncClient, remote: Remote) -> None:
    body = {"success": True, "message": "Beta endpoint", "error": None, "search_item_list": WIRE.items(0, 2)}
    assert len((await search(http, remote, body)).creators) == 2


async def test_a_forbidden_private_account_is_no_matter_of_the_key(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    remote.script = always(as_json({"success": False, "error": "account_private"}, status=403))
    with pytest.raises(ProviderError) as raised:
        await WIRE.build(remote.url).search_keyword(http, CHESS, None)
    assert raised.value.kind is ErrorKind.PRIVATE


@pytest.mark.parametrize(
    ("said", "units"), [({}, 1), ({"credits_charged": 5}, 5), ({"credits_charged": 0}, 0)]
)
async def test_the_cost_is_what_the_answer_says(
    http: httpx.AsyncClient, remote: Remote, said: dict[str, object], units: int
) -> None:
    page = await search(http, remote, {"success": True, "search_item_list": []} | said)
    assert page.cost == Cost(calls=1, units=units, micros_usd=1_880 * units)
