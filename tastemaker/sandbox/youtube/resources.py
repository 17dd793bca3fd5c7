"""Channels, videos and playlist items as the YouTube Data API shows them.

Counts are texts; what is not known is left out, never zero.
"""

import html
from collections.abc import Collection
from typing import Any

import orjson

from tastemaker.sandbox.call import Body
from tastemaker.sandbox.formatting import iso_duration, iso_time
from tastemaker.sandbox.identity import etag, uploads_playlist
from tastemaker.sandbox.pictures import BASE_URL
from tastemaker.sandbox.store import CreatorRow, PostRow

_SNIPPET_LENGTH = 160
_CHANNEL_SIZES = (("default", 88), ("medium", 240), ("high", 800))
_VIDEO_SIZES = (("default", 120, 90), ("medium", 320, 180), ("high", 480, 360))
_TALL_VIDEO_SIZES = (("standard", 640, 480), ("maxres", 1280, 720))


def channel(creator: CreatorRow, parts: Collection[str]) -> Body:
    """`youtube#channel` with the parts asked for."""
    available = {
        "snippet": _channel_snippet,
        "contentDetails": _channel_content,
        "statistics": _channel_statistics,
        "topicDetails": _topics,
        "status": _channel_status,
        "brandingSettings": _branding,
    }
    body: Body = {"kind": "youtube#channel", "etag": etag("channel", creator), "id": creator.stable_id}
    return body | {part: make(creator) for part, make in available.items() if part in parts}


def video(post: PostRow, creator: CreatorRow, parts: Collection[str]) -> Body:
    """`youtube#video` with the parts asked for."""
    body: Body = {"kind": "youtube#video", "etag": etag("video", post), "id": post.post_id}
    if "snippet" in parts:
        body["snippet"] = _video_snippet(post, creator)
    if "contentDetails" in parts:
        body["contentDetails"] = _video_content(post)
    if "statistics" in parts:
        body["statistics"] = _video_statistics(post)
    if "topicDetails" in parts:
        body["topicDetails"] = _topics(creator)
    if "paidProductPlacementDetails" in parts:
        body["paidProductPlacementDetails"] = {"hasPaidProductPlacement": bool(post.sponsored)}
    return body


def found_video(post: PostRow, creator: CreatorRow) -> Body:
    """`youtube#searchResult`: the description is cut short and the title is escaped for HTML."""
    return {
        "kind": "youtube#searchResult",
        "etag": etag("found", post),
        "id": {"kind": "youtube#video", "videoId": post.post_id},
        "snippet": known(
            publishedAt=_time(post.published_at),
            channelId=creator.stable_id,
            title=html.escape(post.title or ""),
            description=_shortened(post.description),
            thumbnails=_video_pictures(post.post_id, _VIDEO_SIZES),
            channelTitle=creator.name or "",
            liveBroadcastContent="none",
            publishTime=_time(post.published_at),
        ),
    }


def found_channel(creator: CreatorRow) -> Body:
    return {
        "kind": "youtube#searchResult",
        "etag": etag("found", creator),
        "id": {"kind": "youtube#channel", "channelId": creator.stable_id},
        "snippet": known(
            publishedAt=_time(creator.joined_at),
            channelId=creator.stable_id,
            title=html.escape(creator.name or ""),
            description=_shortened(creator.bio),
            thumbnails={name: {"url": _channel_picture(creator, size)} for name, size in _CHANNEL_SIZES},
            channelTitle=creator.name or "",
            liveBroadcastContent="none",
            publishTime=_time(creator.joined_at),
        ),
    }


def playlist_item(post: PostRow, creator: CreatorRow, position: int, parts: Collection[str]) -> Body:
    playlist = uploads_playlist(creator.stable_id)
    body: Body = {
        "kind": "youtube#playlistItem",
        "etag": etag("item", post),
        "id": etag("item id", playlist, post.post_id),
    }
    if "snippet" in parts:
        body["snippet"] = known(
            publishedAt=_time(post.published_at),
            channelId=creator.stable_id,
            title=post.title or "",
            description=post.description or "",
            thumbnails=_video_pictures(post.post_id, _VIDEO_SIZES + _TALL_VIDEO_SIZES),
            channelTitle=creator.name or "",
            playlistId=playlist,
            position=position,
            resourceId={"kind": "youtube#video", "videoId": post.post_id},
        )
    if "contentDetails" in parts:
        body["contentDetails"] = known(videoId=post.post_id, videoPublishedAt=_time(post.published_at))
    return body


def known(**fields: Any) -> Body:  # noqa: ANN401 - JSON
    """The fields that are not None, as JSON objects of this API leave the others out."""
    return {name: value for name, value in fields.items() if value is not None}


def _channel_snippet(creator: CreatorRow) -> Body:
    texts = {"title": creator.name or "", "description": creator.bio or ""}
    return texts | known(
        customUrl=f"@{creator.handle.lower()}" if creator.handle else None,
        publishedAt=_time(creator.joined_at),
        thumbnails={
            name: {"url": _channel_picture(creator, size), "width": size, "height": size}
            for name, size in _CHANNEL_SIZES
        },
        localized=texts,
        country=creator.country,
    )


def _channel_content(creator: CreatorRow) -> Body:
    return {"relatedPlaylists": {"likes": "", "uploads": uploads_playlist(creator.stable_id)}}


def _channel_statistics(creator: CreatorRow) -> Body:
    hidden = bool(creator.hidden_followers)
    return known(
        viewCount=_count(creator.views_total),
        subscriberCount=None if hidden else _count(creator.followers),
        hiddenSubscriberCount=hidden,
        videoCount=_count(creator.posts_count),
    )


def _channel_status(_creator: CreatorRow) -> Body:
    return {
        "privacyStatus": "public",
        "isLinked": True,
        "longUploadsStatus": "longUploadsUnspecified",
        "madeForKids": False,
    }


def _branding(creator: CreatorRow) -> Body:
    keywords = orjson.loads(creator.tags) if creator.tags else []
    quoted = " ".join(f'"{word}"' if " " in word else word for word in keywords)
    return {
        "channel": known(
            title=creator.name or "",
            description=creator.bio or "",
            keywords=quoted or None,
            country=creator.country,
        ),
        "image": {"bannerExternalUrl": f"{BASE_URL}/banner/{creator.stable_id}"},
    }


def _topics(creator: CreatorRow) -> Body:
    return {"topicCategories": [f"https://topics.example.com/{creator.category}"]} if creator.category else {}


def _video_snippet(post: PostRow, creator: CreatorRow) -> Body:
    texts = {"title": post.title or "", "description": post.description or ""}
    return known(
        publishedAt=_time(post.published_at),
        channelId=creator.stable_id,
        **texts,
        thumbnails=_video_pictures(post.post_id, _VIDEO_SIZES + _TALL_VIDEO_SIZES),
        channelTitle=creator.name or "",
        tags=orjson.loads(post.tags) if post.tags else None,
        categoryId=post.category if post.category and post.category.isdigit() else None,
        liveBroadcastContent="none",
        defaultLanguage=post.language,
        localized=texts,
        defaultAudioLanguage=post.language,
    )


def _video_content(post: PostRow) -> Body:
    return known(
        duration=None if post.duration is None else iso_duration(post.duration),
        dimension="2d",
        definition="hd",
        caption="false",
        licensedContent=True,
        contentRating={},
        projection="rectangular",
    )


def _video_statistics(post: PostRow) -> Body:
    return known(
        viewCount=_count(post.views),
        likeCount=_count(post.likes),
        favoriteCount="0",
        commentCount=_count(post.comments),
    )


def _video_pictures(video_id: str, sizes: tuple[tuple[str, int, int], ...]) -> Body:
    return {
        name: {"url": f"{BASE_URL}/vi/{video_id}/{name}.jpg", "width": width, "height": height}
        for name, width, height in sizes
    }


def _channel_picture(creator: CreatorRow, size: int) -> str:
    return f"{BASE_URL}/channel/{creator.stable_id}=s{size}"


def _shortened(text: str | None) -> str:
    flat = " ".join((text or "").split())
    return flat if len(flat) <= _SNIPPET_LENGTH else flat[: _SNIPPET_LENGTH - 4] + " ..."


def _count(number: int | None) -> str | None:
    return None if number is None else str(number)


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else iso_time(seconds)
