"""One row of a table as an observation of a creator, of a post, or of both."""

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, TypeVar

import orjson

from tastemaker.core.countries import country_code
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.sandbox.tables.cells import (
    UnreadableCell,
    is_unknown,
    read_count,
    read_flag,
    read_handle,
    read_list,
    read_seconds,
    read_time,
)
from tastemaker.sandbox.tables.layout import COUNTS, Layout

Value = TypeVar("Value")


class Reason(StrEnum):
    """Why a row, or a whole file, is not taken."""

    FILE = "the file cannot be used"
    NO_ROW = "not a row"
    NOT_UTF8 = "not UTF-8"
    SHIFTED = "columns shifted"
    PLATFORM = "unknown platform"
    NO_CREATOR = "no id, handle or name of a creator"
    HANDLE = "unreadable handle"
    POST_ID = "unreadable post id"
    NUMBER = "unreadable number"
    TIME = "unreadable date or length"
    ORPHAN = "a post of an unknown creator"


class Rejected(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Observation(NamedTuple):
    """What one row says; None is what it does not say. `old_handle` is a name in a URL that is no handle."""

    observed_at: int | None
    platform: str
    creator_id: str | None = None
    handle: str | None = None
    old_handle: str | None = None
    name: str | None = None
    bio: str | None = None
    tags: str | None = None
    category: str | None = None
    country: str | None = None
    language: str | None = None
    followers: int | None = None
    following: int | None = None
    posts_count: int | None = None
    views_total: int | None = None
    likes_total: int | None = None
    verified: bool | None = None
    email: str | None = None
    links: str | None = None
    joined_at: int | None = None
    post_id: str | None = None
    title: str | None = None
    description: str | None = None
    post_tags: str | None = None
    published_at: int | None = None
    duration: int | None = None
    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    sponsored: bool | None = None
    post_category: str | None = None


Fields = dict[str, Any]

_SURROGATES = re.compile("[\ud800-\udfff]")
_CREATOR_IDS = {
    Platform.YOUTUBE: re.compile(r"UC[\w-]{22}", re.ASCII),
    Platform.TIKTOK: re.compile(r"\d{5,20}", re.ASCII),
    Platform.INSTAGRAM: re.compile(r"\d{1,20}", re.ASCII),
}
_POST_IDS = {
    Platform.YOUTUBE: re.compile(r"[\w-]{11}", re.ASCII),
    Platform.TIKTOK: re.compile(r"\d{15,20}", re.ASCII),
    Platform.INSTAGRAM: re.compile(r"\d{10,25}", re.ASCII),
}
_HANDLES = {
    Platform.YOUTUBE: re.compile(r"[\w.·-]{1,100}"),
    Platform.TIKTOK: re.compile(r"[\w.]{1,24}"),
    Platform.INSTAGRAM: re.compile(r"[\w.]{1,30}"),
}
_DETAIL = 60


def observe(cells: Sequence[str], layout: Layout) -> Observation:
    """Raises Rejected."""
    if _SURROGATES.search("".join(cells)):
        raise Rejected(Reason.NOT_UTF8, "")
    if len(cells) < layout.width or any(cell.strip() for cell in cells[layout.width :]):
        raise Rejected(Reason.SHIFTED, f"{len(cells)} cells under {layout.width} headings")
    platform = _platform(cells, layout)
    fields: Fields = {
        field: _READERS[field](cells, layout, field) for field in layout.columns if field in _READERS
    }
    if fields.get("observed_at") is None:
        fields["observed_at"] = layout.observed_at
    if fields.get("duration") is None:
        fields["duration"] = _minutes(cells, layout)
    fields |= _identity(cells, layout, platform, name=fields.get("name"))
    return Observation(platform=platform.value, post_id=_post_id(cells, layout, platform), **fields)


def _texts(cells: Sequence[str], layout: Layout, field: str) -> list[str]:
    """What the field's cells say, the best cell first, those left out that say nothing."""
    found = (cells[place].strip() for place in layout.columns.get(field, ()))
    return [text for text in found if not is_unknown(text)]


def _text(cells: Sequence[str], layout: Layout, field: str) -> str | None:
    return next(iter(_texts(cells, layout, field)), None)


def _read(
    cells: Sequence[str], layout: Layout, field: str, reader: Callable[[str], Value | None], reason: Reason
) -> Value | None:
    """The first cell that can be read; unknown where one says so; otherwise the row is rejected."""
    wrong: tuple[str, UnreadableCell] | None = None
    for place in layout.columns.get(field, ()):
        try:
            value = reader(cells[place])
        except UnreadableCell as error:
            wrong = wrong or (cells[place], error)
            continue
        if value is not None:
            return value
    if wrong is None or any(is_unknown(cells[place]) for place in layout.columns[field]):
        return None
    raise Rejected(reason, f"{field}: {wrong[0].strip()[:_DETAIL]!r}, {wrong[1]}")


def _list(cells: Sequence[str], layout: Layout, field: str) -> str | None:
    entries = read_list(_text(cells, layout, field) or "")
    return orjson.dumps(entries).decode() if entries else None


def _minutes(cells: Sequence[str], layout: Layout) -> int | None:
    return _read(cells, layout, "duration_minutes", partial(read_seconds, minutes=True), Reason.TIME)


def _joined(cells: Sequence[str], layout: Layout, field: str) -> str | None:
    return ", ".join(_texts(cells, layout, field)) or None


def _country(cells: Sequence[str], layout: Layout, field: str) -> str | None:
    return country_code(_text(cells, layout, field))


def _count(cells: Sequence[str], layout: Layout, field: str) -> int | None:
    return _read(cells, layout, field, read_count, Reason.NUMBER)


def _time(cells: Sequence[str], layout: Layout, field: str) -> int | None:
    return _read(cells, layout, field, read_time, Reason.TIME)


def _seconds(cells: Sequence[str], layout: Layout, field: str) -> int | None:
    return _read(cells, layout, field, read_seconds, Reason.TIME)


def _flag(cells: Sequence[str], layout: Layout, field: str) -> bool | None:
    return read_flag(_text(cells, layout, field) or "")


def _platform(cells: Sequence[str], layout: Layout) -> Platform:
    if layout.platform is not None:
        return layout.platform
    text = _text(cells, layout, "platform") or ""
    try:
        return Platform.parse(text)
    except InvalidInput:
        raise Rejected(Reason.PLATFORM, repr(text[:_DETAIL])) from None


def _identity(cells: Sequence[str], layout: Layout, platform: Platform, *, name: str | None) -> Fields:
    """Who it is. An id without the platform's form is a handle; a handle with spaces is a name."""
    creator_id = _text(cells, layout, "creator_id")
    handle, old_handle, id_in_url = read_handle(_text(cells, layout, "handle") or "")
    if creator_id and not _CREATOR_IDS[platform].fullmatch(creator_id):
        creator_id, handle = None, handle or creator_id
    if handle and not _HANDLES[platform].fullmatch(handle):
        if platform is not Platform.YOUTUBE:
            raise Rejected(Reason.HANDLE, repr(handle[:_DETAIL]))
        handle, name = None, name or handle
    identity = {
        "creator_id": creator_id or id_in_url,
        "handle": handle,
        "old_handle": old_handle,
        "name": name,
    }
    if not layout.has_posts and not any(identity.values()):
        raise Rejected(Reason.NO_CREATOR, "")
    return identity


def _post_id(cells: Sequence[str], layout: Layout, platform: Platform) -> str | None:
    """Raises Rejected in a table of posts where the row has no id of the platform's form."""
    if not layout.has_posts:
        return None
    for place in layout.columns["post_id"]:
        if _POST_IDS[platform].fullmatch(cells[place].strip()):
            return cells[place].strip()
    raise Rejected(Reason.POST_ID, repr(cells[layout.columns["post_id"][0]].strip()[:_DETAIL]))


_READERS: dict[str, Callable[[Sequence[str], Layout, str], Any]] = {
    **dict.fromkeys(("name", "bio", "title", "description", "email", "language", "post_category"), _text),
    **dict.fromkeys(COUNTS, _count),
    **dict.fromkeys(("observed_at", "published_at", "joined_at"), _time),
    **dict.fromkeys(("tags", "links", "post_tags"), _list),
    **dict.fromkeys(("verified", "sponsored"), _flag),
    "duration": _seconds,
    "category": _joined,
    "country": _country,
}
"""By field; platform, creator and post id are read together in `observe`."""
