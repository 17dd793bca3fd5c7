"""Profiles, users and YouTube's other search, field by field, in their providers' own formats."""

from typing import Any

import httpx
import pytest

from tastemaker.providers.base import (
    Capability,
    Cost,
    ErrorKind,
    KeywordQuery,
    Page,
    ProfileQuery,
    ProviderError,
)
from tastemaker.providers.scrapecreators import (
    ScrapeCreatorsInstagram,
    ScrapeCreatorsTikTok,
    ScrapeCreatorsYouTube,
)
from tastemaker.providers.youtube import YouTube
from tests.providers.remote import Remote, always, as_json
from tests.providers.wires import KEY, load

CREDIT = Cost(calls=1, units=1, micros_usd=1_880)
MIRA = ProfileQuery(handle="@mira.plays")
Body = dict[str, Any]


async def tiktok(http: httpx.AsyncClient, remote: Remote, body: object, query: ProfileQuery = MIRA) -> Page:
    remote.script = always(as_json(body))
    return await ScrapeCreatorsTikTok(KEY, base_url=remote.url).fetch_profile(http, query)


async def instagram(
    http: httpx.AsyncClient, remote: Remote, body: object, query: ProfileQuery = MIRA
) -> Page:
    remote.script = always(as_json(body))
    return await ScrapeCreatorsInstagram(KEY, base_url=remote.url).fetch_profile(http, query)


async def test_a_tiktok_profile_says_what_a_search_does_not(http: httpx.AsyncClient, remote: Remote) -> None:
    page = await tiktok(http, remote, load("tiktok_profile"))
    (mira,) = page.creators
    assert (mira.stable_id, mira.handle, mira.name) == ("7000000000000000001", "mira.plays", "Mira & Friends")
    assert (mira.bio, mira.emails) == ("Chess. mira@example.com", ("mira@example.com",))
    assert (mira.verified, mira.private, mira.language) == (True, False, "en")
    assert mira.links == ("https://example.org/mira",)
    assert mira.extra_ids == {"sec_uid": "MS4wLjABmadeUp"}
    assert page.cost == CREDIT
    assert (page.posts, page.next_cursor) == ((), None)
    assert [(asked.path, dict(asked.params)) for asked in remote.asked] == [
        ("/v1/tiktok/profile", {"handle": "mira.plays"})
    ]


async def test_tiktok_s_true_counts_are_those_in_words(http: httpx.AsyncClient, remote: Remote) -> None:
    """`stats` overflows at 2,147,483,647 and turns negative."""
    body = load("tiktok_profile")
    body["stats"]["followerCount"] = -1_294_967_296
    body["statsV2"]["followerCount"] = "3000000000"
    assert (await tiktok(http, remote, body)).creators[0].followers == 3_000_000_000
    del body["statsV2"]
    assert (await tiktok(http, remote, body)).creators[0].followers is None
    body["stats"]["followerCount"] = 12
    assert (await tiktok(http, remote, body)).creators[0].followers == 12


async def test_an_account_is_asked_for_by_the_id_that_outlives_its_handle(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    both = ProfileQuery(handle="renamed", stable_id="7000000000000000001")
    await tiktok(http, remote, load("tiktok_profile"), both)
    assert remote.asked[-1].params == {"user_id": "7000000000000000001"}
    await instagram(http, remote, load("instagram_basic_profile"), ProfileQuery(stable_id="2700000001"))
    assert (remote.asked[-1].path, dict(remote.asked[-1].params)) == (
        "/v1/instagram/basic-profile",
        {"userId": "2700000001"},
    )


async def test_an_instagram_profile_comes_with_its_latest_posts(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    page = await instagram(http, remote, load("instagram_profile"))
    (mira,) = page.creators
    assert (mira.stable_id, mira.handle, mira.name) == ("2700000001", "mira.plays", "Mira & Friends")
    assert (mira.followers, mira.following, mira.posts_count) == (1_230_000, 101, 71)
    assert mira.emails == ("office@example.com", "mira@example.com")
    assert mira.links == ("https://example.org/mira", "https://shop.example.org")
    assert mira.extra_ids == {"graph_id": "17841402700000001"}
    (post,) = page.posts
    assert (post.post_id, post.short_code, post.creator_id) == (
        "3540000000000000001",
        "DMadeUp-_1",
        "2700000001",
    )
    assert (post.views, post.likes, post.comments) == (52_000, 3_100, 77)
    assert (post.url, post.hashtags) == ("https://www.instagram.com/reel/DMadeUp-_1/", ("Chess",))
    assert page.skipped == 0
    assert page.cost == CREDIT


async def test_a_post_that_cannot_be_read_does_not_cost_the_profile(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    body = load("instagram_profile")
    timeline = body["data"]["user"]["edge_owner_to_timeline_media"]
    timeline["edges"] += [None, {"node": {}}, {"node": {"id": -1}}]
    page = await instagram(http, remote, body)
    assert (len(page.creators), len(page.posts), page.skipped) == (1, 1, 3)
    timeline["edges"] = "none"
    assert (await instagram(http, remote, body)).posts == ()


async def test_the_short_profile_by_id_knows_the_counts(http: httpx.AsyncClient, remote: Remote) -> None:
    page = await instagram(
        http, remote, load("instagram_basic_profile"), ProfileQuery(stable_id="2700000001")
    )
    (mira,) = page.creators
    assert (mira.followers, mira.following, mira.posts_count) == (1_230_000, 101, 71)
    assert (mira.handle, mira.verified, mira.private) == ("mira.plays", True, False)
    assert mira.extra_ids == {"graph_id": "17841402700000001"}


async def test_null_in_the_place_of_an_account_means_that_there_is_none(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    for body, fetch in (
        ({"success": True, "credits_charged": 1, "user": None}, tiktok),
        ({"success": True, "credits_charged": 1, "data": {"user": None}}, instagram),
    ):
        with pytest.raises(ProviderError) as raised:
            await fetch(http, remote, body)
        assert (raised.value.kind, raised.value.final) == (ErrorKind.NOT_FOUND, True)
        assert raised.value.cost == CREDIT


async def test_tiktok_s_users_come_without_posts_and_with_their_number(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    account = {"uid": "7000000000000000001", "unique_id": "mira", "nickname": "Mira", "aweme_count": 71,
               "follower_count": 9, "custom_verify": "", "secret": 0}  # fmt: skip
    users = [{"user_info": account}, {"user_info": None}]
    remote.script = always(as_json({"success": True, "users": users, "cursor": 30, "has_more": 1}))
    provider = ScrapeCreatorsTikTok(KEY, base_url=remote.url)
    page = await provider.search_users(http, KeywordQuery(keyword="mira"), None)
    (mira,) = page.creators
    assert (mira.handle, mira.posts_count, mira.private, mira.verified) == ("mira", 71, False, False)
    assert (page.posts, page.skipped, page.next_cursor) == ((), 1, "30")
    again = await provider.search_users(http, KeywordQuery(keyword="mira"), "30")
    assert again.next_cursor is None  # the same cursor once more would never end


async def test_shorts_and_shelves_are_read_beside_the_videos(http: httpx.AsyncClient, remote: Remote) -> None:
    remote.script = always(as_json(load("scrapecreators_youtube_search")))
    provider = ScrapeCreatorsYouTube(KEY, base_url=remote.url)
    page = await provider.search_keyword(http, KeywordQuery(keyword="chess", region="de"), None)
    assert remote.asked[0].params == {"query": "chess", "region": "DE"}
    assert [creator.stable_id for creator in page.creators] == [
        "UCmadeUpChannel", "UCmadeUp0001", "UCmadeUp0002", "UCmadeUp0003",
    ]  # fmt: skip
    assert [post.post_id for post in page.posts] == ["video-1", "short-1", "shelf-1"]
    assert [creator.handle for creator in page.creators] == ["chessclub", None, "mira", "noor"]
    assert [post.views for post in page.posts] == [14_860_541, 462_705, 750_000]
    assert [post.duration_seconds for post in page.posts] == [254, 44, None]
    assert (page.next_cursor, page.skipped) == ("4qmFmadeUp", 1)  # a short on a shelf whose channel is untold


@pytest.mark.parametrize(
    ("words", "is_known"),
    [("3 hours ago", True), ("Streamed 2 days ago", True), ("2 weeks ago", False), ("1 year ago", False)],
)
async def test_a_date_made_out_of_words_is_only_kept_where_it_is_known_to_the_day(
    http: httpx.AsyncClient, remote: Remote, words: str, *, is_known: bool
) -> None:
    body = load("scrapecreators_youtube_search")
    body["videos"][0]["publishedTimeText"] = words
    remote.script = always(as_json(body))
    provider = ScrapeCreatorsYouTube(KEY, base_url=remote.url)
    page = await provider.search_keyword(http, KeywordQuery(keyword="chess"), None)
    assert (page.posts[0].published_at is not None) is is_known


async def test_the_last_page_of_a_youtube_search_ends(http: httpx.AsyncClient, remote: Remote) -> None:
    body = load("scrapecreators_youtube_search") | {"continuationToken": None}
    remote.script = always(as_json(body))
    provider = ScrapeCreatorsYouTube(KEY, base_url=remote.url)
    assert (
        await provider.search_keyword(http, KeywordQuery(keyword="chess"), "4qmFmadeUp")
    ).next_cursor is None
    empty: Body = {"success": True, "videos": [], "shorts": [], "shelves": [], "continuationToken": "again"}
    remote.script = always(as_json(empty))
    page = await provider.search_keyword(http, KeywordQuery(keyword="chess"), None)
    assert (page.creators, page.next_cursor) == ((), None)


async def test_a_youtube_channel_through_scrapecreators(http: httpx.AsyncClient, remote: Remote) -> None:
    body: Body = {
        "success": True,
        "credits_charged": 1,
        "channelId": "UCmadeUp0001",
        "channel": "http://www.youtube.com/@miraplays",
        "name": "Mira & Friends",
        "description": "Chess.",
        "subscriberCountText": "2.75M subscribers",
        "videoCountText": "9,221 videos",
        "viewCount": 2_170_355_382,
        "email": "mira@example.com",
        "links": ["example.org/mira", "javascript:alert(1)"],
        "country": "United States",
    }
    remote.script = always(as_json(body))
    provider = ScrapeCreatorsYouTube(KEY, base_url=remote.url)
    page = await provider.fetch_profile(http, ProfileQuery(stable_id="UCmadeUp0001"))
    (mira,) = page.creators
    assert remote.asked[0].params == {"channelId": "UCmadeUp0001"}  # `id` is answered by 400
    assert (mira.handle, mira.followers, mira.posts_count) == ("miraplays", 2_750_000, 9_221)
    assert (mira.views_total, mira.emails) == (2_170_355_382, ("mira@example.com",))
    assert (mira.links, mira.country) == (("https://example.org/mira",), None)


async def test_a_youtube_channel_through_the_data_api_takes_one_unit(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    channel = load("youtube_item")["channel"] | {"id": "UCmadeUp0001"}
    remote.script = always(as_json({"kind": "youtube#channelListResponse", "items": [channel]}))
    provider = YouTube(KEY, base_url=remote.url, contacts=False)
    page = await provider.fetch_profile(http, MIRA)
    assert (remote.asked[0].path, remote.asked[0].params["forHandle"]) == (
        "/youtube/v3/channels",
        "@mira.plays",
    )
    assert page.cost == Cost(calls=1, units=1) == provider.declaration.price_of(Capability.PROFILE)
    assert (page.creators[0].stable_id, page.creators[0].emails) == ("UCmadeUp0001", ())
    remote.script = always(as_json({"kind": "youtube#channelListResponse", "pageInfo": {"totalResults": 0}}))
    with pytest.raises(ProviderError) as raised:
        await provider.fetch_profile(http, ProfileQuery(stable_id="UCnobody"))
    assert remote.asked[-1].params["id"] == "UCnobody"
    assert (raised.value.kind, raised.value.cost) == (ErrorKind.NOT_FOUND, Cost(calls=1, units=1))
