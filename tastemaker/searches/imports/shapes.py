"""One element of `scraping_results.creators`, in one of five shapes.

(a) is the specified one, (b) flat, (c) flat with a nested `creator`, (d) wrapped in `results` or `profile`,
(e) is (a) with enrichment. What cannot be a creator is told by a reason; no value is invented.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from tastemaker.core.platforms import Platform
from tastemaker.core.text import clean_line
from tastemaker.providers.base import Creator, Post
from tastemaker.searches.imports.fields import LONGEST_KEY, first_text, read_account, read_post

Json = Any
Path = tuple[str | int, ...]

DEEPEST: Final = 12
_WRAPPERS: Final = ("results", "creators")
_FLAT_KEYS: Final = {
    "username",
    "full_name",
    "followerCount",
    "subscriberCount",
    "profile_pic_url",
    "displayName",
}
_ENRICHED_KEYS: Final = {"mergeKey", "content", "bioEnriched", "bioEnrichedAt", "bio_enriched", "preview"}
_KEYS_OF_NESTED: Final = ("uniqueId", "handle", "channelId", "username")
_KEYS_OF_ELEMENTS: Final = ("uniqueId", "username", "handle", "ownerUsername", "id", "ownerId")
_BY_SLUG: Final = {platform.slug: platform for platform in Platform}
_PLAIN: Final = re.compile(r"[\w.-]+", re.ASCII)
_ID_FORMS: Final = {Platform.TIKTOK: str.isdigit, Platform.INSTAGRAM: str.isdigit}


class Unreadable(ValueError):
    """The whole page cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Item:
    """An element where it was found. `ordinal` counts from 1 in the page's array, None below a wrapper."""

    value: Json
    ordinal: int | None

    @property
    def document(self) -> str | None:
        """The element as JSON text; None where it is nested too deeply to be written."""
        try:
            return orjson.dumps(self.value).decode()
        except orjson.JSONEncodeError:
            return None


@dataclass(frozen=True, slots=True)
class Identity:
    """`stable_id` or `handle` may be empty, not both."""

    platform: Platform
    stable_id: str
    handle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A creator as one element tells it. `creator.stable_id` is empty where it says only the handle."""

    creator: Creator
    post: Post | None
    shape: str

    @property
    def handle_key(self) -> str:
        """Part of a surrogate id, which the catalog makes with lower(); not `core.accounts.fold_handle`."""
        return (self.creator.handle or "").lower()


def read_page(text: str) -> list[Item]:
    """The elements of a page in order. Raises Unreadable."""
    try:
        page = _parse(text)
    except (ValueError, RecursionError):
        raise Unreadable("nested too deeply to be read") from None
    if isinstance(page, list):
        items: list[Item] = []
        for number, element in enumerate(page, 1):
            if _is_wrapper(element):
                items.extend(_unwrapped(element, 1))
            else:
                items.append(Item(element, number))
        return items
    return list(_unwrapped(page, 0))


def identify(item: Item, platform_of_job: Platform | None) -> Identity | str:
    """The creator of the element, or the reason why it has none."""
    element = item.value
    if not isinstance(element, dict):
        return "not an object"
    if item.ordinal is None and item.document is None:
        return "nested too deeply"
    nested = element.get("creator", {})
    if not isinstance(nested, dict):
        return "its creator is not an object"
    platform = _platform(element, nested) or platform_of_job
    if platform is None or _names_another_platform(element):
        return "unknown platform"
    handle = _handle(platform, element, nested)
    stable_id = _stable_id(platform, element, nested)
    if not handle and not stable_id:
        return "neither an id nor a handle"
    if _has_a_key_that_is_too_long(element, nested):
        return "an id or a handle of more than 255 characters"
    return Identity(platform, stable_id, handle)


def read_element(item: Item, platform_of_job: Platform | None) -> Sighting | str:
    """What it tells, or why it is no creator."""
    identity = identify(item, platform_of_job)
    if isinstance(identity, str):
        return identity
    element, nested = item.value, item.value.get("creator", {})
    creator = read_account(identity.platform, identity.stable_id, identity.handle or None, element, nested)
    shape = "d" if item.ordinal is None else _shape(element, nested)
    post = read_post(identity.platform, identity.stable_id, element)
    return Sighting(creator=creator, post=post, shape=shape)


def _parse(text: str) -> Json:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def _is_wrapper(value: Json) -> bool:
    return (
        isinstance(value, dict)
        and "creator" not in value
        and any(isinstance(value.get(key), list) for key in _WRAPPERS)
    )


def _unwrapped(value: Json, depth: int) -> Iterator[Item]:
    """Every creator below a wrapper; a page that was stored as a JSON string is parsed first."""
    if depth > DEEPEST:
        raise Unreadable("wrapped too deeply to be read")
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        try:
            value = orjson.loads(value.replace("\\u0000", ""))
        except orjson.JSONDecodeError:
            yield Item(value, None)
            return
    if isinstance(value, list):
        for element in value:
            yield from _unwrapped(element, depth + 1)
    elif _is_wrapper(value):
        for key in _WRAPPERS:
            if isinstance(value.get(key), list):
                yield from _unwrapped(value[key], depth + 1)
    elif value not in ({}, None):
        yield Item(value, None)


def _platform(element: Mapping[str, Json], nested: Mapping[str, Json]) -> Platform | None:
    for word in (element.get("platform"), nested.get("platform")):
        if isinstance(word, str) and (found := _BY_SLUG.get(word.strip().lower())) is not None:
            return found
    return None


def _names_another_platform(element: Mapping[str, Json]) -> bool:
    word = element.get("platform")
    if word in (None, ""):
        return False
    return not isinstance(word, str) or _platform(element, {}) is None


def _handle(platform: Platform, element: Mapping[str, Json], nested: Mapping[str, Json]) -> str:
    flat = _flat(element)
    candidates: tuple[Json, ...]
    if platform is Platform.TIKTOK:
        candidates = (
            nested.get("uniqueId"), nested.get("username"), flat.get("uniqueId"), flat.get("username"),
        )  # fmt: skip
    elif platform is Platform.INSTAGRAM:
        candidates = (
            flat.get("ownerUsername"), nested.get("uniqueId"), nested.get("username"), flat.get("username"),
        )  # fmt: skip
    else:
        candidates = (
            nested.get("handle"), flat.get("handle"), nested.get("uniqueId"), flat.get("username"),
        )  # fmt: skip
    handle = first_text(*candidates).lstrip("@")
    return handle if _PLAIN.fullmatch(handle) else clean_line(handle).lstrip("@").strip()


def _flat(element: Mapping[str, Json]) -> Mapping[str, Json]:
    """The element with what an older row's `profile` says below it."""
    profile = element.get("profile")
    return {**profile, **element} if isinstance(profile, dict) else element


def _stable_id(platform: Platform, element: Mapping[str, Json], nested: Mapping[str, Json]) -> str:
    """The platform's own id. A bare `id` is trusted only on flat rows and only in the platform's form."""
    flat = _flat(element)
    if platform is Platform.YOUTUBE:
        told = first_text(nested.get("channelId"), flat.get("channelId"))
        bare = first_text(flat.get("id"))
        return told or (bare if bare.startswith("UC") else "")
    told = first_text(
        nested.get("uid"), nested.get("pk"), flat.get("uid"), flat.get("pk"), flat.get("ownerId")
    )
    bare = first_text(nested.get("id"), flat.get("id") if _FLAT_KEYS & flat.keys() else None)
    of_its_form = _ID_FORMS[platform]
    return next((one for one in (told, bare) if one and one.isascii() and of_its_form(one)), "")


def _has_a_key_that_is_too_long(element: Mapping[str, Json], nested: Mapping[str, Json]) -> bool:
    for place, names in ((nested, _KEYS_OF_NESTED), (element, _KEYS_OF_ELEMENTS)):
        for name in names:
            key = place.get(name)
            if isinstance(key, str) and len(key) > LONGEST_KEY:
                return True
    return False


def _shape(element: Mapping[str, Json], nested: Mapping[str, Json]) -> str:
    if "profile" in element and not nested:
        return "d"
    if not nested:
        return "b"
    if _FLAT_KEYS & element.keys():
        return "c"
    return (
        "e" if _ENRICHED_KEYS & element.keys() or any(key.startswith("preview") for key in element) else "a"
    )
