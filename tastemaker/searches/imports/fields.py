"""The values of an account and of its post, wherever the shapes of the original put them.

Counts are numbers, digits as text, or "42.5K subscribers".
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Creator, Post

LARGEST: Final = 2**63 - 1

_TEXT: Final = re.compile(
    r"\s*(\d[\d,. \u00a0\u202f]{0,40})\s*(k|m|b|thousand|million|billion)?(?![a-z])", re.IGNORECASE
)

_FACTORS: Final = {"k": 10**3, "t": 10**3, "m": 10**6, "b": 10**9}

_THOUSANDS: Final = re.compile(r"\d{1,3}([,. \u00a0\u202f]\d{3})+")

Json = Any

LONGEST_KEY: Final = 255

_EMAIL: Final = re.compile(r"[^\s@<>\"',;:]{1,64}@[^\s@<>\"',;:]{1,180}\.[A-Za-z]{2,24}")

_TIKTOK_VIDEO: Final = re.compile(r"/(?:video|photo)/(\d{5,25})")

_MILLISECONDS_FROM: Final = 10**11

_LATEST_SECOND: Final = 4_102_444_800  # the year 2100: anything later is no time of a post


def amount(value: object) -> int | None:
    """What it says; None for what is unknown, negative, or no count at all."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value <= LARGEST else None
    if isinstance(value, float):
        return _whole(Decimal(str(value)))
    return _spoken(value) if isinstance(value, str) else None


def _spoken(text: str) -> int | None:
    matched = _TEXT.match(text)
    if matched is None:
        return None
    digits, unit = matched[1].strip(" ,.\u00a0\u202f"), (matched[2] or "").lower()[:1]
    if _THOUSANDS.fullmatch(digits) and not (unit and "." in digits):
        digits = re.sub(r"\D", "", digits)
    try:
        return _whole(Decimal(digits.replace(",", "").replace(" ", "")) * _FACTORS.get(unit, 1))
    except InvalidOperation:
        return None


def _whole(number: Decimal) -> int | None:
    if not number.is_finite() or number < 0 or number > LARGEST:
        return None
    return int(number)


def first_text(*values: Json) -> str:
    """The first that says something; numbers are ids written as numbers."""
    for value in values:
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return str(value)
    return ""


def read_account(
    platform: Platform,
    stable_id: str,
    handle: str | None,
    element: Mapping[str, Json],
    nested: Mapping[str, Json],
) -> Creator:
    profile, enriched = _object(element.get("profile")), _object(element.get("bio_enriched"))
    places = tuple(place for place in (nested, element, profile) if place)
    return Creator(
        platform=platform,
        stable_id=stable_id,
        handle=handle,
        name=_text(places, "name", "displayName", "full_name", "ownerFullName", "nickname"),
        bio=first_text(enriched.get("biography"))
        or _text(places, "bio", "biography", "signature", "description"),
        followers=_count(places, "followers", "followerCount", "follower_count", "subscriberCount"),
        following=_count(places, "following", "followingCount", "following_count"),
        posts_count=_count(places, "videoCount", "media_count", "postCount"),
        verified=_flag(places, "verified", "is_verified", "isVerified"),
        private=_flag(places, "is_private", "isPrivate"),
        avatar_url=_text(places, "avatarUrl", "profilePicUrl", "profile_pic_url", "avatar_url"),
        emails=tuple(dict.fromkeys(_emails(places, enriched))),
        links=tuple(dict.fromkeys(_links(places, enriched))),
    )


def read_post(platform: Platform, creator_id: str, element: Mapping[str, Json]) -> Post | None:
    """The post that the element shows, where it has an id of its own."""
    video = _object(element.get("video")) or _object(element.get("content"))
    numbers = _object(video.get("statistics"))
    url = first_text(video.get("url"))
    post_id = first_text(element.get("postId")) or _id_in(platform, url)
    if not post_id or len(post_id) > LONGEST_KEY:
        return None
    return Post(
        platform=platform,
        post_id=post_id,
        creator_id=creator_id,
        text=first_text(video.get("description"), video.get("title")) or None,
        url=url or None,
        published_at=_moment(element.get("createTime")) or _moment(element.get("publishedTime")),
        views=amount(numbers.get("views")),
        likes=amount(numbers.get("likes")),
        comments=amount(numbers.get("comments")),
        shares=amount(numbers.get("shares")),
        duration_seconds=_seconds(element.get("lengthSeconds")),
        hashtags=tuple(tag.lstrip("#") for tag in _texts(element.get("hashtags")) if tag.strip("# ")),
        short_code=first_text(element.get("shortCode")) or None,
    )


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _text(places: tuple[Mapping[str, Json], ...], *names: str) -> str | None:
    for name in names:
        for place in places:
            value = place.get(name)
            if isinstance(value, str) and (told := value.strip()):
                return told
    return None


def _count(places: tuple[Mapping[str, Json], ...], *names: str) -> int | None:
    for name in names:
        for place in places:
            if (count := amount(place.get(name))) is not None:
                return count
    return None


def _flag(places: tuple[Mapping[str, Json], ...], *names: str) -> bool | None:
    for name in names:
        for place in places:
            value = place.get(name)
            if isinstance(value, bool):
                return value
            if value in ("true", "false"):
                return bool(value == "true")
    return None


def _texts(value: Json) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _emails(places: tuple[Mapping[str, Json], ...], enriched: Mapping[str, Json]) -> Iterator[str]:
    told = [one for place in places for one in _texts(place.get("emails"))]
    extracted = enriched.get("extracted_email")
    for text in (*told, extracted if isinstance(extracted, str) else ""):
        if _EMAIL.fullmatch(text.strip()):
            yield text.strip().lower()


def _links(places: tuple[Mapping[str, Json], ...], enriched: Mapping[str, Json]) -> Iterator[str]:
    lists = (*(place.get("socialLinks") for place in places), enriched.get("bio_links"))
    for link in (one for links in lists if isinstance(links, list) for one in links):
        found = first_text(link, _object(link).get("url"))
        if found.lower().startswith(("http://", "https://")):
            yield found
    external = first_text(enriched.get("external_url"))
    if external.lower().startswith(("http://", "https://")):
        yield external


def _id_in(platform: Platform, url: str) -> str:
    if platform is Platform.TIKTOK:
        found = _TIKTOK_VIDEO.search(url)
        return found[1] if found else ""
    if platform is not Platform.YOUTUBE:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    asked = parse_qs(parts.query).get("v", [""])[0]
    is_short = parts.path.startswith("/shorts/") or parts.netloc.endswith("youtu.be")
    return asked or (parts.path.rstrip("/").rsplit("/", 1)[-1] if is_short else "")


def _moment(value: Json) -> datetime | None:
    """Seconds or milliseconds since 1970, or ISO 8601."""
    try:
        if isinstance(value, str) and not value.isdigit():
            told = datetime.fromisoformat(value)
            return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
        number = amount(value) or 0
        seconds = number / 1000 if number >= _MILLISECONDS_FROM else number
        return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _LATEST_SECOND else None
    except (ValueError, OverflowError):
        return None


def _seconds(value: Json) -> int | None:
    seconds = amount(value)
    return seconds if seconds is not None and seconds < 2**31 else None
