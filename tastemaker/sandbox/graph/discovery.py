"""`GET /{ig-user-id}?fields=business_discovery.username(HANDLE){…}`: only what was asked for comes back."""

from collections.abc import Sequence
from datetime import UTC, datetime

import orjson

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.call import Body, Call
from tastemaker.sandbox.graph.errors import bad_fields, not_discovered
from tastemaker.sandbox.graph.fields import BadFields, Field, parse_fields
from tastemaker.sandbox.identity import short_code
from tastemaker.sandbox.store import CreatorRow, PostRow

GRAPH_ID_PREFIX = "1784140"
OWN_ID = "17841400000000000"
_IMAGES = "https://images.example.com/instagram"
_MOST_MEDIA = 50


def discover(call: Call) -> Body:
    """Private and closed accounts are refused like those that never were."""
    try:
        fields = parse_fields(call.params.get("fields", "id"))
    except BadFields as error:
        raise bad_fields(str(error)) from None
    body: Body = {}
    for wanted in fields:
        if wanted.name == "business_discovery":
            body["business_discovery"] = _discovered(call, wanted)
        elif wanted.name != "id":
            raise bad_fields(f"Tried accessing nonexisting field ({wanted.name})")
    return body | {"id": OWN_ID}


def _discovered(call: Call, wanted: Field) -> Body:
    handle = wanted.arguments.get("username", "")
    creator = call.library.creator_by_handle(Platform.INSTAGRAM, handle) if handle else None
    if creator is None or creator.state != "public":
        raise not_discovered(handle)
    known = _profile(creator)
    body = {one.name: known[one.name] for one in wanted.inside if one.name in known}
    for one in wanted.inside:
        if one.name == "media":
            body["media"] = _media(call, creator, one)
        elif one.name not in known:
            raise bad_fields(f"Tried accessing nonexisting field ({one.name})")
    return {name: value for name, value in body.items() if value is not None} | {"id": known["id"]}


def _profile(creator: CreatorRow) -> Body:
    """What is unknown or empty is left out, as the real service does."""
    links = orjson.loads(creator.links) if creator.links else []
    return {
        "id": f"{GRAPH_ID_PREFIX}{creator.stable_id}",
        "username": creator.handle,
        "name": creator.name or None,
        "biography": creator.bio or None,
        "website": links[0] if links else None,
        "profile_picture_url": f"{_IMAGES}/avatar/{creator.stable_id}.jpg",
        "followers_count": creator.followers,
        "follows_count": creator.following,
        "media_count": creator.posts_count,
    }


def _media(call: Call, creator: CreatorRow, wanted: Field) -> Body:
    limit = wanted.arguments.get("limit", "25")
    if not limit.isdigit() or not 0 < int(limit) <= _MOST_MEDIA:
        raise bad_fields(f"Param limit must be from 1 to {_MOST_MEDIA}")
    posts = call.library.posts_of(creator)[: int(limit)]
    return {"data": [_medium(post, wanted.inside) for post in posts]}


def _medium(post: PostRow, inside: Sequence[Field]) -> Body:
    known: Body = {
        "id": f"17{post.post_id}",
        "caption": post.title,
        "comments_count": post.comments,
        "like_count": post.likes,
        "media_type": "VIDEO",
        "permalink": f"https://www.instagram.com/reel/{short_code(post.post_id)}/",
        "timestamp": None
        if post.published_at is None
        else f"{datetime.fromtimestamp(post.published_at, UTC):%Y-%m-%dT%H:%M:%S}+0000",
    }
    names = {one.name for one in inside} | {"id"}
    return {name: value for name, value in known.items() if name in names and value is not None}
