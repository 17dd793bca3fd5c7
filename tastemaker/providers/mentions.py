"""What people write into a bio or a caption: e-mail addresses, links, hashtags. Takes linear time."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import islice, takewhile

MOST_EMAILS = 10
MOST_LINKS = 20
MOST_HASHTAGS = 60

_URL = re.compile(r"https?://[^\s<>\"“”|\\^`]{1,2000}", re.IGNORECASE)
_URL_TAIL = ".,;:!?'\u2019”)]}>…*"
_SPELLED_AT = re.compile(r"\s{0,3}[(\[{<]\s{0,2}at\s{0,2}[)\]}>]\s{0,3}", re.IGNORECASE)
_SPELLED_DOT = re.compile(r"\s{0,3}[(\[{<]\s{0,2}dot\s{0,2}[)\]}>]\s{0,3}", re.IGNORECASE)
_FULL_WIDTH = str.maketrans({"\uff20": "@", "\uff0e": ".", "\uff03": "#"})
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+\-])"
    r"(?P<local>[A-Za-z0-9](?:[A-Za-z0-9_%+\-]|\.(?!\.)){0,63})(?<!\.)"
    r"@(?P<domain>(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.){1,5}(?P<last>[A-Za-z]{2,24}))"
    r"(?![A-Za-z0-9_@\-])"
)
_FILE_ENDINGS = frozenset({"png", "jpg", "jpeg", "gif", "webp", "svg", "mp4", "mp3", "pdf"})
_NETWORK_NAMES = frozenset(
    {"ig", "insta", "instagram", "tiktok", "tt", "twitter", "x", "snap", "snapchat", "yt", "youtube", "fb"}
)
_HASHTAG = re.compile(r"(?<![/&])#(?P<tag>[^\s#]{1,140})")
_JOINERS = "\u200c\u200d"


def emails_in(text: str | None) -> tuple[str, ...]:
    """Addresses as written, the domain in lower case, each once. Understands "name (at) example (dot) com".

    "IG@jane.doe" is a handle and "photo@2x.png" is a file: neither is an address.
    """
    plain = _URL.sub(" ", (text or "").translate(_FULL_WIDTH))
    plain = _SPELLED_DOT.sub(".", _SPELLED_AT.sub("@", plain))
    found = (
        f"{match['local']}@{match['domain'].lower()}"
        for match in _EMAIL.finditer(plain)
        if match["last"].lower() not in _FILE_ENDINGS and match["local"].lower() not in _NETWORK_NAMES
    )
    return _distinct(found, MOST_EMAILS)


def links_in(text: str | None) -> tuple[str, ...]:
    """The http and https addresses in a text, each once, without the punctuation that follows them."""
    found = (match[0].rstrip(_URL_TAIL) for match in _URL.finditer(text or ""))
    links = dict.fromkeys(link for link in found if len(link) > len("https://"))
    return tuple(islice(links, MOST_LINKS))


def distinct_links(links: Iterable[str | None]) -> tuple[str, ...]:
    """The links that are known, each once, in their order."""
    return tuple(islice(dict.fromkeys(link for link in links if link), MOST_LINKS))


def hashtags_in(text: str | None) -> tuple[str, ...]:
    """Hashtags without their #, as written, each once whatever its case. A number alone is none."""
    plain = _URL.sub(" ", (text or "").translate(_FULL_WIDTH))
    tags = ("".join(takewhile(_may_stand_in_tag, match["tag"])) for match in _HASHTAG.finditer(plain))
    return distinct_hashtags(tags)


def distinct_hashtags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags that have a letter in them, each once whatever its case, in their order."""
    return _distinct((tag for tag in tags if any(map(str.isalpha, tag))), MOST_HASHTAGS)


def _may_stand_in_tag(character: str) -> bool:
    """Letters, marks (vowel signs are marks in many scripts), digits, _, and the joiners between letters."""
    return character == "_" or character in _JOINERS or unicodedata.category(character)[0] in "LMN"


def _distinct(found: Iterable[str], most: int) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for item in found:
        kept.setdefault(item.casefold(), item)
        if len(kept) == most:
            break
    return tuple(kept.values())
