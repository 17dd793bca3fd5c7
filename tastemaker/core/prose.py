"""E-mail addresses, links and hashtags in what people write: bios, captions. Takes linear time.

An address is found whole or not at all: a candidate is the longest run of characters that can stand in one.
`email-validator` decides about the form and `tldextract`, by its packaged list, whether the domain can exist.
Neither asks the network. A script without spaces may touch an address.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from email_validator import EmailNotValidError, validate_email

from tastemaker.core.folding import UNSPACED

if TYPE_CHECKING:
    import tldextract

MOST_EMAILS = 10
MOST_LINKS = 20
MOST_HASHTAGS = 60

_MOST_CANDIDATES = 200
_LONGEST_ADDRESS = 254
_LONGEST_LOCAL = 64
_INVISIBLE = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff]"
)
_FULL_WIDTH = str.maketrans({"\uff20": "@", "\uff0e": ".", "\uff03": "#", "\uff1a": ":", "\uff0f": "/"})
_URL = re.compile(
    r"https?://(?:(?!,?https?://)"
    r"[^\s<>\"“”„«»|\\^`{}\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]){1,2000}",
    re.IGNORECASE,
)
"""Up to a blank, a quotation mark, East Asian punctuation, or the next link."""

_HOST = re.compile(r"(?i)https?://(?P<host>[^/?#]*)")
_URL_TAIL = ".,;:!?'*\u2019”…"
_BRACKETS = {")": "(", "]": "[", "}": "{", ">": "<"}
_SPELLED_AT = re.compile(r"\s{0,3}[(\[{<]\s{0,2}at\s{0,2}[)\]}>]\s{0,3}", re.IGNORECASE)
_SPELLED_DOT = re.compile(r"\s{0,3}[(\[{<]\s{0,2}dot\s{0,2}[)\]}>]\s{0,3}", re.IGNORECASE)
_OTHER_SIGNS = "@!#$&*^~`"
"""Signs that may stand inside a local part and are rare there: what follows one is not the whole."""

_FILE_DOMAIN = re.compile(r"[0-9]+x\..*|.*\.(?:zip|mov)")
"""photo@2x.png, and endings of files that are also top-level domains."""

_NETWORK_NAMES = frozenset(
    {"ig", "insta", "instagram", "tiktok", "tt", "twitter", "x", "snap", "snapchat", "yt", "youtube", "fb"}
)
_HASHTAG = re.compile(r"(?<![/&])#(?P<tag>[^\s#]{1,140})")
_JOINERS = "\u200c\u200d"


def emails_in(text: str | None) -> tuple[str, ...]:
    """Addresses as written, the domain in lower case, each once. Understands "name (at) example (dot) com".

    "IG@jane.doe" is a handle, "photo@2x.png" a file, "@jane@social.example.org" an account: no addresses.
    """
    plain = _INVISIBLE.sub("", (text or "").translate(_FULL_WIDTH))
    if "@" not in plain and "at" not in plain.lower():
        return ()
    plain = _SPELLED_DOT.sub(".", _SPELLED_AT.sub("@", _URL.sub(" ", plain)))
    return _distinct(filter(None, map(_checked, islice(_candidates(plain), _MOST_CANDIDATES))), MOST_EMAILS)


def links_in(text: str | None) -> tuple[str, ...]:
    """The http and https addresses in a text, each once, without the punctuation that follows them."""
    found = (_without_tail(match[0]) for match in _URL.finditer(_INVISIBLE.sub("", text or "")))
    return distinct_links(link for link in found if _HOST.match(link) and len(link) > len("https://"))


def distinct_links(links: Iterable[str | None]) -> tuple[str, ...]:
    """The links that are known, each once, in their order, their scheme in lower case."""
    return tuple(islice(dict.fromkeys(_plain_scheme(link) for link in links if link), MOST_LINKS))


def hashtags_in(text: str | None) -> tuple[str, ...]:
    """Hashtags without their #, as written, each once regardless of case. A number alone is none."""
    plain = _URL.sub(" ", (text or "").translate(_FULL_WIDTH))
    tags = ("".join(takewhile(_may_stand_in_tag, match["tag"])) for match in _HASHTAG.finditer(plain))
    return distinct_hashtags(tags)


def distinct_hashtags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags that have a letter in them, each once regardless of case, in their order."""
    return _distinct((tag for tag in tags if any(map(str.isalpha, tag))), MOST_HASHTAGS)


def _candidates(text: str) -> Iterator[tuple[str, str]]:
    """Local part and domain around each @, as far as letters, digits and the signs of addresses go."""
    for place in _ats(text):
        start = place
        while start and place - start <= _LONGEST_ADDRESS and _may_stand_in_local(text[start - 1]):
            start -= 1
            if text[start].isascii() and text[start - 1 : start] and UNSPACED.match(text[start - 1]):
                break
        end = place + 1
        while end < len(text) and end - place <= _LONGEST_ADDRESS and _may_stand_in_domain(text[end]):
            if text[end - 1].isascii() and text[end - 1] not in "@." and UNSPACED.match(text[end]):
                break
            end += 1
        before, two_before = text[start - 1 : start], text[max(0, start - 2) : max(0, start - 1)]
        is_part = before in _OTHER_SIGNS and (before == "@" or two_before.isalnum())
        if not (before and is_part) and text[end : end + 1] != "@":
            yield text[start:place], text[place + 1 : end]


def _ats(text: str) -> Iterator[int]:
    place = text.find("@")
    while place >= 0:
        yield place
        place = text.find("@", place + 1)


def _may_stand_in_local(character: str) -> bool:
    return character.isalnum() or character in "._%+-'\u2019" or unicodedata.category(character)[0] == "M"


def _may_stand_in_domain(character: str) -> bool:
    return character.isalnum() or character in ".-_" or unicodedata.category(character)[0] == "M"


def _checked(candidate: tuple[str, str]) -> str | None:
    """The address, or None where its form or its domain cannot be one."""
    local, domain = candidate[0].lstrip("'\u2019-"), candidate[1].rstrip(".-_")
    local = unicodedata.normalize("NFKC", local).replace("\u2019", "'")
    domain = unicodedata.normalize("NFKC", domain).lower()
    if not local or len(local) > _LONGEST_LOCAL or local.lower() in _NETWORK_NAMES:
        return None
    if "_" in domain or _FILE_DOMAIN.fullmatch(domain) or not _extract()(domain).suffix:
        return None
    try:
        validate_email(f"{local}@{domain}", check_deliverability=False)
    except EmailNotValidError:
        return None
    return f"{local}@{domain}"


@cache
def _extract() -> "tldextract.TLDExtract":
    """With the list in the package: no network, no file outside it."""
    import tldextract  # noqa: PLC0415 - it brings `requests`, a quarter of a second

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def _without_tail(link: str) -> str:
    """Closing brackets stay where the link opens them."""
    while link:
        last = link[-1]
        opening = _BRACKETS.get(last)
        if last not in _URL_TAIL and (opening is None or link.count(opening) >= link.count(last)):
            break
        link = link[:-1]
    return link


def _plain_scheme(link: str) -> str:
    scheme, mark, rest = link.partition("://")
    return f"{scheme.lower()}{mark}{rest}" if mark else link


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
