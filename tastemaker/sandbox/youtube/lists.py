"""`GET /youtube/v3/channels`, `videos` and `playlistItems`."""

from collections.abc import Sequence

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.call import Body, Call
from tastemaker.sandbox.identity import etag
from tastemaker.sandbox.paging import BadToken, cut, make_token, read_token
from tastemaker.sandbox.youtube.errors import invalid, invalid_page_token, missing, not_found
from tastemaker.sandbox.youtube.resources import channel, playlist_item, video
from tastemaker.sandbox.youtube.search import page_size

_MOST_IDS = 50


def channels(call: Call) -> Body:
    """By `id` (several) or `forHandle`; without `items` where there is none."""
    parts = _parts(call)
    handle = call.text("forHandle")
    if handle:
        found = call.library.creator_by_handle(Platform.YOUTUBE, handle)
        creators = [found] if found else []
    else:
        creators = call.library.creators_by_id(Platform.YOUTUBE, _ids(call))
    return _list("youtube#channelListResponse", [channel(creator, parts) for creator in creators])


def videos(call: Call) -> Body:
    parts = _parts(call)
    found = call.library.posts_by_id(Platform.YOUTUBE, _ids(call))
    return _list("youtube#videoListResponse", [video(post, creator, parts) for post, creator in found])


def playlist_items(call: Call) -> Body:
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


def _parts(call: Call) -> set[str]:
    text = call.text("part")
    if text is None:
        raise missing("part")
    return {part.strip() for part in text.split(",")}


def _ids(call: Call) -> list[str]:
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
