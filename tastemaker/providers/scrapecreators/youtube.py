"""YouTube without a quota: search over videos, shorts and shelves, and channels."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import httpx

from tastemaker.core.platforms import Platform
from tastemaker.core.prose import distinct_links, emails_in, hashtags_in, links_in
from tastemaker.providers import parsing
from tastemaker.providers.base import Capability, Creator, CursorKind, KeywordQuery, Page, Post, ProfileQuery
from tastemaker.providers.parameters import (
    checked_account,
    checked_cursor,
    checked_keyword,
    checked_options,
    checked_region,
)
from tastemaker.providers.parsing import dig, gather
from tastemaker.providers.scrapecreators.envelope import (
    NAME,
    Credentials,
    Envelope,
    declaration,
    endpoint,
    look_up,
)

DEADLINE_SECONDS = 30.0
SEARCH = endpoint(
    "search",
    "/v1/youtube/search",
    Capability.KEYWORD_SEARCH,
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="videos[].channel.id",
    page_size=20,
    cursor_kind=CursorKind.TOKEN,
)
CHANNEL = endpoint(
    "channel",
    "/v1/youtube/channel",
    Capability.PROFILE,
    deadline_seconds=DEADLINE_SECONDS,
    stable_id_path="channelId",
)
OPTIONS: Mapping[str, tuple[str, frozenset[str] | None]] = {
    "date_posted": ("uploadDate", None),
    "sort_by": ("sortBy", None),
}
LISTS = ("videos", "shorts", "lives", "channels")
"""Where items are, beside those on the shelves. Videos alone would be a third of the channels."""

_NO_HANDLE = "channel/"
_VAGUE = ("week", "month", "year")


class ScrapeCreatorsYouTube:
    """Every page is one call, and so is a channel. A search tells neither bios nor subscribers."""

    def __init__(self, key: str, *, base_url: str, deadline_seconds: float | None = None) -> None:
        self._credentials = Credentials(key, base_url.rstrip("/"))
        self.declaration = declaration(
            Platform.YOUTUBE, self._credentials, SEARCH, CHANNEL, deadline_seconds=deadline_seconds
        )

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        parameters = {
            "query": checked_keyword(query),
            "region": checked_region(query),
            "continuationToken": checked_cursor(cursor, provider=NAME),
            **checked_options(query, OPTIONS),
        }
        asked = self.declaration.endpoint("search")
        envelope = await look_up(http, self._credentials, asked, parameters, has_result=_has_lists)
        items = list(_items(envelope))
        videos = [item for item in items if not is_channel(item)]
        page_items = gather((to_creator(item), to_post(item)) for item in videos)
        channels = gather(
            ((channel_to_creator(item), None) for item in items if is_channel(item)), with_posts=False
        )
        found = {creator.stable_id: creator for creator in [*channels.creators, *page_items.creators]}
        if items and not found:
            raise envelope.unknown_form()
        following = parsing.text(envelope.body.get("continuationToken")) if items else None
        return Page(
            creators=tuple(found.values()),
            posts=page_items.posts,
            next_cursor=None if following == cursor else following,
            cost=envelope.cost,
            raw=(envelope.raw,),
            skipped=page_items.skipped + channels.skipped,
        )

    async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
        """By channel id, which outlives a change of handle, where there is one; else by handle."""
        handle, stable_id = checked_account(query)
        checked_options(query, {})
        envelope = await look_up(
            http,
            self._credentials,
            self.declaration.endpoint("channel"),
            {"channelId": stable_id} if stable_id else {"handle": handle},
            has_result=lambda body: body.get("channelId") is not None,
        )
        creator = to_channel(envelope.body)
        if creator is None:
            raise envelope.unknown_form()
        return Page(creators=(creator,), posts=(), next_cursor=None, cost=envelope.cost, raw=(envelope.raw,))


def _has_lists(body: Mapping[str, Any]) -> bool:
    return any(body.get(name) is not None for name in (*LISTS, "shelves"))


def _items(envelope: Envelope) -> Iterator[object]:
    """Everything found, in the order of the lists. Raises ProviderError if there is no list."""
    body = envelope.body
    if not any(name in body for name in LISTS) or any(
        not isinstance(body.get(name), list | None) for name in (*LISTS, "shelves")
    ):
        raise envelope.unknown_form()
    for name in LISTS:
        yield from body.get(name) or ()
    for shelf in body.get("shelves") or ():
        on_shelf = dig(shelf, "items")
        yield from on_shelf if isinstance(on_shelf, list) else ()


def is_channel(item: object) -> bool:
    """Channels that match are listed among the others and say so."""
    return bool(dig(item, "type") == "channel")


def to_creator(item: object) -> Creator | None:
    """The channel of a video: its name and picture are all that a search tells."""
    return _labelled(dig(item, "channel"))


def channel_to_creator(item: object) -> Creator | None:
    return _labelled(item)


def to_post(item: object) -> Post | None:
    """A short on a shelf has neither date nor length, and its count of views is rounded."""
    video_id = parsing.identifier(dig(item, "id"))
    channel_id = parsing.identifier(dig(item, "channel", "id"))
    if video_id is None or channel_id is None:
        return None
    title = parsing.text(dig(item, "title"))
    views = parsing.count(dig(item, "viewCountInt"))
    return Post(
        platform=Platform.YOUTUBE,
        post_id=video_id,
        creator_id=channel_id,
        text=title,
        url=f"https://www.youtube.com/watch?v={video_id}",
        published_at=_published_at(item),
        views=parsing.count(dig(item, "viewCountText")) if views is None else views,
        duration_seconds=parsing.seconds(dig(item, "lengthSeconds")),
        hashtags=hashtags_in(title),
        thumbnail_url=parsing.web_address(dig(item, "thumbnail")),
    )


def to_channel(body: object) -> Creator | None:
    """A channel's own page. `country` there is a name and not a code, so it is not taken over."""
    channel_id = parsing.identifier(dig(body, "channelId"))
    if channel_id is None:
        return None
    bio = parsing.text(dig(body, "description"))
    email = parsing.text(dig(body, "email"))
    return Creator(
        platform=Platform.YOUTUBE,
        stable_id=channel_id,
        handle=_handle_in(dig(body, "channel")) or parsing.handle(dig(body, "handle")),
        name=parsing.text(dig(body, "name")),
        bio=bio,
        followers=_either_count(body, "subscriberCount"),
        posts_count=_either_count(body, "videoCount"),
        views_total=_either_count(body, "viewCount"),
        avatar_url=parsing.web_address(dig(body, "avatar", "image", "sources", 0, "url")),
        profile_url=f"https://www.youtube.com/channel/{channel_id}",
        emails=emails_in(f"{email or ''}\n{bio or ''}"),
        links=distinct_links([*_listed(dig(body, "links")), *links_in(bio)]),
    )


def _published_at(item: object) -> datetime | None:
    """Only where it is known to the day: `publishedTime` is made out of words such as "2 years ago"."""
    words = parsing.text(dig(item, "publishedTimeText")) or ""
    is_vague = any(unit in words for unit in _VAGUE)
    return None if is_vague else parsing.moment(dig(item, "publishedTime"))


def _labelled(label: object) -> Creator | None:
    channel_id = parsing.identifier(dig(label, "id"))
    if channel_id is None:
        return None
    handle = parsing.handle(dig(label, "handle"))
    return Creator(
        platform=Platform.YOUTUBE,
        stable_id=channel_id,
        handle=None if handle and handle.startswith(_NO_HANDLE) else handle,
        name=parsing.text(dig(label, "title")),
        followers=_either_count(label, "subscriberCount"),
        avatar_url=parsing.web_address(dig(label, "thumbnail")),
        profile_url=f"https://www.youtube.com/channel/{channel_id}",
    )


def _either_count(body: object, name: str) -> int | None:
    """The number, else what is written beside it: "2.75M subscribers"."""
    number = parsing.count(dig(body, name))
    return parsing.count(dig(body, f"{name}Text")) if number is None else number


def _handle_in(url: object) -> str | None:
    """From http://www.youtube.com/@handle; channels without a handle have another address."""
    address = parsing.web_address(url) or ""
    return parsing.handle(address.partition("/@")[2].partition("/")[0])


def _listed(links: object) -> list[str | None]:
    return [parsing.link(entry) for entry in links] if isinstance(links, list) else []
