"""What a cell says: numbers, times, lengths, lists, handles, in the forms that tables have them.

Every reader returns None for a cell that says "unknown", and raises UnreadableCell for one that it cannot
understand. Nothing is guessed.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import unquote

import orjson

_UNKNOWN = {"", "-", "\u2013", "\u2014", "?", "n/a", "n/a'", "na", "none", "null", "nan", "unknown", "#n/a"}
_SPREADSHEET_ERROR = re.compile(r"#(NAME\?|VALOR!|VALUE!|REF!|DIV/0!|NUM!|NULL!|WERT!|BEZUG!)")

_NUMBER = re.compile(r"([+-]?[\d.,'\u2019\s]*\d(?:[eE][+-]?\d+)?)\s*([^\W\d_]*)\.?", re.UNICODE)
_GROUPED = re.compile(r"\d{1,3}(?:([.,'\u2019\s])\d{3})(?:\1\d{3})*|\d{1,2}(?:,\d{2})+,\d{3}")
_ZERO_FRACTION = re.compile(r"[.,]0+$")
_UNITS = {
    "k": 10**3, "thousand": 10**3, "tsd": 10**3, "mil": 10**3, "тыс": 10**3, "천": 10**3,
    "m": 10**6, "mio": 10**6, "mn": 10**6, "million": 10**6, "millions": 10**6, "млн": 10**6,
    "b": 10**9, "bn": 10**9, "mrd": 10**9, "billion": 10**9, "млрд": 10**9,
    "万": 10**4, "만": 10**4, "億": 10**8, "亿": 10**8, "억": 10**8, "lakh": 10**5, "crore": 10**7,
}  # fmt: skip
_WORDS_BEHIND = {
    "subscribers",
    "subscriber",
    "followers",
    "follower",
    "views",
    "view",
    "likes",
    "videos",
    "video",
}

_MONTH = re.compile(r"(\d{4})-(\d\d)")
_TRENDING_DATE = re.compile(r"(\d\d)\.(\d\d)\.(\d\d)")
_SECONDS = re.compile(r"\d{9,10}(?:\.\d+)?")
_MILLISECONDS = re.compile(r"\d{12,13}")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d\d)")
_ISO_LENGTH = re.compile(r"P(?:(\d+)D)?T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")
_QUOTED_OR_PLAIN = re.compile(r'"([^"]*)"|([^\s"]+)')
_PROFILE_URL = re.compile(
    r"(?:https?://)?(?:(?:www|m)\.)?(?:youtube\.com|tiktok\.com|instagram\.com)/", re.IGNORECASE
)
_LARGEST = 2**63 - 1


class UnreadableCell(ValueError):
    """`str()` of it says in a few words what is wrong."""


def is_unknown(text: str) -> bool:
    return text.strip().lower() in _UNKNOWN


def is_plain_text(text: str) -> bool:
    """Neither a number nor something that stands in a number's place."""
    if is_unknown(text) or _SPREADSHEET_ERROR.search(text):
        return False
    return not any(letter.isdigit() for letter in text)


def read_count(text: str) -> int | None:
    """`16.7M`, `16,7 Mio.`, `42.5K subscribers`, `1.234.567`, `1,234,567`, `633.00`, `1.2E+07`."""
    if is_unknown(text):
        return None
    if _SPREADSHEET_ERROR.search(text):
        raise UnreadableCell("a spreadsheet's error instead of a number")
    match = _NUMBER.match(text.strip())
    if match is None:
        raise UnreadableCell("a text where a number should be, columns shifted?")
    digits, unit = match[1], match[2].lower()
    rest = text.strip()[match.end() :].strip().lower()
    factor = _UNITS.get(unit, 1)
    behind = {word for word in (rest, unit if factor == 1 else "") if word}
    if not behind <= _WORDS_BEHIND:
        raise UnreadableCell("a number with something else behind it")
    return _whole(_with_unit(digits, factor) if factor > 1 else _without_unit(digits))


def read_time(text: str) -> int | None:
    """Seconds since 1970. A date without a year is not known.

    Read are ISO dates and times, `2022-03` (its first day), `17.14.11` (year, day, month), and seconds or
    milliseconds since 1970.
    """
    text = text.strip()
    if is_unknown(text) or re.fullmatch(r"\d{1,2}\.\d{1,2}", text):
        return None
    if _MILLISECONDS.fullmatch(text):
        return int(text) // 1000
    if _SECONDS.fullmatch(text):
        return int(float(text))
    month, trending = _MONTH.fullmatch(text), _TRENDING_DATE.fullmatch(text)
    try:
        if month:
            return int(datetime(int(month[1]), int(month[2]), 1, tzinfo=UTC).timestamp())
        if trending:
            year, day, number = (int(part) for part in trending.groups())
            return int(datetime(2000 + year, number, day, tzinfo=UTC).timestamp())
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableCell("a date that cannot be read") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def read_seconds(text: str, *, minutes: bool = False) -> int | None:
    """A length: `11:26`, `1:04:10`, `PT1H2M3S`, `434`, or with `minutes` `255.2`."""
    text = text.strip()
    if is_unknown(text):
        return None
    clock, iso = _CLOCK.fullmatch(text), _ISO_LENGTH.fullmatch(text)
    if clock:
        hours, minute, second = (int(part or 0) for part in clock.groups())
        return hours * 3600 + minute * 60 + second
    if iso:
        days, hours, minute, second = (int(part or 0) for part in iso.groups())
        return days * 86_400 + hours * 3600 + minute * 60 + second
    try:
        return round(float(text) * (60 if minutes else 1))
    except (ValueError, OverflowError):
        raise UnreadableCell("a length that cannot be read") from None


def read_flag(text: str) -> bool | None:
    word = text.strip().lower()
    if word in {"1", "1.0", "true", "yes", "y", "t", "✓"}:
        return True
    return False if word in {"0", "0.0", "false", "no", "n", "f"} else None


def read_list(text: str) -> list[str]:
    """A JSON list, `a|b|c`, `a, b, c`, or words with quotes around those that have spaces."""
    text = text.strip()
    if is_unknown(text) or text.lower() == "[none]":
        return []
    if text.startswith("["):
        try:
            return [str(entry) for entry in orjson.loads(text)]
        except orjson.JSONDecodeError:
            text = text.strip("[]")
    for separator in ("|", ",", ";"):
        if separator in text:
            return _distinct(part.strip().strip('"') for part in text.split(separator))
    return _distinct(quoted or plain for quoted, plain in _QUOTED_OR_PLAIN.findall(text))


def read_handle(text: str) -> tuple[str | None, str | None, str | None]:
    """(handle, older name in a URL, channel id) of `@handle`, `/c/Name`, a profile's URL: one at most."""
    path = unquote(_PROFILE_URL.sub("/", text.strip())).split("?")[0].rstrip("/")
    if "/channel/" in path:
        return None, None, path.rsplit("/", 1)[1]
    last = path.rsplit("/", 1)[-1]
    if is_unknown(last):
        return None, None, None
    if path.startswith("/") and not last.startswith("@"):
        return None, last, None
    return last.removeprefix("@"), None, None


def _without_unit(digits: str) -> Decimal:
    plain = digits.strip()
    if _GROUPED.fullmatch(_ZERO_FRACTION.sub("", plain) if _groups(plain) else plain):
        plain = re.sub(r"[^\d]", "", _ZERO_FRACTION.sub("", plain) if _groups(plain) else plain)
    return _decimal(plain)


def _groups(plain: str) -> bool:
    """Whether there are two kinds of marks, so that the last one is the fraction's: `1.234.567,00`."""
    return len({mark for mark in plain if mark in ".,"}) > 1


def _with_unit(digits: str, factor: int) -> Decimal:
    return _decimal(digits.strip().replace(",", ".")) * factor


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text.replace(",", "."))
    except ArithmeticError:
        raise UnreadableCell("a number that cannot be read") from None


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise UnreadableCell("a fraction where a count should be")
    if not 0 <= number <= _LARGEST:
        raise UnreadableCell("a count below zero or beyond all bounds")
    return int(number)


def _distinct(parts: Iterable[str]) -> list[str]:
    return [part for part in dict.fromkeys(parts) if part]
