"""Our answers beside recorded ones: the same fields with the same kinds of values.

A recording shows a few items and has many fields that nobody reads; ours may leave such fields out, but
everything we send must be in a recording, or among the additions that the provider's documentation names.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import Get

pytestmark = pytest.mark.shared_data

Shape = dict[str, set[str]]

DOCUMENTED = {
    "search": {"prevPageToken", "items[].snippet.publishTime"},
    "channels": {"items[].snippet.country", "items[].brandingSettings.channel.country"},
    "videos": {"items[].snippet.defaultLanguage", "items[].snippet.tags", "items[].snippet.tags[]"},
    "playlistItems": {"items[].contentDetails", "nextPageToken"},
    "/v1/tiktok/search/keyword": {"has_more"},
    "/v1/tiktok/search/users": {"has_more"},
    "/v1/tiktok/profile": {"statsV2"},
    "/v2/instagram/reels/search": {"reels[].video_play_count", "reels[].video_view_count"},
    "/v1/youtube/channel": {"videoCount", "viewCount"},
    "/v1/youtube/search": {"shelves[].items[].channel"},
    "/v1/instagram/basic-profile": {"bio_links[]"},
    "/graph/178": {"business_discovery.website", "business_discovery.follows_count"},
}
"""Fields that the recordings happen not to show; with a field, everything below it."""

RECORDINGS = {
    "search": ["search_search_by_keywords_p1", "search_search_channels"],
    "channels": ["channels_info", "channels_info_multiple"],
    "videos": ["videos_videos_info_multi", "videos_videos_chart_paged_1"],
    "playlistItems": ["playlist_items_playlist_items_paged_1"],
    "/v1/tiktok/search/keyword": ["tiktok/v1_tiktok_search_keyword"],
    "/v1/tiktok/search/users": ["tiktok/v1_tiktok_search_users"],
    "/v1/tiktok/profile": ["tiktok/v1_tiktok_profile"],
    "/v2/instagram/reels/search": ["instagram/v2_instagram_reels_search"],
    "/v1/instagram/profile": ["instagram/v1_instagram_profile"],
    "/v1/instagram/basic-profile": ["instagram/v1_instagram_basic-profile"],
    "/v1/youtube/search": ["youtube/v1_youtube_search"],
    "/v1/youtube/channel": ["youtube/v1_youtube_channel"],
    "/graph/178": ["discovery_user_fields", "discovery_medias_p1"],
}
DISCOVERED = (
    "id,username,name,biography,website,profile_picture_url,followers_count,follows_count,media_count,"
    "media.limit(5){id,caption,comments_count,like_count,media_type,permalink,timestamp}"
)


def recorded(folder: Path, path: str) -> Shape:
    shape: Shape = {}
    for name in RECORDINGS[path]:
        body = json.loads((folder / place_of(path) / f"{name}.json").read_text(encoding="utf-8"))
        gather(body.get("response", body), shape)
    return shape


def place_of(path: str) -> str:
    if path.startswith("/graph"):
        return "apache2/raw/instagram_graph_api"
    return "mit/raw/scrapecreators" if path.startswith("/") else "mit/raw/youtube_data_api_v3"


def gather(value: Any, shape: Shape, place: str = "") -> Shape:  # noqa: ANN401 - JSON
    """Every field's place (`items[].id`) with the kinds of values that stand there."""
    shape.setdefault(place, set()).add(kind(value))
    for name, below in children(value):
        gather(below, shape, f"{place}{name}".removeprefix("."))
    return shape


def children(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        yield from ((f".{name}", below) for name, below in value.items())
    if isinstance(value, list):
        yield from (("[]", below) for below in value)


def kind(value: Any) -> str:  # noqa: ANN401 - JSON
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


async def answers(path: str, youtube: Get, scrape: Get) -> list[Any]:
    async def ids(kind: str) -> str:
        items = (await youtube("search", q="makeup", type=kind, maxResults=20)).json()["items"]
        return ",".join(item["id"][f"{kind}Id"] for item in items)

    all_parts = "snippet,statistics,contentDetails,brandingSettings"
    if path == "search":
        return [(await youtube(path, q="makeup", type=kind)).json() for kind in ("video", "channel")]
    if path == "channels":
        return [(await youtube(path, part=all_parts, id=await ids("channel"))).json()]
    if path == "videos":
        return [(await youtube(path, part="snippet", id=await ids("video"))).json()]
    if path == "playlistItems":
        uploads = "UU" + (await ids("channel")).split(",")[0][2:]
        return [(await youtube(path, part="snippet,contentDetails", playlistId=uploads, maxResults=2)).json()]
    reels = (await scrape("/v2/instagram/reels/search", query="makeup")).json()["reels"]
    if path.startswith("/graph"):
        fields = f"business_discovery.username({reels[0]['owner']['username']}){{{DISCOVERED}}}"
        return [(await scrape(path, access_token="sandbox", fields=fields)).json()]
    tiktok = (await scrape("/v1/tiktok/search/keyword", query="makeup")).json()["search_item_list"]
    params = {
        "/v1/tiktok/profile": {"handle": tiktok[0]["aweme_info"]["author"]["unique_id"]},
        "/v1/instagram/profile": {"handle": reels[0]["owner"]["username"]},
        "/v1/instagram/basic-profile": {"userId": reels[0]["owner"]["id"]},
        "/v1/youtube/channel": {"channelId": (await ids("channel")).split(",")[0]},
    }
    return [(await scrape(path, **params.get(path, {"query": "makeup"}))).json()]


@pytest.mark.parametrize("path", list(RECORDINGS))
async def test_every_field_is_one_that_the_service_sends(
    shared_data: Path, youtube: Get, scrape: Get, path: str
) -> None:
    real = recorded(shared_data, path)
    ours: Shape = {}
    for answer in await answers(path, youtube, scrape):
        assert answer.get("success", True) is True
        gather(answer, ours)
    additions = DOCUMENTED.get(path, set())
    unknown = {place for place in ours.keys() - real.keys() if not covered(place, additions)}
    assert unknown == set()
    different = {
        place: (kinds, real[place])
        for place, kinds in ours.items()
        if place in real and not kinds - {"null"} <= real[place] and real[place] != {"null"}
    }
    assert different == {}


def covered(place: str, additions: set[str]) -> bool:
    return any(place == each or place.startswith((f"{each}.", f"{each}[")) for each in additions)
