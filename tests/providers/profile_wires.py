"""The formats in which our providers describe one account."""

from tastemaker.providers.base import ErrorKind, ProfileQuery
from tastemaker.providers.conformance.remote import always, as_json
from tastemaker.providers.conformance.wires import KEY, Item, ProfileWire
from tastemaker.providers.instagram_graph import InstagramGraph
from tests.providers.wires import (
    MIRA,
    MIRA_IN_A_SEARCH,
    SCRAPECREATORS_KEY,
    SCRAPECREATORS_REFUSALS,
    YOUTUBE_REFUSALS,
    build_instagram,
    build_scrapecreators_youtube,
    build_tiktok,
    build_youtube,
    example,
    load,
    recorded,
)


def build_graph(url: str, key: str = KEY, deadline_seconds: float = 5) -> InstagramGraph:
    user_id = "17841406338772941"
    return InstagramGraph(key, user_id=user_id, base_url=url, deadline_seconds=deadline_seconds)


def _youtube_channel() -> Item:
    channel = load("youtube_item")["channel"] | {"id": "UCmadeUp0001"}
    return {"kind": "youtube#channelListResponse", "items": [channel]}


BY_HANDLE = ProfileQuery(handle="mira.plays")
PROFILE_WIRES = (
    ProfileWire(
        name="youtube",
        build=build_youtube,
        query=BY_HANDLE,
        example=_youtube_channel,
        fields={
            "stable_id": [("items", 0, "id")],
            "name": [("items", 0, "snippet", "title")],
            "bio": [("items", 0, "snippet", "description")],
            "followers": [("items", 0, "statistics", "subscriberCount")],
            "views_total": [("items", 0, "statistics", "viewCount")],
        },
        absent=always(as_json({"kind": "youtube#channelListResponse", "pageInfo": {"totalResults": 0}})),
        key_variable="YOUTUBE_API_KEY",
        refusals=YOUTUBE_REFUSALS,
        creator=MIRA_IN_A_SEARCH | {"stable_id": "UCmadeUp0001"},
        recorded=recorded("mit/raw/youtube_data_api_v3/channels_info.json"),
    ),
    ProfileWire(
        name="tiktok",
        build=build_tiktok,
        query=BY_HANDLE,
        example=example("tiktok_profile"),
        fields={
            "stable_id": [("user", "id")],
            "name": [("user", "nickname")],
            "bio": [("user", "signature")],
            "followers": [("stats", "followerCount"), ("statsV2", "followerCount")],
            "posts_count": [("stats", "videoCount"), ("statsV2", "videoCount")],
        },
        absent=always(as_json({"success": False, "error": "not_found"}, status=404)),
        key_variable=SCRAPECREATORS_KEY,
        refusals=SCRAPECREATORS_REFUSALS,
        creator=MIRA | {"verified": True, "private": False},
        recorded=recorded("mit/raw/scrapecreators/tiktok/v1_tiktok_profile.json"),
    ),
    ProfileWire(
        name="instagram",
        build=build_instagram,
        query=BY_HANDLE,
        example=example("instagram_profile"),
        fields={
            "stable_id": [("data", "user", "id")],
            "name": [("data", "user", "full_name")],
            "bio": [("data", "user", "biography")],
            "followers": [("data", "user", "edge_followed_by", "count")],
            "following": [("data", "user", "edge_follow", "count")],
        },
        absent=always(as_json({"success": True, "data": {"user": None}})),
        key_variable=SCRAPECREATORS_KEY,
        refusals=SCRAPECREATORS_REFUSALS,
        creator=MIRA | {"emails": ("office@example.com", "mira@example.com")},
        recorded=recorded("mit/raw/scrapecreators/instagram/v1_instagram_profile.json"),
    ),
    ProfileWire(
        name="instagram_by_id",
        build=build_instagram,
        query=ProfileQuery(stable_id="2700000001"),
        example=example("instagram_basic_profile"),
        fields={
            "stable_id": [("pk",), ("id",)],
            "name": [("full_name",)],
            "bio": [("biography",)],
            "followers": [("follower_count",)],
            "posts_count": [("media_count",)],
        },
        absent=always(as_json({"success": False, "message": "User not found"})),
        key_variable=SCRAPECREATORS_KEY,
        refusals=SCRAPECREATORS_REFUSALS,
        creator=MIRA,
        recorded=recorded("mit/raw/scrapecreators/instagram/v1_instagram_basic-profile.json"),
    ),
    ProfileWire(
        name="scrapecreators_youtube",
        build=build_scrapecreators_youtube,
        query=BY_HANDLE,
        example=example("scrapecreators_youtube_channel"),
        fields={
            "stable_id": [("channelId",)],
            "name": [("name",)],
            "bio": [("description",)],
            "followers": [("subscriberCount",), ("subscriberCountText",)],
        },
        absent=always(as_json({"success": False, "statusCode": 404, "message": "gone"})),
        key_variable=SCRAPECREATORS_KEY,
        refusals=SCRAPECREATORS_REFUSALS,
        creator=MIRA | {"followers": 2_750_000, "handle": "miraplays"},
        recorded=recorded("mit/raw/scrapecreators/youtube/v1_youtube_channel.json"),
    ),
    ProfileWire(
        name="instagram_graph",
        build=build_graph,
        query=BY_HANDLE,
        example=example("instagram_graph"),
        fields={
            "stable_id": [("business_discovery", "id")],
            "name": [("business_discovery", "name")],
            "bio": [("business_discovery", "biography")],
            "followers": [("business_discovery", "followers_count")],
            "posts_count": [("business_discovery", "media_count")],
        },
        absent=always(as_json({"error": {"code": 110, "error_subcode": 2207013}}, status=400)),
        key_variable="INSTAGRAM_GRAPH_TOKEN",
        refusals=(
            ({"error": {"code": 190}}, ErrorKind.AUTH),
            ({"error": {"code": 4}}, ErrorKind.RATE_LIMITED),
            ({"error": {"code": 1, "is_transient": True}}, ErrorKind.SERVER),
        ),
        creator=MIRA_IN_A_SEARCH,
        recorded=recorded("apache2/raw/instagram_graph_api/discovery_user_fields.json"),
    ),
)
