"""Channels and videos of the YouTube Data API v3 as creators and posts. Counts come as text."""

import html
from collections.abc import Mapping
from typing import Any

from tastemaker.core.platforms import Platform
from tastemaker.core.prose import emails_in, hashtags_in, links_in
from tastemaker.providers import parsing
from tastemaker.providers.base import Creator, Post
from tastemaker.providers.parsing import dig

Item = Mapping[str, Any]

_THUMBNAILS = ("medium", "high", "default")


def channel_id_of(found: Item) -> str | None:
    """The channel a search result belongs to; ids differ by case alone."""
    return parsing.identifier(dig(found, "snippet", "channelId") or dig(found, "id", "channelId"))


def video_id_of(found: Item) -> str | None:
    return parsing.identifier(dig(found, "id", "videoId"))


def to_creator(channel_id: str, found: Item, channel: Item, *, contacts: bool) -> Creator:
    """`channel` is empty where the API no longer lists it: then only what the search result says is known."""
    snippet = dig(channel, "snippet")
    bio = parsing.text(dig(snippet, "description"))
    return Creator(
        platform=Platform.YOUTUBE,
        stable_id=channel_id,
        handle=parsing.handle(dig(snippet, "customUrl")),
        name=parsing.text(dig(snippet, "title")) or _unescaped(dig(found, "snippet", "channelTitle")),
        bio=bio,
        followers=_followers(dig(channel, "statistics")),
        posts_count=parsing.count(dig(channel, "statistics", "videoCount")),
        views_total=parsing.count(dig(channel, "statistics", "viewCount")),
        private=_is_private(channel),
        avatar_url=_thumbnail(snippet),
        profile_url=f"https://www.youtube.com/channel/{channel_id}",
        emails=emails_in(bio) if contacts else (),
        links=links_in(bio),
        country=parsing.text(dig(snippet, "country")),
        language=parsing.text(dig(snippet, "defaultLanguage")),
        extra_ids=_uploads_playlist(channel),
    )


def to_post(channel_id: str, video_id: str, found: Item, video: Item) -> Post:
    """`video` is empty where the API no longer lists it: then its counts are unknown."""
    snippet = dig(video, "snippet")
    title = parsing.text(dig(snippet, "title")) or _unescaped(dig(found, "snippet", "title"))
    description = parsing.text(dig(snippet, "description"))
    return Post(
        platform=Platform.YOUTUBE,
        post_id=video_id,
        creator_id=channel_id,
        text=title,
        url=f"https://www.youtube.com/watch?v={video_id}",
        published_at=parsing.moment(dig(snippet, "publishedAt") or dig(found, "snippet", "publishedAt")),
        views=parsing.count(dig(video, "statistics", "viewCount")),
        likes=parsing.count(dig(video, "statistics", "likeCount")),
        comments=parsing.count(dig(video, "statistics", "commentCount")),
        duration_seconds=parsing.iso_duration(dig(video, "contentDetails", "duration")),
        hashtags=hashtags_in(f"{title or ''}\n{description or ''}"),
        description=description,
        tags=_tags(dig(snippet, "tags")),
        language=parsing.text(dig(snippet, "defaultAudioLanguage") or dig(snippet, "defaultLanguage")),
        sponsored=parsing.truth(dig(video, "paidProductPlacementDetails", "hasPaidProductPlacement")),
        thumbnail_url=_thumbnail(snippet) or _thumbnail(dig(found, "snippet")),
    )


def _followers(statistics: object) -> int | None:
    """A hidden subscriber count is sent as 0 or not at all."""
    if parsing.truth(dig(statistics, "hiddenSubscriberCount")):
        return None
    return parsing.count(dig(statistics, "subscriberCount"))


def _is_private(channel: Item) -> bool | None:
    status = parsing.text(dig(channel, "status", "privacyStatus"))
    return None if status is None else status == "private"


def _uploads_playlist(channel: Item) -> dict[str, str]:
    """Where the channel's videos are listed, for one unit instead of one of the 100 daily searches."""
    uploads = parsing.identifier(dig(channel, "contentDetails", "relatedPlaylists", "uploads"))
    return {"uploads_playlist": uploads} if uploads else {}


def _tags(tags: object) -> tuple[str, ...]:
    return tuple(tag for tag in tags if parsing.text(tag)) if isinstance(tags, list) else ()


def _thumbnail(snippet: object) -> str | None:
    urls = (parsing.web_address(dig(snippet, "thumbnails", size, "url")) for size in _THUMBNAILS)
    return next((url for url in urls if url), None)


def _unescaped(title: object) -> str | None:
    """Search results escape titles as HTML; the other methods do not."""
    return parsing.text(html.unescape(title)) if isinstance(title, str) else None
