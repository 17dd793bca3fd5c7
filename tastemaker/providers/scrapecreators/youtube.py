"""YouTube without a quota: search over videos, shorts and shelves, and channels."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from tastemaker.core.platforms import Platform
from tastemaker.providers import parsing
from tastemaker.providers.asking import (
    checked_account,
    checked_cursor,
    checked_keyword,
    checked_options,
    checked_region,
)
from tastemaker.providers.base import Capability, CursorKind, KeywordQuery, Page, ProfileQuery
from tastemaker.providers.gathering import gather
from tastemaker.providers.parsing import dig
from tastemaker.providers.scrapecreators.envelope import (
    NAME,
    Account,
    Envelope,
    declaration,
    endpoint,
    look_up,
)
from tastemaker.providers.scrapecreators.youtube_items import (
    channel_to_creator,
    is_channel,
    to_channel,
    to_creator,
    to_post,
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


class ScrapeCreatorsYouTube:
    """Every page is one call, and so is a channel. A search tells neither bios nor subscribers."""

    def __init__(self, key: str, *, base_url: str, deadline_seconds: float | None = None) -> None:
        self._account = Account(key, base_url.rstrip("/"))
        self.declaration = declaration(
            Platform.YOUTUBE, self._account, SEARCH, CHANNEL, deadline_seconds=deadline_seconds
        )

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        parameters = {
            "query": checked_keyword(query),
            "region": checked_region(query),
            "continuationToken": checked_cursor(cursor, provider=NAME),
            **checked_options(query, OPTIONS),
        }
        asked = self.declaration.endpoint("search")
        envelope = await look_up(http, self._account, asked, parameters, has_result=_has_lists)
        items = list(_items(envelope))
        videos = [item for item in items if not is_channel(item)]
        gathered = gather((to_creator(item), to_post(item)) for item in videos)
        channels = gather(
            ((channel_to_creator(item), None) for item in items if is_channel(item)), with_posts=False
        )
        found = {creator.stable_id: creator for creator in [*channels.creators, *gathered.creators]}
        if items and not found:
            raise envelope.unknown_form()
        following = parsing.text(envelope.body.get("continuationToken")) if items else None
        return Page(
            creators=tuple(found.values()),
            posts=gathered.posts,
            next_cursor=None if following == cursor else following,
            cost=envelope.cost,
            raw=(envelope.raw,),
            skipped=gathered.skipped + channels.skipped,
        )

    async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
        """By channel id, which outlives a change of handle, where there is one; else by handle."""
        handle, stable_id = checked_account(query)
        checked_options(query, {})
        envelope = await look_up(
            http,
            self._account,
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
    """Everything found, in the order of the lists. Raises ProviderError where nothing is a list."""
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
