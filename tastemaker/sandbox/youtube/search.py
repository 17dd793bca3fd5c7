"""`GET /youtube/v3/search`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.call import Body, Call
from tastemaker.sandbox.identity import etag
from tastemaker.sandbox.library import Narrowing
from tastemaker.sandbox.paging import BadToken, cut, make_token, read_token
from tastemaker.sandbox.youtube.errors import invalid, invalid_page_token, missing
from tastemaker.sandbox.youtube.resources import found_channel, found_video

REPEATS = 0.25
"""The part of a search's rows that show a channel seen before."""

MOST_RESULTS = 50
_USUAL_RESULTS = 5
_CHANNELS_AMONG_VIDEOS = 3
_ORDERS = {"relevance", "date", "viewCount", "rating", "title", "videoCount"}
_SECONDS = {"short": (None, 240), "medium": (240, 1200), "long": (1200, None)}
_VAGUENESS = 3


@dataclass(frozen=True, slots=True)
class _Hit:
    kind: str
    row: int


def search(call: Call) -> Body:
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


def page_size(call: Call, usual: int = _USUAL_RESULTS) -> int:
    text = call.text("maxResults") or str(usual)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_RESULTS:
        raise invalid("maxResults", text)
    return int(text)


def _hits(call: Call) -> Sequence[_Hit]:
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


def _video_rows(call: Call, keyword: str) -> Sequence[int]:
    """What the keyword finds; without one, everything of the channel asked for."""
    channel_id = call.text("channelId")
    if keyword or channel_id is None:
        return call.library.posts_for(Platform.YOUTUBE, keyword, repeats=call.repeats(REPEATS))
    channels = call.library.creators_by_id(Platform.YOUTUBE, [channel_id])
    return [post.id for creator in channels for post in call.library.posts_of(creator)]


def _narrowing(call: Call) -> Narrowing:
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


def _moment(call: Call, name: str) -> int | None:
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


def _items(call: Call, hits: Sequence[_Hit]) -> list[Body]:
    videos = call.library.posts(hit.row for hit in hits if hit.kind == "video")
    channels = call.library.creators(hit.row for hit in hits if hit.kind == "channel")
    return [*(found_channel(creator) for creator in channels), *(found_video(*found) for found in videos)]


def _vague(count: int) -> int:
    """The API's total is a rough guess, too high, at most a million."""
    return min(count * _VAGUENESS, 1_000_000)
