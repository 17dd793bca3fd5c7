"""What a cell says: numbers, times, lengths, lists, handles, in the forms that tables have them.

Every reader returns None for a cell that says "unknown", and raises UnreadableCell for one that it cannot
understand. Nothing is guessed.
"""

import ast
import re
from collections.abc import Iterable
from datetime import UTC, datetime

import orjson

from tastemaker.core import numbers
from tastemaker.core.accounts import AccountName, clean_name, read_account, read_stable_id
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.core.prose import distinct_links, emails_in, links_in

_UNKNOWN = {"", "-", "\u2013", "\u2014", "?", "n/a", "n/a'", "na", "none", "null", "nan", "unknown", "#n/a"}
_SPREADSHEET_ERROR = re.compile(r"#(NAME\?|VALOR!|VALUE!|REF!|DIV/0!|NUM!|NULL!|WERT!|BEZUG!)")

_MONTH = re.compile(r"(\d{4})-(\d\d)")
_COMPACT_DATE = re.compile(r"20\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])")
_TRENDING_DATE = re.compile(r"(\d\d)\.(\d\d)\.(\d\d)")
_SECONDS = re.compile(r"\d{9,10}(?:\.\d+)?")
_MILLISECONDS = re.compile(r"\d{12,13}")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d\d)")
_ISO_LENGTH = re.compile(r"P(?:(\d+)D)?T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")
_QUOTED_OR_PLAIN = re.compile(r'"([^"]*)"|([^\s"]+)')
_NAMES_IN_OBJECTS = ("url", "link", "href", "name", "title", "tag", "hashtag_name", "email", "value", "id")
_MOST_LITERAL = 100_000
_FORMULA_STARTS = "=+-@\t\r"


class UnreadableCell(ValueError):
    """`str()` of it says in a few words what is wrong."""


class AmbiguousCell(UnreadableCell):
    """The cell could mean two values. It is unknown and reported; the rest of the row is taken."""


class CutOffId(UnreadableCell):
    """An id of which a spreadsheet has dropped digits."""


def is_unknown(text: str) -> bool:
    return text.strip().lower() in _UNKNOWN


def is_plain_text(text: str) -> bool:
    """Neither a number nor something that stands in a number's place."""
    if is_unknown(text) or _SPREADSHEET_ERROR.search(text):
        return False
    return not any(letter.isdigit() for letter in text)


def read_count(text: str) -> int | None:
    """By the rule of `core.numbers`. Raises AmbiguousCell for what could be two numbers."""
    if is_unknown(text):
        return None
    if _SPREADSHEET_ERROR.search(text):
        raise UnreadableCell("a spreadsheet's error instead of a number")
    try:
        return numbers.read_count(text.strip().removeprefix("'"))
    except numbers.AmbiguousNumber as error:
        raise AmbiguousCell(str(error)) from None
    except numbers.UnclearNumber as error:
        raise UnreadableCell(str(error)) from None


def read_time(text: str) -> int | None:
    """Seconds since 1970. A date without a year is not known.

    Read are ISO dates and times, `2022-03` (its first day), `17.14.11` (year, day, month), and seconds or
    milliseconds since 1970.
    """
    text = text.strip()
    if is_unknown(text) or re.fullmatch(r"\d{1,2}\.\d{1,2}", text):
        return None
    if _COMPACT_DATE.fullmatch(text):
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
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


def read_handle(text: str, platform: Platform) -> AccountName | None:
    """Also parts of an address such as `/@name`, `/c/Name`, `/channel/UC…`. Raises UnreadableCell."""
    text = text.strip()
    if is_unknown(text) or (is_unknown(text.rsplit("/", 1)[-1]) and text.startswith("/")):
        return None
    if text.startswith("/"):
        text = f"https://{platform.slug}.com{text}"
    try:
        return read_account(text, platform)
    except InvalidInput as error:
        raise UnreadableCell(str(error)) from None


def read_id(text: str, platform: Platform) -> str | None:
    """Raises CutOffId."""
    if is_unknown(text):
        return None
    try:
        return read_stable_id(text, platform).stable_id
    except InvalidInput:
        cleaned = clean_name(text)
        if cleaned[:1].isdigit():
            raise CutOffId(cleaned) from None
        return None


def read_email(text: str, bio: str | None) -> str | None:
    """The first whole address; one that is a part of an address in `bio` is replaced by that."""
    found = emails_in(text)
    written = emails_in(bio)
    if not found:
        return None
    whole = next((one for one in written if one.casefold().endswith(found[0].casefold())), None)
    is_part = whole is None and found[0].casefold() in (bio or "").casefold()
    return None if is_part else whole or found[0]


def read_text(text: str) -> str:
    """Without the ' that protects spreadsheets from formulas."""
    return text[1:] if text[:1] == "'" and text[1:2] in _FORMULA_STARTS and text[1:] else text


def read_flag(text: str) -> bool | None:
    word = text.strip().lower()
    if word in {"1", "1.0", "true", "yes", "y", "t", "✓"}:
        return True
    return False if word in {"0", "0.0", "false", "no", "n", "f"} else None


def read_list(text: str) -> list[str]:
    """A list in JSON or Python, also of objects; `a|b|c`; `a, b`; or words, quoted where they have spaces."""
    text = text.strip()
    if is_unknown(text) or text.lower() == "[none]":
        return []
    if text.startswith(("[", "{")):
        entries = _literal(text)
        if entries is not None:
            return _distinct(entries)
        text = text.strip("[]")
    for separator in ("|", ",", ";"):
        if separator in text:
            return _distinct(part.strip().strip("\"'") for part in text.split(separator))
    return _distinct(quoted or plain for quoted, plain in _QUOTED_OR_PLAIN.findall(text))


def read_links(text: str) -> list[str]:
    """Addresses: of a list, of prose, or bare ones such as example.com."""
    if is_unknown(text):
        return []
    if not text.strip().startswith(("[", "{")) and (found := links_in(text)):
        return list(found)
    return list(distinct_links(entry if "://" in entry else f"https://{entry}" for entry in read_list(text)))


def _literal(text: str) -> list[str] | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            found = ast.literal_eval(text) if len(text) <= _MOST_LITERAL else None
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    if isinstance(found, dict):
        found = [found]
    return [said for entry in found if (said := _said(entry))] if isinstance(found, list | tuple) else None


def _said(entry: object) -> str:
    """What an entry of a list says: itself, or the first known field of an object."""
    if isinstance(entry, dict):
        entry = next((entry[name] for name in _NAMES_IN_OBJECTS if entry.get(name)), None)
    return "" if entry is None or isinstance(entry, list | dict | bool) else str(entry).strip()


def _distinct(parts: Iterable[str]) -> list[str]:
    return [part for part in dict.fromkeys(parts) if part]
