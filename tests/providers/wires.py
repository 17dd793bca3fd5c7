"""The adapters beside the wire formats of their providers, so that one suite can speak to all of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tastemaker.providers.base import Provider
from tastemaker.providers.scrapecreators import ScrapeCreatorsInstagram, ScrapeCreatorsTikTok
from tastemaker.providers.youtube import YouTube
from tests.providers.remote import Asked, Reply, Script, as_json

FIXTURES = Path(__file__).parent / "fixtures"
KEY = "canary-key-0123456789"

Item = dict[str, Any]
Field = tuple[str | int, ...]


class Page(Protocol):
    def __call__(self, items: Sequence[Item], *, more: bool) -> Script: ...


@dataclass(frozen=True)
class Wire:
    """One adapter and its provider's format. `fields` are the places of our names in an item."""

    name: str
    build: Callable[..., Provider]
    fields: Mapping[str, Sequence[Field]]
    page: Page
    """One page of items, with or without a next one."""
    paged: Callable[[Sequence[Sequence[Item]]], Script]
    """Several pages, told apart by what the request asks for."""

    def items(self, start: int, stop: int) -> list[Item]:
        """Items of different creators, each with one post."""
        return [self.item(number) for number in range(start, stop)]

    def item(self, number: int, *, creator: int | None = None) -> Item:
        made: Item = load(f"{self.name}_item")
        self.put(made, "creator_id", self.creator_id(number if creator is None else creator))
        self.put(made, "post_id", self.post_id(number))
        return made

    def creator_id(self, number: int) -> str:
        return f"UCmadeUp{number:04}" if self.name == "youtube" else f"9007199254740{number:04}"

    def post_id(self, number: int) -> str:
        return f"made-up{number:04}" if self.name == "youtube" else f"7000000000000{number:04}"

    def put(self, item: Item, name: str, value: object) -> None:
        for path in self.fields[name]:
            _holder(item, path)[path[-1]] = value

    def drop(self, item: Item, name: str) -> None:
        for path in self.fields[name]:
            del _holder(item, path)[path[-1]]


def load(name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A synthetic body from the fixtures."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def _holder(item: Any, path: Field) -> Any:  # noqa: ANN401 - whatever JSON holds
    for step in path[:-1]:
        item = item[step]
    return item


def _youtube_page(items: Sequence[Item], *, more: bool) -> Script:
    def script(asked: Asked) -> Reply:
        part = {"search": "search", "channels": "channel", "videos": "video"}[asked.path.rsplit("/", 1)[1]]
        ids = asked.params.get("id", "").split(",")
        wanted = [item[part] for item in items if part == "search" or item[part].get("id") in ids]
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


def _youtube(url: str, key: str = KEY, deadline_seconds: float = 5) -> Provider:
    return YouTube(key, base_url=url, contacts=True, deadline_seconds=deadline_seconds)


def _tiktok(url: str, key: str = KEY, deadline_seconds: float = 5) -> Provider:
    return ScrapeCreatorsTikTok(key, base_url=url, deadline_seconds=deadline_seconds)


def _instagram(url: str, key: str = KEY, deadline_seconds: float = 5) -> Provider:
    return ScrapeCreatorsInstagram(key, base_url=url, deadline_seconds=deadline_seconds)


WIRES = (
    Wire(
        "youtube",
        _youtube,
        {
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
        _youtube_page,
        _youtube_paged,
    ),
    Wire(
        "tiktok",
        _tiktok,
        {
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
        _tiktok_page,
        _tiktok_paged,
    ),
    Wire(
        "instagram",
        _instagram,
        {
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
        _instagram_page,
        _instagram_paged,
    ),
)
