"""Recorded profiles, users and YouTube searches of ScrapeCreators: what we say against what they said."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tastemaker.providers.base import KeywordQuery, Page, ProfileQuery
from tastemaker.providers.scrapecreators import (
    ScrapeCreatorsInstagram,
    ScrapeCreatorsTikTok,
    ScrapeCreatorsYouTube,
)
from tests.providers.remote import Remote, Reply, always
from tests.providers.wires import KEY

pytestmark = pytest.mark.shared_data

ANYBODY = ProfileQuery(handle="recorded")
Json = dict[str, Any]


@pytest.fixture
def recordings(shared_data: Path) -> Path:
    return shared_data / "mit/raw/scrapecreators"


def recorded(remote: Remote, recordings: Path, name: str) -> Json:
    recording: Json = json.loads((recordings / f"{name}.json").read_text(encoding="utf-8"))
    remote.script = always(Reply(json.dumps(recording["response"]).encode()))
    return recording


def assert_asked_as_recorded(remote: Remote, recording: Json) -> None:
    assert [asked.path for asked in remote.asked] == [recording["endpoint"]]
    assert set(remote.asked[0].params) <= set(recording["params"])


async def test_the_recorded_tiktok_profile(http: httpx.AsyncClient, remote: Remote, recordings: Path) -> None:
    recording = recorded(remote, recordings, "tiktok/v1_tiktok_profile")
    page = await ScrapeCreatorsTikTok(KEY, base_url=remote.url).fetch_profile(http, ANYBODY)
    (creator,) = page.creators
    user, numbers = recording["response"]["user"], recording["response"]["stats"]
    assert (creator.stable_id, creator.handle, creator.name) == (
        user["id"],
        user["uniqueId"],
        user["nickname"],
    )
    assert (creator.bio, creator.verified, creator.language) == (user["signature"], True, "en")
    assert (creator.followers, creator.following, creator.posts_count) == tuple(
        numbers[name] for name in ("followerCount", "followingCount", "videoCount")
    )
    assert creator.links[0] == user["bioLink"]["link"]
    assert creator.extra_ids == {"sec_uid": user["secUid"]}
    assert_asked_as_recorded(remote, recording)


async def test_the_recorded_instagram_profile(
    http: httpx.AsyncClient, remote: Remote, recordings: Path
) -> None:
    recording = recorded(remote, recordings, "instagram/v1_instagram_profile")
    page = await ScrapeCreatorsInstagram(KEY, base_url=remote.url).fetch_profile(http, ANYBODY)
    user = recording["response"]["data"]["user"]
    assert_is_instagram_user(page, user)
    (node,) = (edge["node"] for edge in user["edge_owner_to_timeline_media"]["edges"])
    (post,) = page.posts
    assert (post.post_id, post.short_code, post.creator_id) == (node["id"], node["shortcode"], user["id"])
    assert (post.views, post.likes) == (node["video_view_count"], node["edge_liked_by"]["count"])
    assert post.published_at is not None
    assert post.published_at.timestamp() == node["taken_at_timestamp"]
    assert_asked_as_recorded(remote, recording)


def assert_is_instagram_user(page: Page, user: Json) -> None:
    (creator,) = page.creators
    assert (creator.stable_id, creator.handle, creator.name) == (
        user["id"],
        user["username"],
        user["full_name"],
    )
    assert (creator.followers, creator.following) == (
        user["edge_followed_by"]["count"],
        user["edge_follow"]["count"],
    )
    assert creator.links == (*(link["url"] for link in user["bio_links"]), user["external_url"])
    assert creator.extra_ids == {"graph_id": user["fbid"]}


async def test_the_recorded_short_profile(http: httpx.AsyncClient, remote: Remote, recordings: Path) -> None:
    recording = recorded(remote, recordings, "instagram/v1_instagram_basic-profile")
    provider = ScrapeCreatorsInstagram(KEY, base_url=remote.url)
    (creator,) = (await provider.fetch_profile(http, ProfileQuery(stable_id="314216"))).creators
    said = recording["response"]
    assert (creator.stable_id, creator.handle) == (said["pk"], said["username"])
    assert (creator.followers, creator.following, creator.posts_count) == tuple(
        said[name] for name in ("follower_count", "following_count", "media_count")
    )
    assert_asked_as_recorded(remote, recording)


async def test_the_recorded_tiktok_users(http: httpx.AsyncClient, remote: Remote, recordings: Path) -> None:
    recording = recorded(remote, recordings, "tiktok/v1_tiktok_search_users")
    provider = ScrapeCreatorsTikTok(KEY, base_url=remote.url)
    page = await provider.search_users(http, KeywordQuery(keyword="recorded"), None)
    (creator,) = page.creators
    (user,) = (entry["user_info"] for entry in recording["response"]["users"])
    assert (creator.stable_id, creator.handle) == (user["uid"], user["unique_id"])
    assert (creator.followers, creator.posts_count) == (user["follower_count"], user["aweme_count"])
    assert creator.verified is True
    assert page.next_cursor == str(recording["response"]["cursor"])
    assert_asked_as_recorded(remote, recording)


async def test_the_recorded_youtube_search(http: httpx.AsyncClient, remote: Remote, recordings: Path) -> None:
    recording = recorded(remote, recordings, "youtube/v1_youtube_search")
    provider = ScrapeCreatorsYouTube(KEY, base_url=remote.url)
    page = await provider.search_keyword(http, KeywordQuery(keyword="recorded", region="US"), None)
    said = recording["response"]
    shown = [*said["videos"], *said["shorts"]]
    on_shelves = [item for shelf in said["shelves"] for item in shelf["items"]]
    assert [post.post_id for post in page.posts] == [item["id"] for item in shown]
    assert [post.views for post in page.posts] == [item["viewCountInt"] for item in shown]
    assert {creator.stable_id for creator in page.creators} == {item["channel"]["id"] for item in shown}
    for post, item in zip(page.posts, shown, strict=True):
        is_vague = any(unit in item["publishedTimeText"] for unit in ("week", "month", "year"))
        assert (post.published_at is None) is is_vague
    assert page.skipped == sum("channel" not in item for item in on_shelves)
    assert page.next_cursor == said["continuationToken"]
    assert_asked_as_recorded(remote, recording)


async def test_the_recorded_youtube_channel(
    http: httpx.AsyncClient, remote: Remote, recordings: Path
) -> None:
    recording = recorded(remote, recordings, "youtube/v1_youtube_channel")
    page = await ScrapeCreatorsYouTube(KEY, base_url=remote.url).fetch_profile(http, ANYBODY)
    (creator,) = page.creators
    said = recording["response"]
    assert (creator.stable_id, creator.name) == (said["channelId"], said["name"])
    assert (creator.followers, creator.posts_count, creator.views_total) == (
        said["subscriberCount"],
        9_221,
        2_170_355_382,
    )
    assert f"http://www.youtube.com/@{creator.handle}" == said["channel"]
    assert list(creator.links) == said["links"]
    assert_asked_as_recorded(remote, recording)


async def test_addresses_with_a_scheme_in_capitals_are_links(
    http: httpx.AsyncClient, remote: Remote, shared_data: Path
) -> None:
    user = json.loads((shared_data.parent / "cases/p5_bio_links_case.json").read_text(encoding="utf-8"))
    remote.script = always(Reply(json.dumps({"success": True, "data": {"user": user}}).encode()))
    page = await ScrapeCreatorsInstagram(KEY, base_url=remote.url).fetch_profile(http, ANYBODY)
    (creator,) = page.creators
    assert (creator.stable_id, creator.handle) == ("555", "a")
    assert creator.links == ("https://Example.com", "https://example.com/shop")
