"""The YouTube Data API v3, simulated: search, channels, videos, playlistItems and its error bodies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.call import BadToken, Body, Handler, Refusal, SandboxCall, cut, make_token, read_token
from tastemaker.sandbox.identity import etag
from tastemaker.sandbox.library import Narrowing
from tastemaker.sandbox.youtube.resources import channel, found_channel, found_video, playlist_item, video

REPEATS = 0.25
"""The part of a search's rows that show a channel seen before."""

MOST_RESULTS = 50
_USUAL_RESULTS = 5
_CHANNELS_AMONG_VIDEOS = 3
_ORDERS = {"relevance", "date", "viewCount", "rating", "title", "videoCount"}
_SECONDS = {"short": (None, 240), "medium": (240, 1200), "long": (1200, None)}
_VAGUENESS = 3

_MOST_IDS = 50
_QUOTA = (
    "The request cannot be completed because you have exceeded your"
    ' <a href="/youtube/v3/getting-started#quota">quota</a>.'
)


@dataclass(frozen=True, slots=True)
class _Hit:
    kind: str
    row: int


def search(call: SandboxCall) -> Body:
    """Ignored: relevanceLanguage, topicId, safeSearch, and everything about live broadcasts."""
    if call.text("part") is None:
        raise missing("part")
    size = page_size(call)
    hits = _hits(call)
    question = [
        (name, value) for name, value in sorted(call.params.items()) if name not in {"pageToken", "key"}
    ]
    try:
        place = read_token(call.params["pageToken"], question) if call.text("pageToken") else 0
    except BadToken:
        raise invalid_page_token() from None
    page = cut(hits, place, size, call.faults)
    body = {"kind": "youtube#searchListResponse", "etag": etag("search", question, place)}
    if page.following is not None:
        body["nextPageToken"] = make_token(page.following, question)
    if place:
        body["prevPageToken"] = make_token(max(0, place - size), question)
    return body | {
        "regionCode": (call.text("regionCode") or "US").upper(),
        "pageInfo": {"totalResults": _vague(len(hits)), "resultsPerPage": size},
        "items": _items(call, page.rows),
    }


def page_size(call: SandboxCall, usual: int = _USUAL_RESULTS) -> int:
    text = call.text("maxResults") or str(usual)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_RESULTS:
        raise invalid("maxResults", text)
    return int(text)


def _hits(call: SandboxCall) -> Sequence[_Hit]:
    """Everything that the question finds, in its order."""
    kinds = set((call.text("type") or "video,channel,playlist").split(","))
    if not kinds <= {"video", "channel", "playlist"}:
        raise invalid("type", call.params["type"])
    order = call.text("order") or "relevance"
    if order not in _ORDERS:
        raise invalid("order", order)
    narrowing = _narrowing(call)
    library, keyword = call.library, call.text("q") or ""
    videos, channels = [], []
    if "video" in kinds:
        rows = _video_rows(call, keyword)
        videos = [_Hit("video", row) for row in library.narrowed_posts(rows, narrowing, order)]
    if "channel" in kinds and not call.text("channelId"):
        rows = library.creators_for(Platform.YOUTUBE, keyword)
        channels = [_Hit("channel", row) for row in library.ordered_creators(rows, order)]
    return [*channels[:_CHANNELS_AMONG_VIDEOS], *videos] if videos else channels


def _video_rows(call: SandboxCall, keyword: str) -> Sequence[int]:
    """What the keyword finds; without one, everything of the channel asked for."""
    channel_id = call.text("channelId")
    if keyword or channel_id is None:
        return call.library.posts_for(Platform.YOUTUBE, keyword, repeats=call.repeats(REPEATS))
    channels = call.library.creators_by_id(Platform.YOUTUBE, [channel_id])
    return [post.id for creator in channels for post in call.library.posts_of(creator)]


def _narrowing(call: SandboxCall) -> Narrowing:
    duration = call.text("videoDuration") or "any"
    if duration != "any" and duration not in _SECONDS:
        raise invalid("videoDuration", duration)
    shortest, longest = _SECONDS.get(duration, (None, None))
    return Narrowing(
        creator_id=call.text("channelId"),
        after=_moment(call, "publishedAfter"),
        before=_moment(call, "publishedBefore"),
        shortest=shortest,
        longest=longest,
        sponsored=True if call.text("videoPaidProductPlacement") == "true" else None,
    )


def _moment(call: SandboxCall, name: str) -> int | None:
    text = call.text(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(name, text) from None
    if moment.tzinfo is None:
        raise invalid(name, text)
    return int(moment.timestamp())


def _items(call: SandboxCall, hits: Sequence[_Hit]) -> list[Body]:
    videos = call.library.posts(hit.row for hit in hits if hit.kind == "video")
    channels = call.library.creators(hit.row for hit in hits if hit.kind == "channel")
    return [*(found_channel(creator) for creator in channels), *(found_video(*found) for found in videos)]


def _vague(count: int) -> int:
    """The API's total is a rough guess, too high, at most a million."""
    return min(count * _VAGUENESS, 1_000_000)


def channels(call: SandboxCall) -> Body:
    """By `id` (several) or `forHandle`; without `items` where there is none."""
    parts = _parts(call)
    handle = call.text("forHandle")
    if handle:
        found = call.library.creator_by_handle(Platform.YOUTUBE, handle)
        creators = [found] if found else []
    else:
        creators = call.library.creators_by_id(Platform.YOUTUBE, _ids(call))
    return _list("youtube#channelListResponse", [channel(creator, parts) for creator in creators])


def videos(call: SandboxCall) -> Body:
    parts = _parts(call)
    found = call.library.posts_by_id(Platform.YOUTUBE, _ids(call))
    return _list("youtube#videoListResponse", [video(post, creator, parts) for post, creator in found])


def playlist_items(call: SandboxCall) -> Body:
    """Only the lists of uploads exist: `UU` and the rest of a channel id."""
    parts, size = _parts(call), page_size(call)
    playlist = call.text("playlistId")
    if playlist is None:
        raise missing("playlistId")
    owner = call.library.creators_by_id(Platform.YOUTUBE, [f"UC{playlist[2:]}"])
    if not playlist.startswith("UU") or not owner:
        raise not_found("playlist", "playlistId")
    try:
        place = read_token(call.params["pageToken"], playlist) if call.text("pageToken") else 0
    except BadToken:
        raise invalid_page_token() from None
    posts = call.library.posts_of(owner[0])
    page = cut(posts, place, size, call.faults)
    body: Body = {"kind": "youtube#playlistItemListResponse", "etag": etag("items", playlist, place)}
    if page.following is not None:
        body["nextPageToken"] = make_token(page.following, playlist)
    return body | {
        "pageInfo": {"totalResults": len(posts), "resultsPerPage": size},
        "items": [
            playlist_item(post, owner[0], position, parts)
            for position, post in enumerate(page.rows, start=page.first)
        ],
    }


def _parts(call: SandboxCall) -> set[str]:
    text = call.text("part")
    if text is None:
        raise missing("part")
    return {part.strip() for part in text.split(",")}


def _ids(call: SandboxCall) -> list[str]:
    text = call.text("id")
    if text is None:
        raise missing("id")
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if len(ids) > _MOST_IDS:
        raise invalid("id", f"{len(ids)} ids")
    return ids


def _list(kind: str, items: Sequence[Body]) -> Body:
    """A list that has no items has no key `items` either."""
    body: Body = {
        "kind": kind,
        "etag": etag(kind, *(item["id"] for item in items)),
        "pageInfo": {"totalResults": len(items), "resultsPerPage": len(items) or 5},
    }
    return body | {"items": list(items)} if items else body


def refusal(status: int, domain: str, reason: str, message: str, *, parameter: str | None = None) -> Refusal:
    error = {"message": message, "domain": domain, "reason": reason}
    if parameter:
        error |= {"location": parameter, "locationType": "parameter"}
    return Refusal(status, {"error": {"code": status, "message": message, "errors": [error]}})


def key_invalid() -> Refusal:
    return refusal(400, "usageLimits", "keyInvalid", "Bad Request")


def quota_exceeded() -> Refusal:
    return refusal(403, "youtube.quota", "quotaExceeded", _QUOTA)


def rate_limited() -> Refusal:
    return refusal(429, "global", "rateLimitExceeded", "Too many requests, slow down.")


def server_error(status: int) -> Refusal:
    message = "Internal error encountered." if status == 500 else "The service is currently unavailable."  # noqa: PLR2004 - HTTP
    return refusal(status, "global", "backendError", message)


def missing(parameter: str) -> Refusal:
    return refusal(
        400,
        "youtube.parameter",
        "missingRequiredParameter",
        f"The request is missing a required parameter: {parameter}.",
        parameter=parameter,
    )


def invalid(parameter: str, value: str) -> Refusal:
    return refusal(
        400,
        "youtube.parameter",
        "invalidParameter",
        f"Invalid value '{value[:60]}' for parameter {parameter}.",
        parameter=parameter,
    )


def invalid_page_token() -> Refusal:
    return refusal(
        400,
        "youtube.parameter",
        "invalidPageToken",
        "The request specifies an invalid page token.",
        parameter="pageToken",
    )


def not_found(kind: str, parameter: str) -> Refusal:
    """`kind` is `channel`, `playlist` or `video`."""
    return refusal(
        404,
        f"youtube.{kind}",
        f"{kind}NotFound",
        f"The {kind} identified with the request's {parameter} parameter cannot be found.",
        parameter=parameter,
    )


HANDLERS: dict[str, Handler] = {
    "/youtube/v3/search": search,
    "/youtube/v3/channels": channels,
    "/youtube/v3/videos": videos,
    "/youtube/v3/playlistItems": playlist_items,
}
