"""Keyword search on YouTube through the Data API v3: one search, then its channels and videos in batches."""

from collections.abc import Mapping

import httpx

from tastemaker.providers.base import (
    Creator,
    ErrorKind,
    KeywordQuery,
    Page,
    Post,
    ProfileQuery,
    ProviderError,
)
from tastemaker.providers.declaration import account_of
from tastemaker.providers.errors import require_key
from tastemaker.providers.parameters import (
    checked_account,
    checked_cursor,
    checked_keyword,
    checked_options,
    checked_region,
)
from tastemaker.providers.parsing import dig, gather, identifier, text
from tastemaker.providers.youtube.client import BATCH, KEY_VARIABLE, NAME, Calls, declaration
from tastemaker.providers.youtube.items import Item, channel_id_of, to_creator, to_post, video_id_of

CHANNEL_PARTS = "snippet,statistics,contentDetails,brandingSettings,status"
VIDEO_PARTS = "snippet,statistics,contentDetails,paidProductPlacementDetails"
OPTIONS: Mapping[str, tuple[str, frozenset[str] | None]] = {
    "type": ("type", frozenset({"video", "channel"})),
    "order": ("order", frozenset({"date", "rating", "viewCount", "relevance", "title", "videoCount"})),
    "language": ("relevanceLanguage", None),
    "published_after": ("publishedAfter", None),
    "published_before": ("publishedBefore", None),
    "duration": ("videoDuration", frozenset({"any", "short", "medium", "long"})),
    "paid_placement": ("videoPaidProductPlacement", frozenset({"any", "true"})),
    "topic_id": ("topicId", None),
}


class YouTube:
    """One page is a search call and one call each for the channels and the videos it found.

    `contacts` allows e-mail addresses to be read out of descriptions, `derived` metrics to be computed:
    where the live API is asked, both need the operator's word.
    """

    def __init__(
        self,
        key: str,
        *,
        base_url: str,
        contacts: bool,
        derived: bool = False,
        deadline_seconds: float | None = None,
    ) -> None:
        self._key = key
        self._base_url = base_url.rstrip("/")
        self._contacts = contacts
        self.declaration = declaration(
            account_of("youtube", key),
            contacts=contacts,
            derived=derived,
            deadline_seconds=deadline_seconds,
        )

    async def search_keyword(self, http: httpx.AsyncClient, query: KeywordQuery, cursor: str | None) -> Page:
        require_key(self._key, provider=NAME, variable=KEY_VARIABLE)
        parameters = _search_parameters(query, cursor)
        calls = Calls(http, self._base_url, self._key, self.declaration)
        answer = await calls.search(parameters)
        found = calls.items_of(answer)
        channels = await calls.list_by_id("channels", CHANNEL_PARTS, map(channel_id_of, found))
        videos = await calls.list_by_id("videos", VIDEO_PARTS, map(video_id_of, found))
        read = ((self._creator(item, channels), _post(item, videos)) for item in found)
        page_items = gather(read, with_posts=parameters["type"] == "video")
        if found and not page_items.creators:
            raise calls.unknown_form()
        return Page(
            creators=page_items.creators,
            posts=page_items.posts,
            next_cursor=text(answer.get("nextPageToken")),
            cost=calls.cost,
            raw=tuple(calls.bodies),
            skipped=page_items.skipped,
        )

    async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
        """By channel id, which outlives a change of handle, where there is one; else by handle."""
        require_key(self._key, provider=NAME, variable=KEY_VARIABLE)
        handle, channel_id = checked_account(query)
        checked_options(query, {})
        which = {"id": channel_id} if channel_id else {"forHandle": f"@{handle}"}
        calls = Calls(http, self._base_url, self._key, self.declaration)
        items = await calls.list_channels({"part": CHANNEL_PARTS, **which})
        if not items:
            message = f"{NAME} does not know this channel."
            raise ProviderError(ErrorKind.NOT_FOUND, message, final=True, cost=calls.cost)
        found = identifier(dig(items[0], "id"))
        if found is None:
            raise calls.unknown_form()
        creator = to_creator(found, {}, items[0], contacts=self._contacts)
        return Page(creators=(creator,), posts=(), next_cursor=None, cost=calls.cost, raw=tuple(calls.bodies))

    def _creator(self, item: Item, channels: Mapping[str, Item]) -> Creator | None:
        channel_id = channel_id_of(item)
        if channel_id is None:
            return None
        return to_creator(channel_id, item, channels.get(channel_id, {}), contacts=self._contacts)


def _search_parameters(query: KeywordQuery, cursor: str | None) -> dict[str, str]:
    parameters = {
        "part": "snippet",
        "maxResults": str(BATCH),
        "q": checked_keyword(query),
        "regionCode": checked_region(query),
        "pageToken": checked_cursor(cursor, provider=NAME),
        "type": "video",
    } | checked_options(query, OPTIONS)
    return {name: value for name, value in parameters.items() if value is not None}


def _post(item: Item, videos: Mapping[str, Item]) -> Post | None:
    channel_id, video_id = channel_id_of(item), video_id_of(item)
    if channel_id is None or video_id is None:
        return None
    return to_post(channel_id, video_id, item, videos.get(video_id, {}))
