"""The adapters beside the wire formats of their providers, so that one suite can speak to all of them."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tastemaker.providers.base import Cost, Declaration, ErrorKind, KeywordQuery, Page, Provider
from tastemaker.providers.conformance.remote import Asked, Reply, Script, as_json
from tastemaker.providers.conformance.wires import KEY, Item, SearchWire
from tastemaker.providers.scrapecreators import (
    ScrapeCreatorsInstagram,
    ScrapeCreatorsTikTok,
    ScrapeCreatorsYouTube,
)
from tastemaker.providers.youtube import YouTube

__all__ = ["KEY", "SEARCH_WIRES", "WIRES", "Item", "load"]

FIXTURES = Path(__file__).parent / "fixtures"
RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Real answers beside the checkout, never inside it; the suite does without where they are not."""

MIRA = {"name": "Mira & Friends", "followers": 1_230_000, "emails": ("mira@example.com",)}
MIRA_IN_A_SEARCH = MIRA | {"links": ("https://example.org/mira",)}


def load(name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A synthetic body from the fixtures."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def example(name: str) -> Callable[[], Item]:
    return lambda: load(name)


def recorded(*paths: str) -> tuple[bytes, ...]:
    """What a recording holds as its response, or whole."""
    return tuple(_recordings(paths))


def _recordings(paths: Sequence[str]) -> Iterator[bytes]:
    for path in paths:
        file = RECORDINGS / path
        if file.is_file():
            whole = json.loads(file.read_text(encoding="utf-8"))
            yield json.dumps(whole.get("response", whole)).encode()


def _youtube_page(items: Sequence[Item], *, more: bool) -> Script:
    def script(asked: Asked) -> Reply:
        part = {"search": "search", "channels": "channel", "videos": "video"}[asked.path.rsplit("/", 1)[1]]
        ids = asked.params.get("id", "").split(",")
        wanted = [item.get(part) for item in items if part == "search" or _id_of(item.get(part)) in ids]
        return as_json(
            {"kind": "youtube#list", "items": wanted} | ({"nextPageToken": "TOKEN1"} if more else {})
        )

    return script


def _youtube_paged(pages: Sequence[Sequence[Item]]) -> Script:
    def script(asked: Asked) -> Reply:
        if not asked.path.endswith("/search"):
            return _youtube_page([item for page in pages for item in page], more=False)(asked)
        number = int(asked.params.get("pageToken", "TOKEN0").removeprefix("TOKEN"))
        token = {"nextPageToken": f"TOKEN{number + 1}"} if number + 1 < len(pages) else {}
        return as_json({"kind": "youtube#list", "items": [item["search"] for item in pages[number]]} | token)

    return script


def _tiktok_page(items: Sequence[Item], *, more: bool) -> Script:
    body = {"success": True, "credits_charged": 1, "cursor": 30, "has_more": int(more)}
    return lambda _: as_json(body | {"search_item_list": items})


def _tiktok_paged(pages: Sequence[Sequence[Item]]) -> Script:
    """Cursors that count nothing, and a last page that still names one."""
    cursors = [0, *(27 + 31 * number for number in range(len(pages)))]

    def script(asked: Asked) -> Reply:
        number = cursors.index(int(asked.params.get("cursor", "0")))
        more = {"cursor": cursors[number + 1], "has_more": int(number + 1 < len(pages))}
        return as_json({"success": True, "search_item_list": pages[number]} | more)

    return script


def _instagram_page(items: Sequence[Item], *, more: bool) -> Script:  # the format does not tell
    return lambda _: as_json({"success": True, "credits_charged": 1, "reels": items})


def _instagram_paged(pages: Sequence[Sequence[Item]]) -> Script:
    """Nothing says which page is the last: the next one is empty."""

    def script(asked: Asked) -> Reply:
        number = int(asked.params["page"]) - 1
        return _instagram_page(pages[number] if number < len(pages) else [], more=False)(asked)

    return script


def _id_of(part: object) -> object:
    return part.get("id") if isinstance(part, dict) else None


def _scrapecreators_youtube_page(items: Sequence[Item], *, more: bool) -> Script:
    token = {"continuationToken": "4qmFmadeUp" if more else None}
    return lambda _: as_json({"success": True, "credits_charged": 1, "videos": items, "shorts": []} | token)


def _scrapecreators_youtube_paged(pages: Sequence[Sequence[Item]]) -> Script:
    """The last page still names a token, which leads to an empty one."""

    def script(asked: Asked) -> Reply:
        number = int(asked.params.get("continuationToken", "TOKEN0").removeprefix("TOKEN"))
        items = pages[number] if number < len(pages) else []
        body = {"success": True, "videos": items, "shelves": [], "continuationToken": f"TOKEN{number + 1}"}
        return as_json(body)

    return script


def _users_page(items: Sequence[Item], *, more: bool) -> Script:
    body = {"success": True, "credits_charged": 1, "cursor": 30, "has_more": int(more)}
    return lambda _: as_json(body | {"users": items})


def _users_paged(pages: Sequence[Sequence[Item]]) -> Script:
    """Without a word on whether there is more: the page after the last one is empty."""

    def script(asked: Asked) -> Reply:
        number = int(asked.params.get("cursor", "0")) // 10
        users = pages[number] if number < len(pages) else []
        return as_json({"success": True, "users": users, "cursor": 10 * (number + 1)})

    return script


class _Users:
    """The search for users in the place of the keyword search."""

    def __init__(self, adapter: ScrapeCreatorsTikTok) -> None:
        self._adapter = adapter
        self.declaration: Declaration = adapter.declaration

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        return await self._adapter.search_users(http, query, cursor)


def build_youtube(url: str, key: str = KEY, deadline_seconds: float = 5) -> YouTube:
    return YouTube(key, base_url=url, contacts=True, deadline_seconds=deadline_seconds)


def build_tiktok(url: str, key: str = KEY, deadline_seconds: float = 5) -> ScrapeCreatorsTikTok:
    return ScrapeCreatorsTikTok(key, base_url=url, deadline_seconds=deadline_seconds)


def build_tiktok_users(url: str, key: str = KEY, deadline_seconds: float = 5) -> Provider:
    return _Users(build_tiktok(url, key, deadline_seconds))


def build_instagram(url: str, key: str = KEY, deadline_seconds: float = 5) -> ScrapeCreatorsInstagram:
    return ScrapeCreatorsInstagram(key, base_url=url, deadline_seconds=deadline_seconds)


def build_scrapecreators_youtube(
    url: str, key: str = KEY, deadline_seconds: float = 5
) -> ScrapeCreatorsYouTube:
    return ScrapeCreatorsYouTube(key, base_url=url, deadline_seconds=deadline_seconds)


def _numbered(pattern: str) -> Callable[[int], str]:
    return pattern.format


POST = {
    "views": 52_000,
    "likes": 3_100,
    "comments": 77,
    "hashtags": ("Chess", "শতরঞ্জ"),
    "published_at": datetime(2026, 1, 5, 8, tzinfo=UTC),
}
SCRAPECREATORS_KEY = "SCRAPECREATORS_API_KEY"
SCRAPECREATORS_REFUSALS: tuple[tuple[Item, ErrorKind], ...] = (
    ({"success": False, "error": "account_private", "message": "It is private."}, ErrorKind.PRIVATE),
    ({"success": False, "error": "account_deactivated", "message": "Gone."}, ErrorKind.NOT_FOUND),
    ({"success": False, "error": "insufficient_credits"}, ErrorKind.QUOTA),
    ({"success": False, "message": "Too many requests at once."}, ErrorKind.RATE_LIMITED),
    ({"message": "Your API key is missing or invalid."}, ErrorKind.AUTH),
    ({"success": False, "statusCode": 404}, ErrorKind.NOT_FOUND),
    ({"success": True, "message": "Something went wrong, try again."}, ErrorKind.SERVER),
)
YOUTUBE_REFUSALS: tuple[tuple[Item, ErrorKind], ...] = (
    ({"error": {"code": 403, "errors": [{"reason": "quotaExceeded"}]}}, ErrorKind.QUOTA),
    ({"error": {"code": 403, "errors": [{"reason": "rateLimitExceeded"}]}}, ErrorKind.RATE_LIMITED),
    ({"error": {"code": 400, "errors": [{"reason": "keyInvalid"}]}}, ErrorKind.AUTH),
    ({"error": {"code": 404, "errors": [{"reason": "channelNotFound"}]}}, ErrorKind.NOT_FOUND),
)

YOUTUBE = SearchWire(
    name="youtube",
    build=build_youtube,
    example=example("youtube_item"),
    fields={
        "creator_id": [("search", "snippet", "channelId"), ("channel", "id")],
        "post_id": [("search", "id", "videoId"), ("video", "id")],
        "name": [("channel", "snippet", "title")],
        "bio": [("channel", "snippet", "description")],
        "followers": [("channel", "statistics", "subscriberCount")],
        "text": [("video", "snippet", "title")],
        "published_at": [("video", "snippet", "publishedAt")],
        "views": [("video", "statistics", "viewCount")],
        "likes": [("video", "statistics", "likeCount")],
        "duration_seconds": [("video", "contentDetails", "duration")],
    },
    creator_id=_numbered("UCmadeUp{:04}"),
    post_id=_numbered("made-up{:04}"),
    page=_youtube_page,
    paged=_youtube_paged,
    key_variable="YOUTUBE_API_KEY",
    refusals=YOUTUBE_REFUSALS,
    creator=MIRA_IN_A_SEARCH,
    post=POST,
    mistyped=lambda bad: {"search": bad, "channel": {}, "video": {}},
    remembered=frozenset({"name", "text", "published_at"}),
    first_call=Cost(calls=1, units=0),
)
TIKTOK = SearchWire(
    name="tiktok",
    build=build_tiktok,
    example=example("tiktok_item"),
    fields={
        "creator_id": [("aweme_info", "author", "uid")],
        "post_id": [("aweme_info", "aweme_id"), ("aweme_info", "statistics", "aweme_id")],
        "name": [("aweme_info", "author", "nickname")],
        "bio": [("aweme_info", "author", "signature")],
        "followers": [("aweme_info", "author", "follower_count")],
        "text": [("aweme_info", "desc")],
        "published_at": [("aweme_info", "create_time")],
        "views": [("aweme_info", "statistics", "play_count")],
        "likes": [("aweme_info", "statistics", "digg_count")],
        "duration_seconds": [("aweme_info", "video", "duration")],
    },
    creator_id=_numbered("9007199254740{:04}"),
    post_id=_numbered("7000000000000{:04}"),
    page=_tiktok_page,
    paged=_tiktok_paged,
    key_variable=SCRAPECREATORS_KEY,
    refusals=SCRAPECREATORS_REFUSALS,
    creator=MIRA_IN_A_SEARCH,
    post=POST,
    recorded=recorded("mit/raw/scrapecreators/tiktok/v1_tiktok_search_keyword.json"),
)
INSTAGRAM = SearchWire(
    name="instagram",
    build=build_instagram,
    example=example("instagram_item"),
    fields={
        "creator_id": [("owner", "id")],
        "post_id": [("id",)],
        "name": [("owner", "full_name")],
        "bio": [("owner", "biography")],
        "followers": [("owner", "follower_count")],
        "text": [("caption",)],
        "published_at": [("taken_at",)],
        "views": [("video_play_count",)],
        "likes": [("like_count",)],
        "duration_seconds": [("video_duration",)],
    },
    creator_id=_numbered("9007199254740{:04}"),
    post_id=_numbered("7000000000000{:04}"),
    page=_instagram_page,
    paged=_instagram_paged,
    key_variable=SCRAPECREATORS_KEY,
    refusals=SCRAPECREATORS_REFUSALS,
    creator=MIRA_IN_A_SEARCH,
    post=POST,
    recorded=recorded("mit/raw/scrapecreators/instagram/v2_instagram_reels_search.json"),
)
SCRAPECREATORS_YOUTUBE = SearchWire(
    name="scrapecreators_youtube",
    build=build_scrapecreators_youtube,
    example=lambda: load("scrapecreators_youtube_search")["videos"][0],
    fields={
        "creator_id": [("channel", "id")],
        "post_id": [("id",)],
        "name": [("channel", "title")],
        "text": [("title",)],
        "published_at": [("publishedTime",)],
        "views": [("viewCountInt",), ("viewCountText",)],
        "duration_seconds": [("lengthSeconds",)],
    },
    creator_id=_numbered("UCmadeUp{:04}"),
    post_id=_numbered("made-up{:04}"),
    page=_scrapecreators_youtube_page,
    paged=_scrapecreators_youtube_paged,
    key_variable=SCRAPECREATORS_KEY,
    refusals=SCRAPECREATORS_REFUSALS,
    creator={"name": "Mira & Friends", "followers": None},
    post={"views": 14_860_541, "hashtags": ("Chess",), "duration_seconds": 254},
    recorded=recorded("mit/raw/scrapecreators/youtube/v1_youtube_search.json"),
)
TIKTOK_USERS = SearchWire(
    name="tiktok_users",
    build=build_tiktok_users,
    example=lambda: {"user_info": load("tiktok_item")["aweme_info"]["author"]},
    fields={
        "creator_id": [("user_info", "uid")],
        "name": [("user_info", "nickname")],
        "bio": [("user_info", "signature")],
        "followers": [("user_info", "follower_count")],
    },
    creator_id=_numbered("9007199254740{:04}"),
    post_id=_numbered("{}"),
    page=_users_page,
    paged=_users_paged,
    key_variable=SCRAPECREATORS_KEY,
    refusals=SCRAPECREATORS_REFUSALS,
    creator=MIRA_IN_A_SEARCH,
    has_posts=False,
    recorded=recorded("mit/raw/scrapecreators/tiktok/v1_tiktok_search_users.json"),
)
WIRES = (YOUTUBE, TIKTOK, INSTAGRAM)
SEARCH_WIRES = (*WIRES, SCRAPECREATORS_YOUTUBE, TIKTOK_USERS)
