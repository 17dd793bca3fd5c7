"""Meta's Graph API, simulated as far as `business_discovery` goes: only the fields asked for come back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import orjson

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.call import Body, Handler, Refusal, SandboxCall
from tastemaker.sandbox.identity import short_code
from tastemaker.sandbox.pictures import BASE_URL
from tastemaker.sandbox.store import CreatorRow, PostRow

ROOT = "/graph"
"""What stands for the real service's version in a path."""


GRAPH_ID_PREFIX = "1784140"
OWN_ID = "17841400000000000"
_IMAGES = f"{BASE_URL}/instagram"
_MOST_MEDIA = 50

_TOKENS: Final = re.compile(r"[A-Za-z0-9_]+|[{},]|\.[a-z]+\([^(){}]*\)")
_TRACE = "AbCdEfGhIjKlMnOpQrStUv"


@dataclass(frozen=True, slots=True)
class Field:
    """`media.limit(5){id}` is media, with limit 5 among its arguments and id inside."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    inside: Sequence["Field"] = ()


class BadFields(ValueError):
    """The parameter cannot be read."""


def discover(call: SandboxCall) -> Body:
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


def _discovered(call: SandboxCall, wanted: Field) -> Body:
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


def _media(call: SandboxCall, creator: CreatorRow, wanted: Field) -> Body:
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


def parse_fields(text: str) -> list[Field]:
    tokens = _TOKENS.findall(text)
    if "".join(tokens) != text:
        raise BadFields("Syntax error in the parameter fields.")
    tokens.reverse()
    found = _fields(tokens)
    if tokens:
        raise BadFields("Syntax error: unexpected } in the parameter fields.")
    return found


def _fields(tokens: list[str]) -> list[Field]:
    """Up to the closing brace or the end; `tokens` are taken from the end of the list."""
    found = []
    while tokens and tokens[-1] != "}":
        found.append(_field(tokens))
        if tokens and tokens[-1] == ",":
            tokens.pop()
    return found


def _field(tokens: list[str]) -> Field:
    name = tokens.pop()
    if not name[0].isalnum():
        raise BadFields(f"Syntax error: unexpected {name} in the parameter fields.")
    arguments = {}
    while tokens and tokens[-1].startswith("."):
        argument, _, value = tokens.pop()[1:-1].partition("(")
        arguments[argument] = value
    inside: Sequence[Field] = ()
    if tokens and tokens[-1] == "{":
        tokens.pop()
        inside = _fields(tokens)
        if not tokens or tokens.pop() != "}":
            raise BadFields("Syntax error: missing } in the parameter fields.")
    return Field(name, arguments, inside)


def error(status: int, code: int, message: str, *, subcode: int | None = None) -> Refusal:
    inner = {"message": message, "type": "OAuthException", "code": code}
    if subcode is not None:
        inner["error_subcode"] = subcode
    return Refusal(status, {"error": inner | {"fbtrace_id": _TRACE}})


def token_refused() -> Refusal:
    return error(401, 190, "Invalid OAuth access token - Cannot parse access token", subcode=463)


def rate_limited() -> Refusal:
    return error(400, 4, "(#4) Application request limit reached")


def used_up() -> Refusal:
    return error(400, 80002, "(#80002) There have been too many calls to this Instagram account.")


def server_error(status: int) -> Refusal:
    return error(status, 2, "An unexpected error has occurred. Please retry your request later.")


def not_discovered(handle: str) -> Refusal:
    message = f"Invalid user id: Cannot find User with username: {handle}"
    return error(400, 110, message, subcode=2207013)


def bad_fields(message: str) -> Refusal:
    return error(400, 100, f"(#100) {message}")


HANDLERS: dict[str, Handler] = {f"{ROOT}/{{ig_user_id}}": discover}
