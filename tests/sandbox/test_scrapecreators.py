import re
from typing import Any

import httpx
import pytest

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.library import Library
from tastemaker.sandbox.store import CreatorRow
from tests.sandbox.conftest import CREATORS, Get, Running, SmallCorpus

TIKTOK, INSTAGRAM, YOUTUBE = Platform.TIKTOK, Platform.INSTAGRAM, Platform.YOUTUBE


@pytest.fixture(scope="module")
def everybody(library: Library) -> list[CreatorRow]:
    return library.creators(range(1, CREATORS + 1))


def one(everybody: list[CreatorRow], platform: Platform, **fields: object) -> CreatorRow:
    wanted = {"platform": platform.value, "state": "public"} | fields
    return next(each for each in everybody if wanted.items() <= each._asdict().items())


async def tiktok_pages(scrape: Get, query: str) -> list[dict[str, Any]]:
    bodies, cursor = [], 0
    while True:
        bodies.append((await scrape("/v1/tiktok/search/keyword", query=query, cursor=cursor)).json())
        cursor = bodies[-1]["cursor"]
        if not bodies[-1]["has_more"]:
            return bodies


async def test_the_envelope_counts_credits(scrape: Get) -> None:
    first = (await scrape("/v1/tiktok/search/keyword", query="music")).json()
    second = (await scrape("/v1/tiktok/search/keyword", query="music")).json()
    assert first["success"] is True
    assert first["credits_charged"] == 1
    assert second["credits_remaining"] == first["credits_remaining"] - 1


async def test_a_tiktok_search_ends_with_everybody_found(scrape: Get, library: Library) -> None:
    bodies = await tiktok_pages(scrape, "art")
    rows = [item["aweme_info"]["author"]["uid"] for body in bodies for item in body["search_item_list"]]
    found = library.creators(library.creators_for(TIKTOK, "art"))
    assert len(bodies) > 5
    assert set(rows) == {creator.stable_id for creator in found if library.posts_of(creator)}


async def test_a_fifth_of_tiktok_s_rows_repeat_a_creator_within_and_across_pages(scrape: Get) -> None:
    seen: set[str] = set()
    rows = within = across = 0
    for query in ("art", "music", "gaming", "food"):
        for body in await tiktok_pages(scrape, query):
            page = [f"{query} {item['aweme_info']['author']['uid']}" for item in body["search_item_list"]]
            rows += len(page)
            within += len(page) - len(set(page))
            across += len(set(page) & seen)
            seen |= set(page)
    assert within > 0
    assert across > 0
    assert 0.17 < (within + across) / rows < 0.24


async def test_counting_rows_instead_of_following_the_cursor_overlaps(scrape: Get) -> None:
    first = (await scrape("/v1/tiktok/search/keyword", query="art")).json()
    counted = len(first["search_item_list"])
    assert first["cursor"] > counted
    again = (await scrape("/v1/tiktok/search/keyword", query="art", cursor=counted)).json()
    ids = [{item["aweme_info"]["aweme_id"] for item in body["search_item_list"]} for body in (first, again)]
    assert ids[0] & ids[1]


async def test_a_tiktok_search_has_no_bio_and_no_verified_flag(scrape: Get, library: Library) -> None:
    for body in (await tiktok_pages(scrape, "music"))[:4]:
        for item in body["search_item_list"]:
            author = item["aweme_info"]["author"]
            (creator,) = library.creators_by_id(TIKTOK, [author["uid"]])
            assert {"signature", "verified", "is_verified"}.isdisjoint(author)
            assert bool(author["custom_verify"]) is bool(creator.verified)
            assert author["follower_count"] == creator.followers
            assert author["unique_id"] == creator.handle


async def test_a_tiktok_post_carries_its_figures_and_hashtags(scrape: Get, library: Library) -> None:
    body = (await scrape("/v1/tiktok/search/keyword", query="music")).json()
    for item in body["search_item_list"]:
        info = item["aweme_info"]
        ((post, _),) = library.posts_by_id(TIKTOK, [info["aweme_id"]])
        statistics = info["statistics"]
        assert (statistics["play_count"], statistics["digg_count"]) == (post.views, post.likes)
        assert info["desc"] == post.title
        assert int(post.post_id) >> 32 == info["create_time"] == post.published_at
        for tag in info["text_extra"]:
            assert info["desc"][tag["start"] : tag["end"]] == f"#{tag['hashtag_name']}"
        assert info["text_extra"]


async def test_a_19_digit_number_loses_its_last_digits(scrape: Get) -> None:
    for item in (await scrape("/v1/tiktok/search/keyword", query="music")).json()["search_item_list"]:
        info = item["aweme_info"]
        exact, rounded = int(info["author"]["uid"]), info["author_user_id"]
        assert exact != rounded
        assert abs(exact - rounded) <= 1_024
        assert rounded % 1_000 == 0


async def test_tiktok_users_come_thirty_a_page(scrape: Get, library: Library) -> None:
    ids, cursor = [], 0
    while True:
        body = (await scrape("/v1/tiktok/search/users", query="music", cursor=cursor)).json()
        ids += [user["user_info"]["uid"] for user in body["users"]]
        cursor = body["cursor"]
        if not body["has_more"]:
            break
        assert len(body["users"]) == 30
    assert ids == [each.stable_id for each in library.creators(library.creators_for(TIKTOK, "music"))]


async def test_a_tiktok_profile_has_its_bio_and_its_counts_as_texts(
    scrape: Get, everybody: list[CreatorRow]
) -> None:
    creator = one(everybody, TIKTOK)
    body = (await scrape("/v1/tiktok/profile", handle=creator.handle)).json()
    assert body["user"]["id"] == creator.stable_id
    assert body["user"]["signature"] == (creator.bio or "")
    assert re.fullmatch(r"MS4wLjABAAAA[\w-]{64}", body["user"]["secUid"])
    assert body["stats"]["followerCount"] == creator.followers
    assert body["statsV2"]["followerCount"] == str(creator.followers)
    same = (await scrape("/v1/tiktok/profile", user_id=creator.stable_id)).json()
    assert same["user"] == body["user"]


async def test_billions_of_likes_overflow_where_they_are_numbers(
    running: Running, small_corpus: SmallCorpus
) -> None:
    famous = CreatorRow(1, TIKTOK.value, "6500000000000000001", "famous", "famous", likes_total=2_400_000_000)
    async with running(small_corpus([famous])) as client:
        answer = await client.get(
            "/v1/tiktok/profile", params={"handle": "famous"}, headers={"x-api-key": "sandbox"}
        )
    assert answer.json()["stats"]["heartCount"] == 2_400_000_000 - 2**32
    assert answer.json()["statsV2"]["heartCount"] == "2400000000"


@pytest.mark.parametrize("state", ["private", "deactivated"])
async def test_a_closed_account_is_an_error_with_status_200(
    scrape: Get, everybody: list[CreatorRow], state: str
) -> None:
    on_tiktok = one(everybody, TIKTOK, state=state)
    on_instagram = one(everybody, INSTAGRAM, state=state)
    for answer in (
        await scrape("/v1/tiktok/profile", handle=on_tiktok.handle),
        await scrape("/v1/instagram/profile", handle=on_instagram.handle),
        await scrape("/v1/instagram/basic-profile", userId=on_instagram.stable_id),
    ):
        assert answer.status_code == 200
        assert answer.json()["success"] is False
        assert answer.json()["error"] == f"account_{state}"


async def test_instagram_reels_have_eleven_pages_at_most(scrape: Get, library: Library) -> None:
    pages = [
        (await scrape("/v2/instagram/reels/search", query="art", page=page)).json() for page in range(1, 12)
    ]
    reels = [reel for body in pages for reel in body["reels"]]
    assert len({reel["id"] for reel in reels}) > 50
    assert any("video_play_count" not in reel for reel in reels)
    assert set(pages[0]) == {"success", "credits_remaining", "credits_charged", "reels"}
    for reel in reels:
        ((post, creator),) = library.posts_by_id(INSTAGRAM, [reel["id"]])
        assert reel["like_count"] == post.likes
        assert reel.get("video_play_count") == post.views
        assert reel["owner"]["id"] == creator.stable_id
        assert reel["owner"]["follower_count"] == creator.followers
        assert reel["url"].endswith(f"/{reel['shortcode']}/")
    beyond = await scrape("/v2/instagram/reels/search", query="art", page=12)
    assert beyond.status_code == 400


async def test_past_the_last_reel_a_page_is_empty(scrape: Get) -> None:
    body = (await scrape("/v2/instagram/reels/search", query="zzzzqqqq", page=1)).json()
    assert body["success"] is True
    assert body["reels"] == []


async def test_instagram_profiles(scrape: Get, everybody: list[CreatorRow]) -> None:
    creator = next(each for each in everybody if each.platform == INSTAGRAM and each.email and each.links)
    body = (await scrape("/v1/instagram/profile", handle=creator.handle)).json()
    user = body["data"]["user"]
    assert user["id"] == creator.stable_id
    assert user["biography"] == creator.bio
    assert user["business_email"] == creator.email
    assert user["edge_followed_by"]["count"] == creator.followers
    related = [edge["node"]["id"] for edge in user["edge_related_profiles"]["edges"]]
    assert related
    assert creator.stable_id not in related
    basic = (await scrape("/v1/instagram/basic-profile", userId=creator.stable_id)).json()
    assert basic["pk"] == creator.stable_id
    assert basic["follower_count"] == creator.followers
    assert basic["media_count"] == creator.posts_count


async def test_a_youtube_search_puts_shorts_apart_and_continues(scrape: Get, library: Library) -> None:
    channels, token, bodies = set(), None, []
    while True:
        params = {"continuationToken": token} if token else {}
        body = (await scrape("/v1/youtube/search", query="makeup", **params)).json()
        bodies.append(body)
        shelved = [item for shelf in body["shelves"] for item in shelf["items"]]
        channels |= {item["channel"]["id"] for item in body["videos"] + body["shorts"] + shelved}
        token = body["continuationToken"]
        if token is None:
            break
        assert len(token) == 588
    assert len(bodies) > 2
    assert any(body["shelves"] for body in bodies)
    found = library.creators(library.creators_for(YOUTUBE, "makeup"))
    assert channels == {creator.stable_id for creator in found if library.posts_of(creator)}
    videos_only = {item["channel"]["id"] for body in bodies for item in body["videos"]}
    assert videos_only < channels


async def test_a_youtube_item_tells_its_numbers_and_words(scrape: Get) -> None:
    body = (await scrape("/v1/youtube/search", query="music")).json()
    video = body["videos"][0]
    assert video["viewCountText"] == f"{video['viewCountInt']:,} views"
    assert re.fullmatch(r"\d+ (hour|day|week|month|year)s? ago", video["publishedTimeText"])
    assert re.fullmatch(r"(\d+:)?\d{1,2}:\d\d", video["lengthText"])


async def test_a_youtube_channel_by_id_and_handle_but_not_by_the_wrong_name(
    scrape: Get, everybody: list[CreatorRow]
) -> None:
    creator = next(each for each in everybody if each.platform == YOUTUBE and each.email and each.country)
    body = (await scrape("/v1/youtube/channel", channelId=creator.stable_id)).json()
    assert (body["channelId"], body["email"]) == (creator.stable_id, creator.email)
    assert body["subscriberCountText"].endswith(" subscribers")
    assert len(body["country"]) > 2
    assert (await scrape("/v1/youtube/channel", handle=creator.handle)).json()[
        "channelId"
    ] == creator.stable_id
    assert (await scrape("/v1/youtube/channel", id=creator.stable_id)).status_code == 400


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("/v1/tiktok/profile", {"handle": "nobody.at.all"}, 404),
        ("/v1/instagram/profile", {"handle": "nobody.at.all"}, 404),
        ("/v1/instagram/basic-profile", {"userId": "1"}, 404),
        ("/v1/youtube/channel", {"channelId": "UCnobody"}, 404),
        ("/v1/tiktok/search/keyword", {}, 400),
        ("/v1/tiktok/search/keyword", {"query": "x", "cursor": "-1"}, 400),
        ("/v2/instagram/reels/search", {"query": "x", "page": "0"}, 400),
        ("/v1/youtube/search", {"query": "x", "continuationToken": "EooDEg"}, 400),
    ],
)
async def test_refusals(scrape: Get, path: str, params: dict[str, str], status: int) -> None:
    answer = await scrape(path, **params)
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert answer.json()["message"]


async def test_a_wrong_or_missing_key_is_refused(client: httpx.AsyncClient) -> None:
    for headers in ({"x-api-key": "wrong"}, {}):
        answer = await client.get("/v1/tiktok/search/keyword", params={"query": "x"}, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["success"] is False
