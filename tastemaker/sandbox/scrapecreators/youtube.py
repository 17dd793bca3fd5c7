"""`/v1/youtube/search` and `/v1/youtube/channel`."""

import orjson

from tastemaker.core.countries import country_name
from tastemaker.core.platforms import Platform
from tastemaker.sandbox.call import BadToken, Body, SandboxCall, cut, make_token, read_token
from tastemaker.sandbox.formatting import ago, clock, iso_time_with_milliseconds, short_count
from tastemaker.sandbox.pictures import BASE_URL
from tastemaker.sandbox.scrapecreators.envelope import envelope, refusal, required, visible
from tastemaker.sandbox.store import CreatorRow, PostRow
from tastemaker.sandbox.youtube import REPEATS

_ROWS_ON_A_PAGE = 24
_LONGEST_SHORT = 60


def search(call: SandboxCall) -> Body:
    """Shorts alternate between `shorts` and a shelf. Ignored: uploadDate, sortBy, region, duration."""
    keyword, token = required(call, "query"), call.text("continuationToken")
    try:
        place = read_token(token, keyword) if token else 0
    except BadToken:
        raise refusal(400, "bad_request", "The continuationToken is invalid.") from None
    rows = call.library.posts_for(Platform.YOUTUBE, keyword, repeats=call.repeats(REPEATS))
    page = cut(rows, place, _ROWS_ON_A_PAGE, call.faults)
    found = call.library.posts(page.rows)
    shorts = [pair for pair in found if _is_short(pair[0])]
    shelf = [_on_shelf(post, creator) for post, creator in shorts[1::2]]
    return envelope(call) | {
        "videos": [_item(post, creator, "video") for post, creator in found if not _is_short(post)],
        "channels": [],
        "playlists": [],
        "shorts": [_item(post, creator, "short") for post, creator in shorts[::2]],
        "shelves": [{"type": "shelf", "title": "Shorts", "items": shelf}] if shelf else [],
        "lives": [],
        "continuationToken": None if page.following is None else make_token(page.following, keyword),
    }


def channel(call: SandboxCall) -> Body:
    """By `channelId` or `handle`; the tempting `id` is refused, as by the real service."""
    channel_id = call.text("channelId")
    if channel_id:
        found = next(iter(call.library.creators_by_id(Platform.YOUTUBE, [channel_id])), None)
    else:
        found = call.library.creator_by_handle(Platform.YOUTUBE, required(call, "handle", "channelId"))
    return envelope(call) | _channel(visible(call, Platform.YOUTUBE, found))


def _is_short(post: PostRow) -> bool:
    return post.duration is not None and post.duration <= _LONGEST_SHORT


def _item(post: PostRow, creator: CreatorRow, kind: str) -> Body:
    item = _label(post, creator, kind) | {"badges": []}
    if post.views is not None:
        item |= {"viewCountText": f"{post.views:,} views", "viewCountInt": post.views}
    if post.published_at is not None:
        item |= {
            "publishedTimeText": ago(post.published_at),
            "publishedTime": iso_time_with_milliseconds(post.published_at),
        }
    if post.duration is not None:
        item |= {"lengthText": clock(post.duration), "lengthSeconds": post.duration}
    return item


def _on_shelf(post: PostRow, creator: CreatorRow) -> Body:
    """A shelf tells less: no date, no length."""
    item = _label(post, creator, "short")
    if post.views is not None:
        item |= {"viewCountText": short_count(post.views), "viewCountInt": post.views}
    return item


def _label(post: PostRow, creator: CreatorRow, kind: str) -> Body:
    return {
        "type": kind,
        "id": post.post_id,
        "url": f"https://www.youtube.com/watch?v={post.post_id}",
        "title": post.title or "",
        "thumbnail": f"{BASE_URL}/vi/{post.post_id}/hq720.jpg",
        "channel": {
            "id": creator.stable_id,
            "title": creator.name or "",
            "handle": creator.handle or f"channel/{creator.stable_id}",
            "thumbnail": f"{BASE_URL}/channel/{creator.stable_id}=s68",
        },
    }


def _channel(creator: CreatorRow) -> Body:
    links = orjson.loads(creator.links) if creator.links else []
    tags = orjson.loads(creator.tags) if creator.tags else []
    shown = None if creator.hidden_followers else creator.followers
    body: Body = {
        "channelId": creator.stable_id,
        "channel": f"http://www.youtube.com/@{creator.handle}" if creator.handle else None,
        "name": creator.name or "",
        "avatar": {"image": {"sources": [_picture(creator, size) for size in (72, 120, 160)]}},
        "description": creator.bio or "",
        "subscriberCount": shown,
        "subscriberCountText": None if shown is None else f"{short_count(shown)} subscribers",
        "tags": ", ".join(tags),
        "email": creator.email,
        "links": links,
        "country": country_name(creator.country),
        "videoCount": creator.posts_count,
        "viewCount": creator.views_total,
    }
    if creator.posts_count is not None:
        body["videoCountText"] = f"{creator.posts_count:,} videos"
    if creator.views_total is not None:
        body["viewCountText"] = f"{creator.views_total:,} views"
    return body


def _picture(creator: CreatorRow, size: int) -> Body:
    return {"url": f"{BASE_URL}/channel/{creator.stable_id}=s{size}", "width": size, "height": size}
