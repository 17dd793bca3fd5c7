"""Reads fields that may be renamed, missing, null, mistyped or absurd: an untrusted value is None."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tastemaker.core.numbers import MAX_COUNT, UnclearNumber, read_count
from tastemaker.providers.base import Creator, Post

EXACT_IN_JAVASCRIPT = 2**53
"""JavaScript rounds larger numbers, so a larger id that came as a number is not the id."""

_WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9_.\-]{1,128}")
_ISO_DURATION = re.compile(
    r"P(?:(?P<days>\d{1,4})D)?(?:T(?:(?P<hours>\d{1,5})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,8})S)?)?"
)
_BARE_ADDRESS = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9\-]{0,62}\.){1,5}[A-Za-z]{2,24}(?:[/?#][^\s<>\"\\]{0,2000})?"
)
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_IN_MILLISECONDS = 10**11
_LONGEST_SECONDS = 10**7


def dig(value: Any, *path: str | int) -> Any:  # noqa: ANN401 - any JSON in, any JSON out
    """The value at `path`, or None as soon as a step does not exist."""
    for step in path:
        if isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def text(value: object) -> str | None:
    """A text with something in it, exactly as it came."""
    return value if isinstance(value, str) and value.strip() else None


def handle(value: object) -> str | None:
    """A handle without its @."""
    return text(value.strip().removeprefix("@").strip()) if isinstance(value, str) else None


def web_address(value: object) -> str | None:
    """An http or https URL, its scheme in lower case; nothing else may become a link or be fetched."""
    if not isinstance(value, str) or not _WEB_ADDRESS.match(value):
        return None
    scheme, mark, rest = value.partition("://")
    return f"{scheme.lower()}{mark}{rest}"


def link(value: object) -> str | None:
    """A web address from a field that is meant for one, where people leave out the https://."""
    if isinstance(value, str) and _BARE_ADDRESS.fullmatch(value.strip()):
        return f"https://{value.strip()}"
    return web_address(value.strip()) if isinstance(value, str) else None


def identifier(value: object) -> str | None:
    """A stable id. Case matters. A number counts only while it is exact in every language."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 < value <= EXACT_IN_JAVASCRIPT else None
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def truth(value: object) -> bool | None:
    """True and false in the ways providers write them: booleans, 0 and 1, and the same as text."""
    word = str(value).lower() if isinstance(value, bool | int | str) else None
    return {"true": True, "1": True, "false": False, "0": False}.get(word or "")


def either(*values: object) -> bool | None:
    """True if one is, False if one is known and none is true."""
    known = [known for value in values if (known := truth(value)) is not None]
    return any(known) if known else None


def count(value: object) -> int | None:
    """A number of things: "1234", "1,234", "42.5K subscribers", 16700000.0.

    Texts are read by the rule of `core.numbers`.

    Negative counts are 32-bit overflows or stand for "hidden"; they, fractions of a thing and numbers
    beyond 64 bits are None. So is "1,234K", which means two numbers in two languages.
    """
    if isinstance(value, str):
        try:
            return read_count(value)
        except UnclearNumber:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not (math.isfinite(value) and value.is_integer()):
        return None
    return int(value) if 0 <= value <= MAX_COUNT else None


def moment(value: object) -> datetime | None:
    """A time, aware and in UTC, from ISO 8601 or from seconds or milliseconds since 1970."""
    try:
        if isinstance(value, str) and not value.isdecimal():
            when = datetime.fromisoformat(value)
            when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
        elif isinstance(value, int | float | str) and not isinstance(value, bool):
            seconds = float(value)
            when = datetime.fromtimestamp(seconds / (1000 if seconds > _IN_MILLISECONDS else 1), UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return when if _EARLIEST <= when < _LATEST else None


def seconds(value: object, *, per_second: int = 1) -> int | None:
    """A length in whole seconds from a number of seconds, or of `per_second` parts of one; 0 is unknown."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    whole = round(value / per_second)
    return whole if 0 < whole <= _LONGEST_SECONDS else None


def iso_duration(value: object) -> int | None:
    """Seconds of an ISO 8601 duration such as PT1H2M3S; the P0D of a live stream is unknown."""
    match = _ISO_DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return None
    days, hours, minutes, rest = (
        int(part or 0) for part in match.group("days", "hours", "minutes", "seconds")
    )
    return seconds(((days * 24 + hours) * 60 + minutes) * 60 + rest)


@dataclass(frozen=True, slots=True)
class PageItems:
    creators: tuple[Creator, ...]
    posts: tuple[Post, ...]
    skipped: int


def gather(items: Iterable[tuple[Creator | None, Post | None]], *, with_posts: bool = True) -> PageItems:
    """What could be read of each item. A post without its creator is lost; a creator without a post stays.

    `skipped` counts the items of which something was lost; with `with_posts` False none was expected.
    """
    creators: dict[str, Creator] = {}
    posts: dict[str, Post] = {}
    skipped = 0
    for creator, post in items:
        skipped += creator is None or (post is None and with_posts)
        if creator:
            creators.setdefault(creator.stable_id, creator)
            if post:
                posts.setdefault(post.post_id, post)
    return PageItems(tuple(creators.values()), tuple(posts.values()), skipped)
