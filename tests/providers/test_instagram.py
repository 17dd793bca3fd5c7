import httpx
import pytest

from tastemaker.providers.base import Cost, ErrorKind, KeywordQuery, Page, ProviderError
from tests.providers.remote import Remote, always, as_json
from tests.providers.wires import KEY, WIRES, Item

WIRE = WIRES[2]
DOGS = KeywordQuery(keyword="dogs", region="US")


async def read(http: httpx.AsyncClient, remote: Remote, *reels: Item) -> Page:
    remote.script = always(as_json({"success": True, "reels": reels}))
    return await WIRE.build(remote.url).search_keyword(http, DOGS, None)


async def test_a_page_is_one_call(http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = WIRE.page(WIRE.items(0, 2), more=True)
    query = KeywordQuery(keyword="dogs", options={"date_posted": "last-week"})
    page = await WIRE.build(remote.url).search_keyword(http, query, "4")
    assert [asked.path for asked in remote.asked] == ["/v2/instagram/reels/search"]
    assert remote.asked[0].params == {"query": "dogs", "page": "4", "date_posted": "last-week"}
    assert remote.asked[0].headers["x-api-key"] == KEY
    assert page.next_cursor == "5"
    assert page.cost == Cost(calls=1, units=1, micros_usd=1_880)


async def test_the_fields_of_an_owner_and_of_a_reel(http: httpx.AsyncClient, remote: Remote) -> None:
    page = await read(http, remote, WIRE.item(1))
    owner, reel = page.creators[0], page.posts[0]
    assert (owner.handle, owner.verified, owner.private) == ("mira.plays", True, False)
    assert (owner.posts_count, owner.following, owner.country) == (117, None, None)
    assert owner.profile_url == "https://www.instagram.com/mira.plays/"
    assert owner.avatar_url == "https://img.example.org/avatar.jpg"
    assert reel.url == "https://www.instagram.com/reel/DMadeUp-_1/"
    assert (reel.short_code, reel.duration_seconds, reel.sponsored) == ("DMadeUp-_1", 84, True)
    assert (reel.shares, reel.saves, reel.language) == (None, None, None)
    assert reel.thumbnail_url == "https://img.example.org/cover.jpg"


@pytest.mark.parametrize(("cursor", "following"), [(None, "2"), ("1", "2"), ("10", "11"), ("11", None)])
async def test_there_are_eleven_pages(
    http: httpx.AsyncClient, remote: Remote, cursor: str | None, following: str | None
) -> None:
    remote.script = WIRE.page(WIRE.items(0, 1), more=True)
    page = await WIRE.build(remote.url).search_keyword(http, DOGS, cursor)
    assert page.next_cursor == following


@pytest.mark.parametrize("cursor", ["0", "12", "-1", "01", "1e1", "²", "11 "])
async def test_no_other_page_is_asked_for(http: httpx.AsyncClient, remote: Remote, cursor: str) -> None:
    with pytest.raises(ProviderError) as raised:
        await WIRE.build(remote.url).search_keyword(http, DOGS, cursor)
    assert (raised.value.kind, raised.value.final) == (ErrorKind.BAD_REQUEST, True)
    assert raised.value.cost == Cost(calls=0, units=0)
    assert not remote.asked


async def test_views_have_several_names_and_may_be_hidden(http: httpx.AsyncClient, remote: Remote) -> None:
    reels = WIRE.items(0, 3)
    for reel in reels:
        del reel["video_play_count"]
    reels[0] |= {"play_count": None, "ig_play_count": 0, "video_view_count": 7}
    reels[1] |= {"play_count": 12}
    page = await read(http, remote, *reels)
    assert [post.views for post in page.posts] == [0, 12, None]


async def test_hidden_likes_are_unknown(http: httpx.AsyncClient, remote: Remote) -> None:
    reel = WIRE.item(1)
    reel["like_count"] = -1
    assert (await read(http, remote, reel)).posts[0].likes is None


async def test_older_names_of_the_same_things_are_read(http: httpx.AsyncClient, remote: Remote) -> None:
    reel = WIRE.item(1)
    reel["owner"] |= {"id": None, "pk": 70127159370}
    reel |= {"id": None, "pk": "37230", "caption": {"text": "Words #tag"}, "taken_at": 1767600000}
    reel |= {"shortcode": None, "thumbnail_src": None, "display_url": "https://img.example.org/still.jpg"}
    page = await read(http, remote, reel)
    post = page.posts[0]
    assert (post.creator_id, post.post_id, post.text, post.hashtags) == (
        "70127159370",
        "37230",
        "Words #tag",
        ("tag",),
    )
    assert (post.url, post.short_code) == ("https://www.instagram.com/reel/DMadeUp-_1/", None)
    assert post.thumbnail_url == "https://img.example.org/still.jpg"
    assert post.published_at is not None
    assert post.published_at.isoformat() == "2026-01-05T08:00:00+00:00"
