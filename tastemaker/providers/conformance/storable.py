"""What may be kept: whatever an adapter returns goes into the database as it is."""

import re
from dataclasses import asdict
from datetime import datetime

from tastemaker.providers.base import Adapter, Creator, Page, Post

_ID = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
_MOST = 2**63 - 1


def assert_storable(page: Page) -> None:
    """Ids that are ids, each once; no text that UTF-8 or PostgreSQL refuses; no count that is none."""
    ids = [creator.stable_id for creator in page.creators]
    posts = [post.post_id for post in page.posts]
    assert all(_ID.fullmatch(one) for one in [*ids, *posts])
    assert len(set(ids)) == len(ids)
    assert len(set(posts)) == len(posts)
    assert {post.creator_id for post in page.posts} <= set(ids)
    assert page.skipped >= 0
    things: list[Creator | Post] = [*page.creators, *page.posts]
    for thing in things:
        for name, value in asdict(thing).items():
            assert _is_storable(value), f"{name} is {value!r}"


def assert_declared(adapter: Adapter, asked: str) -> None:
    """The path of a call is one that the adapter declares; `{…}` in a declared one is any part of it."""
    paths = [endpoint.path for endpoint in adapter.declaration.endpoints]
    patterns = [re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)) for path in paths]
    assert any(re.search(f"{pattern}$", asked) for pattern in patterns), f"{asked} is not declared: {paths}"


def _is_storable(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value and not any(0xD800 <= ord(character) <= 0xDFFF for character in value)  # noqa: PLR2004 - halves of pairs
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return 0 <= value <= _MOST
    if isinstance(value, datetime):
        return value.tzinfo is not None
    if isinstance(value, dict):
        return all(map(_is_storable, [*value, *value.values()]))
    return isinstance(value, tuple | list) and all(map(_is_storable, value))
