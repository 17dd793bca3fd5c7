"""Recorded answers of the real services, served over HTTP: what we say is compared with what they said."""

import csv
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tastemaker.core.prose import emails_in
from tastemaker.providers.base import ErrorKind, KeywordQuery, Page, Provider, ProviderError
from tastemaker.providers.parsing import count
from tests.providers.remote import Asked, Remote, Reply, Script, always
from tests.providers.wires import WIRES

pytestmark = pytest.mark.shared_data

Json = dict[str, Any]
QUERY = KeywordQuery(keyword="recorded")
YOUTUBE, TIKTOK, INSTAGRAM = WIRES

YOUTUBE_SEARCHES = [
    "search_search_by_keywords_p1",
    "search_search_by_location",
    "search_search_by_related_video",
    "search_search_channels",
]


@pytest.fixture
def youtube_data(shared_data: Path) -> Path:
    return shared_data / "mit/raw/youtube_data_api_v3"


@pytest.fixture
def scrapecreators_data(shared_data: Path) -> Path:
    return shared_data / "mit/raw/scrapecreators"


def body_of(path: Path) -> Json:
    body: Json = json.loads(path.read_text(encoding="utf-8"))
    return body


async def search(http: httpx.AsyncClient, provider: Provider, **options: str) -> Page:
    return await provider.search_keyword(http, KeywordQuery(keyword="recorded", options=options), None)


@pytest.mark.parametrize("name", YOUTUBE_SEARCHES)
async def test_a_recorded_search_gives_its_channels_and_videos(
    http: httpx.AsyncClient, remote: Remote, youtube_data: Path, name: str
) -> None:
    recorded = body_of(youtube_data / f"{name}.json")
    items = recorded["items"]
    remote.script = replay(recorded, {}, {})
    kind = "channel" if "channels" in name else "video"
    page = await search(http, YOUTUBE.build(remote.url), type=kind)
    channels = list(dict.fromkeys(item["snippet"]["channelId"] for item in items))
    assert [creator.stable_id for creator in page.creators] == channels
    assert [post.post_id for post in page.posts] == [
        item["id"]["videoId"] for item in items if item["id"]["kind"] == "youtube#video"
    ]
    assert page.next_cursor == recorded.get("nextPageToken")
    assert page.skipped == 0
    assert all(post.published_at for post in page.posts)


@pytest.mark.parametrize("name", ["channels_info", "channels_info_multiple"])
async def test_recorded_channels_are_read(
    http: httpx.AsyncClient, remote: Remote, youtube_data: Path, name: str
) -> None:
    recorded = body_of(youtube_data / f"{name}.json")
    found = [
        {"id": {"channelId": item["id"]}, "snippet": {"channelId": item["id"]}} for item in recorded["items"]
    ]
    remote.script = replay({"items": found}, recorded, {})
    page = await search(http, YOUTUBE.build(remote.url), type="channel")
    assert page.creators
    for creator, item in zip(page.creators, recorded["items"], strict=True):
        said, statistics = item["snippet"], item.get("statistics")
        assert (creator.name, creator.bio) == (said["title"], said["description"])
        assert f"@{creator.handle}" == said["customUrl"]
        assert creator.country == said.get("country")
        assert creator.avatar_url == said["thumbnails"]["medium"]["url"]
        numbers = (creator.followers, creator.posts_count, creator.views_total)
        names = ("subscriberCount", "videoCount", "viewCount")
        assert numbers == (
            tuple(int(statistics[name]) for name in names) if statistics else (None, None, None)
        )


@pytest.mark.parametrize("name", ["videos_videos_info_multi", "videos_videos_chart_paged_1"])
async def test_recorded_videos_are_read(
    http: httpx.AsyncClient, remote: Remote, youtube_data: Path, name: str
) -> None:
    recorded = body_of(youtube_data / f"{name}.json")
    found = [
        {"id": {"videoId": v["id"]}, "snippet": {"channelId": v["snippet"]["channelId"]}}
        for v in recorded["items"]
    ]
    remote.script = replay({"items": found}, {}, recorded)
    page = await search(http, YOUTUBE.build(remote.url))
    assert page.posts
    for post, item in zip(page.posts, recorded["items"], strict=True):
        said = item["snippet"]
        assert (post.post_id, post.creator_id, post.text) == (item["id"], said["channelId"], said["title"])
        assert post.description == (said["description"] or None)
        assert list(post.tags) == said.get("tags", [])
        assert (post.views, post.likes, post.duration_seconds) == (
            None,
            None,
            None,
        )  # parts that were not recorded


@pytest.mark.parametrize(
    ("name", "kind"), [("error_response", ErrorKind.AUTH), ("error_permission_resp", ErrorKind.AUTH)]
)
async def test_recorded_errors_are_understood(
    http: httpx.AsyncClient, remote: Remote, youtube_data: Path, name: str, kind: ErrorKind
) -> None:
    raw = (youtube_data / f"{name}.json").read_bytes()
    remote.script = always(Reply(raw, status=json.loads(raw)["error"]["code"]))
    with pytest.raises(ProviderError) as raised:
        await search(http, YOUTUBE.build(remote.url))
    assert (raised.value.kind, raised.value.final) == (kind, True)


async def test_the_recorded_tiktok_search_is_read(
    http: httpx.AsyncClient, remote: Remote, scrapecreators_data: Path
) -> None:
    recording = body_of(scrapecreators_data / "tiktok/v1_tiktok_search_keyword.json")
    page = await replayed(http, remote, TIKTOK.build(remote.url), recording)
    videos = [item["aweme_info"] for item in recording["response"]["search_item_list"]]
    for creator, post, video in zip(page.creators, page.posts, videos, strict=True):
        author, numbers = video["author"], video["statistics"]
        assert (creator.stable_id, creator.extra_ids["sec_uid"]) == (author["uid"], author["sec_uid"])
        assert (creator.handle, creator.name) == (author["unique_id"], author["nickname"])
        assert (creator.followers, creator.following) == (author["follower_count"], author["following_count"])
        assert (creator.bio, creator.verified, creator.posts_count) == (None, False, None)
        assert creator.avatar_url == author["avatar_medium"]["url_list"][0]
        assert (post.post_id, post.creator_id, post.text) == (video["aweme_id"], author["uid"], video["desc"])
        assert (post.views, post.likes, post.comments, post.shares, post.saves) == tuple(
            numbers[f"{name}_count"] for name in ("play", "digg", "comment", "share", "collect")
        )
        marked = [mark["hashtag_name"] for mark in video["text_extra"] if mark.get("hashtag_name")]
        assert [tag.casefold() for tag in post.hashtags] == list(
            dict.fromkeys(tag.casefold() for tag in marked)
        )
        assert post.published_at is not None
        assert post.published_at.timestamp() == video["create_time"]
        assert post.url == video["share_url"].split("?")[0]
        assert post.duration_seconds == round(video["video"]["duration"] / 1000)
        assert post.sponsored == video["is_paid_partnership"]
    assert page.next_cursor == str(recording["response"]["cursor"])
    assert page.cost.units == recording["response"]["credits_charged"]


async def test_the_recorded_reels_search_is_read(
    http: httpx.AsyncClient, remote: Remote, scrapecreators_data: Path
) -> None:
    recording = body_of(scrapecreators_data / "instagram/v2_instagram_reels_search.json")
    page = await replayed(http, remote, INSTAGRAM.build(remote.url), recording)
    for creator, post, reel in zip(page.creators, page.posts, recording["response"]["reels"], strict=True):
        owner = reel["owner"]
        assert (creator.stable_id, creator.handle, creator.name) == (
            owner["id"], owner["username"], owner["full_name"],
        )  # fmt: skip
        assert (creator.followers, creator.posts_count) == (owner["follower_count"], owner["post_count"])
        assert (creator.verified, creator.private) == (owner["is_verified"], owner["is_private"])
        assert (post.post_id, post.short_code, post.creator_id) == (
            reel["id"],
            reel["shortcode"],
            owner["id"],
        )
        assert (post.text, post.url) == (reel["caption"], reel["url"])
        assert (post.views, post.likes, post.comments) == (None, reel["like_count"], reel["comment_count"])
        assert post.sponsored == reel["is_paid_partnership"]
        assert post.published_at is not None
        assert post.published_at.isoformat() == reel["taken_at"].replace(".000Z", "+00:00")
        assert all(f"#{tag}" in reel["caption"] for tag in post.hashtags)
    assert page.posts[0].hashtags == (
        "dogphotography",
        "rescuedog",
        "chihuahua",
        "dogportrait",
        "dogphotographer",
    )
    assert page.next_cursor == "2"


SEARCHES = {"tiktok/v1_tiktok_search_keyword.json", "instagram/v2_instagram_reels_search.json"}


async def test_answers_of_other_endpoints_are_refused_and_never_misread(
    http: httpx.AsyncClient, remote: Remote, scrapecreators_data: Path
) -> None:
    """A proxy or a provider that answers the wrong question: nothing is invented, nothing breaks."""
    others = [
        path for path in recordings(scrapecreators_data) if f"{path.parent.name}/{path.name}" not in SEARCHES
    ]
    assert len(others) >= 20
    for path in others:
        remote.script = always(Reply(json.dumps(body_of(path)["response"]).encode()))
        for wire in (TIKTOK, INSTAGRAM):
            with pytest.raises(ProviderError) as raised:
                await search(http, wire.build(remote.url))
            assert raised.value.kind in {ErrorKind.GARBAGE, ErrorKind.SERVER}, path.name


def test_recorded_texts_of_counts_are_read(scrapecreators_data: Path) -> None:
    recorded = body_of(scrapecreators_data / "youtube/v1_youtube_search.json")["response"]
    items = [
        item for item in [*recorded["videos"], *recorded["shorts"]] if item.get("viewCountInt") is not None
    ]
    assert len(items) >= 10
    assert [count(item["viewCountText"]) for item in items] == [item["viewCountInt"] for item in items]
    channel = body_of(scrapecreators_data / "youtube/v1_youtube_channel.json")["response"]
    assert count(channel["subscriberCountText"]) == channel["subscriberCount"]


def recordings(folder: Path) -> Iterator[Path]:
    for platform in ("tiktok", "instagram", "youtube"):
        yield from sorted((folder / platform).glob("*.json"))


def replay(found: Json, channels: Json, videos: Json) -> Script:
    lists = {"search": found, "channels": channels, "videos": videos}

    def script(asked: Asked) -> Reply:
        return Reply(json.dumps(lists[asked.path.rsplit("/", 1)[1]] or {"kind": "youtube#empty"}).encode())

    return script


async def replayed(http: httpx.AsyncClient, remote: Remote, provider: Provider, recording: Json) -> Page:
    remote.script = always(Reply(json.dumps(recording["response"]).encode()))
    page = await provider.search_keyword(http, QUERY, None)
    assert [asked.path for asked in remote.asked] == [recording["endpoint"]]
    assert set(remote.asked[0].params) <= set(recording["params"])
    return page


def test_the_counts_of_real_tables_are_read_as_their_editors_did(shared_data: Path) -> None:
    """35,961 texts such as "48.5M"; half a thing ("348.5") is no count."""
    with gzip.open(shared_data / "kaggle/influencers_2022.csv.gz", "rt", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    names = [name.removesuffix("_text") for name in rows[0] if name.endswith("_text")]
    pairs = [(row[f"{name}_text"], row[name]) for row in rows for name in names if row[f"{name}_text"]]
    assert len(pairs) > 35_000
    wrong = {text for text, number in pairs if count(text) != (int(float(number)) if number else None)}
    assert wrong == {"348.5"}


def test_the_addresses_in_real_descriptions_are_found(shared_data: Path) -> None:
    """Every address in this table was moved under example.com, so that a plain pattern finds them all."""
    with gzip.open(
        shared_data / "gpl3/youtube_channels_obs_2021_2026.csv.gz", "rt", encoding="utf-8"
    ) as table:
        texts = {row["description"] for row in csv.DictReader(table)}
    plain = re.compile(r"[\w.+%-]+(?:@|\(at\))example\.com", re.ASCII)
    expected = [{found.lower().replace("(at)", "@") for found in plain.findall(text)} for text in texts]
    assert any("(at)" in text for text in texts)
    assert sum(map(len, expected)) >= 10
    assert [{found.lower() for found in emails_in(text)} for text in texts] == expected
