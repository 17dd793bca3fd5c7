"""One row of a table as an observation of a creator, of a post, or of both."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, TypeVar

import orjson

from tastemaker.core.accounts import STABLE_IDS, AccountName
from tastemaker.core.countries import country_code
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.sandbox.tables.cells import (
    AmbiguousCell,
    CutOffId,
    UnreadableCell,
    is_unknown,
    read_count,
    read_email,
    read_flag,
    read_handle,
    read_id,
    read_links,
    read_list,
    read_seconds,
    read_text,
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
    CUT_OFF = "an id cut off by a spreadsheet"
    POST_ID = "unreadable post id"
    NUMBER = "unreadable number"
    TIME = "unreadable date or length"
    ORPHAN = "a post of an unknown creator"
    VALUE = "a value is left out"


class Rejected(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class DroppedValue(NamedTuple):
    """A value of an accepted row that was not taken."""

    field: str
    value: str
    why: str


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
_POST_IDS = {
    Platform.YOUTUBE: re.compile(r"[\w-]{11}", re.ASCII),
    Platform.TIKTOK: re.compile(r"\d{15,20}", re.ASCII),
    Platform.INSTAGRAM: re.compile(r"\d{10,25}", re.ASCII),
}
_POST_URLS = {
    Platform.YOUTUBE: re.compile(r"(?:[?&]v=|/shorts/|\.be/|/live/|/embed/)([\w-]{11})(?![\w-])", re.ASCII),
    Platform.TIKTOK: re.compile(r"/(?:video|photo)/(\d{15,20})(?!\d)", re.ASCII),
    Platform.INSTAGRAM: re.compile(r"/(?:p|reel|reels|tv)/([\w-]{5,28})(?![\w-])", re.ASCII),
}
_SHORT_CODE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_OF_POSTS = (
    "views", "likes", "comments", "shares", "saves", "title", "description", "post_tags", "published_at",
    "duration", "sponsored", "post_category", "language",
)  # fmt: skip
_DETAIL = 60
_IDENTITY = ("creator_id", "handle", "old_handle", "name")


def observe(cells: Sequence[str], layout: Layout, dropped: list[DroppedValue]) -> Observation:
    """Adds to `dropped` what is not taken of the row. Raises Rejected."""
    if _SURROGATES.search("".join(cells)):
        raise Rejected(Reason.NOT_UTF8, "")
    if len(cells) < layout.width or any(cell.strip() for cell in cells[layout.width :]):
        raise Rejected(Reason.SHIFTED, f"{len(cells)} cells under {layout.width} headings")
    row = _Row(cells, layout, _platform(cells, layout), dropped)
    fields: Fields = {field: _READERS[field](row, field) for field in layout.columns if field in _READERS}
    if fields.get("observed_at") is None:
        fields["observed_at"] = layout.observed_at
    if fields.get("duration") is None:
        fields["duration"] = _minutes(row)
    if "email" in fields:
        fields["email"] = _email(row, fields.get("bio"))
    fields |= _identity(row, name=fields.get("name"))
    post_id = _post_id(row, has_creator=any(fields.get(name) for name in _IDENTITY))
    if layout.has_posts and post_id is None:
        fields |= dict.fromkeys(_OF_POSTS)
    return Observation(platform=row.platform.value, post_id=post_id, **fields)


@dataclass(frozen=True, slots=True)
class _Row:
    cells: Sequence[str]
    layout: Layout
    platform: Platform
    dropped: list[DroppedValue]

    def drop(self, field: str, value: str, why: str) -> None:
        self.dropped.append(DroppedValue(field, value.strip()[:_DETAIL], why))


def _texts(row: _Row, field: str) -> list[str]:
    """What the field's cells say, the best cell first, those left out that say nothing."""
    found = (read_text(row.cells[place].strip()) for place in row.layout.columns.get(field, ()))
    return [text for text in found if not is_unknown(text)]


def _text(row: _Row, field: str) -> str | None:
    return next(iter(_texts(row, field)), None)


def _read(row: _Row, field: str, reader: Callable[[str], Value | None], reason: Reason) -> Value | None:
    """The first cell that can be read; unknown where one says so or is ambiguous; else a rejection."""
    wrong: list[tuple[str, UnreadableCell]] = []
    for place in row.layout.columns.get(field, ()):
        try:
            value = reader(row.cells[place])
        except UnreadableCell as error:
            wrong.append((row.cells[place], error))
            continue
        if value is not None:
            return value
    ambiguous = next(((cell, error) for cell, error in wrong if isinstance(error, AmbiguousCell)), None)
    if ambiguous is not None:
        row.drop(field, ambiguous[0], str(ambiguous[1]))
        return None
    if not wrong or any(is_unknown(row.cells[place]) for place in row.layout.columns[field]):
        return None
    raise Rejected(reason, f"{field}: {wrong[0][0].strip()[:_DETAIL]!r}, {wrong[0][1]}")


def _list(row: _Row, field: str) -> str | None:
    entries = (read_links if field == "links" else read_list)(_text(row, field) or "")
    return orjson.dumps(entries).decode() if entries else None


def _minutes(row: _Row) -> int | None:
    return _read(row, "duration_minutes", partial(read_seconds, minutes=True), Reason.TIME)


def _joined(row: _Row, field: str) -> str | None:
    return ", ".join(_texts(row, field)) or None


def _country(row: _Row, field: str) -> str | None:
    said = _text(row, field)
    code = country_code(said)
    if said and code is None:
        row.drop(field, said, "no country of that name is known")
    return code


def _email(row: _Row, bio: str | None) -> str | None:
    said = _text(row, "email")
    found = read_email(said or "", bio)
    if said and found is None:
        row.drop("email", said, "no whole e-mail address")
    return found


def _count(row: _Row, field: str) -> int | None:
    return _read(row, field, read_count, Reason.NUMBER)


def _time(row: _Row, field: str) -> int | None:
    return _read(row, field, read_time, Reason.TIME)


def _seconds(row: _Row, field: str) -> int | None:
    return _read(row, field, read_seconds, Reason.TIME)


def _flag(row: _Row, field: str) -> bool | None:
    said = _text(row, field)
    flag = read_flag(said or "")
    if said and flag is None:
        row.drop(field, said, "neither yes nor no")
    return flag


def _platform(cells: Sequence[str], layout: Layout) -> Platform:
    if layout.platform is not None:
        return layout.platform
    found = (cells[place].strip() for place in layout.columns.get("platform", ()))
    text = next((one for one in found if not is_unknown(one)), "")
    try:
        return Platform.parse(text)
    except InvalidInput:
        raise Rejected(Reason.PLATFORM, repr(text[:_DETAIL])) from None


def _identity(row: _Row, *, name: str | None) -> Fields:
    """Who it is. An id without the platform's form is a handle; on YouTube what is no handle is a name."""
    try:
        said = read_id(_text(row, "creator_id") or "", row.platform)
    except CutOffId as error:
        raise Rejected(Reason.CUT_OFF, str(error)[:_DETAIL]) from None
    creator_id = said if said and STABLE_IDS[row.platform].fullmatch(said) else None
    account = _account(_texts(row, "handle"), row, is_known=creator_id is not None)
    if account is None and said and not creator_id:
        account = _account([said], row)
    if account is None and not creator_id:
        account = _author_in_address(row)
    if account is None and not creator_id and row.platform is Platform.YOUTUBE:
        name = name or _text(row, "handle")
    identity = {
        "creator_id": creator_id or (account.stable_id if account else None),
        "handle": account.handle if account and not account.is_old_name else None,
        "old_handle": account.handle if account and account.is_old_name else None,
        "name": name,
    }
    if not row.layout.has_posts and not any(identity.values()):
        raise Rejected(Reason.NO_CREATOR, "")
    return identity


def _account(texts: Sequence[str], row: _Row, *, is_known: bool = False) -> AccountName | None:
    """The first that can be read."""
    wrong: tuple[str, str] | None = None
    for text in texts:
        try:
            found = read_handle(text, row.platform)
        except UnreadableCell as error:
            wrong = wrong or (text, str(error))
            continue
        if found is not None:
            return found
    if wrong is not None and is_known:
        row.drop("handle", *wrong)
    elif wrong is not None and row.platform is not Platform.YOUTUBE:
        raise Rejected(Reason.HANDLE, wrong[1])
    return None


def _author_in_address(row: _Row) -> AccountName | None:
    """TikTok's addresses of posts name the author."""
    if row.platform is not Platform.TIKTOK:
        return None
    for place in row.layout.columns.get("post_id", ()):
        with suppress(UnreadableCell):
            if "/@" in row.cells[place] and (found := read_handle(row.cells[place], row.platform)):
                return found
    return None


def _post_id(row: _Row, *, has_creator: bool) -> str | None:
    """From an id or an address. Raises Rejected where a table of posts has neither and names nobody."""
    if not row.layout.has_posts:
        return None
    places = row.layout.columns["post_id"]
    for place in places:
        cell = row.cells[place].strip()
        if _POST_IDS[row.platform].fullmatch(cell):
            return cell
        if match := _POST_URLS[row.platform].search(cell):
            return _from_short_code(match[1]) if row.platform is Platform.INSTAGRAM else match[1]
    said = row.cells[places[0]].strip()
    if is_unknown(said) and has_creator:
        return None
    raise Rejected(Reason.POST_ID, repr(said[:_DETAIL]))


def _from_short_code(code: str) -> str:
    """Instagram's numeric id, of which the code is the number in base 64."""
    number = 0
    for letter in code[:11]:
        number = number * 64 + _SHORT_CODE.index(letter)
    return str(number)


_READERS: dict[str, Callable[[_Row, str], Any]] = {
    **dict.fromkeys(("name", "bio", "title", "description", "email", "language", "post_category"), _text),
    **dict.fromkeys(COUNTS, _count),
    **dict.fromkeys(("observed_at", "published_at", "joined_at"), _time),
    **dict.fromkeys(("tags", "links", "post_tags"), _list),
    **dict.fromkeys(("verified", "sponsored"), _flag),
    "duration": _seconds,
    "category": _joined,
    "country": _country,
}
"""By field; platform, creator, post id and e-mail are read together in `observe`."""
