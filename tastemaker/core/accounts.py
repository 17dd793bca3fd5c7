"""Which account a person means: from what is typed or pasted to a platform and a handle or a stable id.

Every list, import, command and route reads accounts here, so that the same text means the same account.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, urlsplit

from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform

LONGEST_ID: Final = 128
SPREADSHEET_DIGITS: Final = 15
"""A spreadsheet keeps so many digits of a number and writes zeros for the others."""

HANDLES: Final = {
    Platform.YOUTUBE: re.compile(r"[\w.\u00b7-]{1,100}"),
    Platform.TIKTOK: re.compile(r"[\w.]{1,24}"),
    Platform.INSTAGRAM: re.compile(r"[\w.]{1,30}"),
}
STABLE_IDS: Final = {
    Platform.YOUTUBE: re.compile(r"UC[\w-]{22}", re.ASCII),
    Platform.TIKTOK: re.compile(r"[0-9]{5,20}"),
    Platform.INSTAGRAM: re.compile(r"[0-9]{1,20}"),
}
_HOSTS = {
    "youtube.com": Platform.YOUTUBE,
    "youtube-nocookie.com": Platform.YOUTUBE,
    "tiktok.com": Platform.TIKTOK,
    "instagram.com": Platform.INSTAGRAM,
    "instagr.am": Platform.INSTAGRAM,
}
_SHORT_HOSTS = {"youtu.be", "vm.tiktok.com", "vt.tiktok.com", "ig.me", "t.co", "bit.ly", "linktr.ee"}
_SUBDOMAINS = ("www.", "m.", "mobile.", "music.", "web.", "l.")
_NOT_ACCOUNTS = {
    Platform.YOUTUBE: {
        "watch", "shorts", "playlist", "post", "live", "embed", "results", "feed", "hashtag", "v", "clip",
        "redirect", "attribution_link", "gaming", "t", "about", "premium",
    },
    Platform.TIKTOK: {
        "t", "v", "video", "tag", "music", "discover", "share", "foryou", "explore", "search", "embed",
        "live", "following", "trending", "place", "channel",
    },
    Platform.INSTAGRAM: {
        "p", "reel", "reels", "tv", "explore", "accounts", "direct", "share", "about", "legal", "developer",
        "s",
    },
}  # fmt: skip
"""First parts of paths that lead to a post, a list or a page of the platform, and name no account."""

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_QUOTES = "'\"<>`\u2018\u2019\u201c\u201d"
_EXPONENT = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")
_WHOLE_NUMBER = re.compile(r"([0-9]+)[.,]0+")
_ANY_ID = re.compile(r"handle:[\w.\u00b7-]{1,100}|[A-Za-z0-9_.\-]{1,128}")
"""Also the surrogate of an adopted creator without an id."""
_LONG_NUMBER = re.compile(r"[0-9]{15,20}")
_URL = re.compile(
    r"(?:https?:)?//\S+"
    r"|(?:[a-z]+\.)?(?:youtube\.com|youtu\.be|tiktok\.com|instagram\.com|instagr\.am|ig\.me)(?:[/?#]\S*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AccountName:
    """One of `handle` (without @, as written) and `stable_id` is set. `is_old_name`: from a URL without @."""

    platform: Platform
    handle: str | None = None
    stable_id: str | None = None
    is_old_name: bool = False


@lru_cache(maxsize=8_192)  # tables name the same account in many rows
def read_account(text: str, platform: Platform | None = None) -> AccountName:
    """A handle, a profile's address or an id that has the platform's form. Raises InvalidInput."""
    said = clean_name(text)
    if not said:
        raise InvalidInput("A handle, an id or a profile's address is missing.")
    if _URL.fullmatch(said):
        return _from_url(said, platform)
    if platform is None:
        raise InvalidInput(f"{_shown(said)} could be on any platform: name it, or give the address.")
    refuse_cut_off(said)
    if not said.startswith("@"):
        if platform is Platform.YOUTUBE and STABLE_IDS[platform].fullmatch(said):
            return AccountName(platform, stable_id=said)
        if platform is Platform.TIKTOK and _LONG_NUMBER.fullmatch(said):
            return AccountName(platform, stable_id=said)
    return AccountName(platform, handle=_checked_handle(said.removeprefix("@"), platform))


def read_stable_id(text: str, platform: Platform) -> AccountName:
    """An id. Raises InvalidInput for one that a spreadsheet has cut off, and for what can be none."""
    said = clean_name(text)
    if _URL.fullmatch(said):
        return _from_url(said, platform)
    if whole := _WHOLE_NUMBER.fullmatch(said):
        said = whole[1]
    refuse_cut_off(said)
    if not _ANY_ID.fullmatch(said):
        raise InvalidInput(f"{_shown(said)} is no id of an account.")
    return AccountName(platform, stable_id=said)


def clean_name(text: str) -> str:
    """Without invisible characters, quotation marks around it, and the ' by which spreadsheets mark texts."""
    return _INVISIBLE.sub("", text).translate(_FULL_WIDTH).strip().strip(_QUOTES).strip()


def fold_handle(handle: str) -> str:
    """As handles are compared: without @, width and case aside.

    Statements compare stored handles by an index on `lower(handle)`. It gives the same for the letters that
    handles have; full-width letters and a sharp s, which it keeps, are not among them.
    """
    return unicodedata.normalize("NFKC", handle).casefold().strip().lstrip("@")


def refuse_cut_off(text: str) -> None:
    """Raises InvalidInput for a number of which a spreadsheet has dropped digits."""
    digits = text.partition(".")[0]
    lost = digits[SPREADSHEET_DIGITS:]
    is_rounded = digits.isdecimal() and len(lost) > 1 and not lost.strip("0")
    if _EXPONENT.fullmatch(text) or is_rounded:
        raise InvalidInput(
            f"{_shown(text)} is an id that a spreadsheet has cut off."
            " Format the column as text and export it again."
        )


def _from_url(url: str, platform: Platform | None) -> AccountName:
    parts = urlsplit(url if "//" in url else f"//{url}", scheme="https")
    host = (parts.hostname or "").lower().rstrip(".")
    if host in _SHORT_HOSTS:
        raise InvalidInput(
            f"{_shown(url)} is a short link, which does not name the account."
            " Open it and give the profile's address."
        )
    for subdomain in _SUBDOMAINS:
        host = host.removeprefix(subdomain)
    there = _HOSTS.get(host)
    if there is None:
        raise InvalidInput(f"{_shown(url)} is no address of YouTube, TikTok or Instagram.")
    if platform not in {None, there}:
        raise InvalidInput(f"{_shown(url)} is an address of {there}, not of {platform}.")
    path = [part for part in (clean_name(unquote(part)) for part in parts.path.split("/")) if part]
    if not path:
        raise InvalidInput(f"{_shown(url)} names no account.")
    return _from_path(path, there, url)


def _from_path(path: list[str], platform: Platform, url: str) -> AccountName:
    first, second = path[0], path[1] if len(path) > 1 else None
    if first.startswith("@") and platform is not Platform.INSTAGRAM:
        return AccountName(platform, handle=_checked_handle(first[1:], platform))
    if platform is Platform.YOUTUBE and first == "channel" and second:
        if not STABLE_IDS[platform].fullmatch(second):
            raise InvalidInput(
                f"{_shown(second)} is no id of a channel: it is UC and 22 letters, digits, - or _."
            )
        return AccountName(platform, stable_id=second)
    if platform is Platform.YOUTUBE and first in {"c", "user"} and second:
        return AccountName(platform, handle=_checked_handle(second, platform), is_old_name=True)
    if platform is Platform.INSTAGRAM and first in {"stories", "_u"} and second and second != "highlights":
        return AccountName(platform, handle=_checked_handle(second, platform))
    if first.lower() in _NOT_ACCOUNTS[platform] or first in {"channel", "c", "user", "stories", "_u"}:
        raise InvalidInput(f"{_shown(url)} does not name the account. Give the address of the profile.")
    handle = _checked_handle(first.removeprefix("@"), platform)
    return AccountName(platform, handle=handle, is_old_name=platform is not Platform.INSTAGRAM)


def _checked_handle(handle: str, platform: Platform) -> str:
    if not HANDLES[platform].fullmatch(handle):
        raise InvalidInput(f"{_shown(handle)} is no handle on {platform}.")
    return handle


def _shown(text: str) -> str:
    return repr(text[:80])
