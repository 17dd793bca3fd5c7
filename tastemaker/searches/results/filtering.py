"""Which creators are wanted: a filter as the command line, the API and the address of a page state it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from tastemaker.core.countries import country_code
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.core.text import clean_line
from tastemaker.searches.types import MAX_KEYWORD_LENGTH, MAX_KEYWORDS

UNKNOWN: Final = "unknown"
"""Stands among languages and countries for creators of whom none is known."""

LONGEST_TEXT: Final = 200
MOST_VALUES: Final = 100
MOST_DAYS: Final = 36_500
MOST: Final = 10**15

Choice = TypeVar("Choice", bound=StrEnum)


class MatchedField(StrEnum):
    """Where a keyword stands: in the post that is shown, or in the profile."""

    POST = "post"
    DESCRIPTION = "description"
    HASHTAG = "hashtag"
    TAG = "tag"
    NAME = "name"
    HANDLE = "handle"
    BIO = "bio"


class Verified(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFilter:
    """Empty and None set no limit. An unknown value passes no limit, unless `include_unknown` lets it pass.

    `has_email` False: none is known. `posted_within` in days. `seen_before`: by an earlier campaign of the
    user. `include_unknown` is about followers, views and the last post.
    """

    platforms: tuple[Platform, ...] = ()
    keywords: tuple[str, ...] = ()
    text: str | None = None
    min_followers: int | None = None
    max_followers: int | None = None
    min_views: int | None = None
    max_views: int | None = None
    has_email: bool | None = None
    languages: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    verified: tuple[Verified, ...] = ()
    posted_within: int | None = None
    matched_in: tuple[MatchedField, ...] = ()
    seen_before: bool | None = None
    found_since: datetime | None = None
    include_unknown: bool = False


EVERYTHING: Final = ResultFilter()


def make_filter(**given: Any) -> ResultFilter:  # noqa: ANN401 - the fields of ResultFilter
    """A filter that some creator can pass. Raises InvalidInput."""
    wanted = ResultFilter(**given)
    _check_range("followers", wanted.min_followers, wanted.max_followers)
    _check_range("views", wanted.min_views, wanted.max_views)
    if wanted.posted_within is not None and not 1 <= wanted.posted_within <= MOST_DAYS:
        raise InvalidInput(f"The last post is within 1 to {MOST_DAYS:,} days.")
    text = clean_line(wanted.text or "")
    if len(text) > LONGEST_TEXT:
        raise InvalidInput(f"A text has {len(text):,} characters; at most {LONGEST_TEXT} are accepted.")
    if len(wanted.keywords) > MAX_KEYWORDS or any(len(one) > MAX_KEYWORD_LENGTH for one in wanted.keywords):
        raise InvalidInput(
            f"At most {MAX_KEYWORDS} keywords of {MAX_KEYWORD_LENGTH} characters are accepted."
        )
    return replace(
        wanted,
        text=text or None,
        keywords=_distinct(map(clean_line, wanted.keywords)),
        languages=_distinct(map(clean_line, wanted.languages)),
        countries=_distinct(map(_country, wanted.countries)),
        platforms=_distinct(wanted.platforms),
        verified=_distinct(wanted.verified),
        matched_in=_distinct(wanted.matched_in),
    )


def read_filter(pairs: Iterable[tuple[str, str]]) -> ResultFilter:
    """The filter of an address's query; other names and empty values are ignored. Raises InvalidInput."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in _READERS and value.strip():
            values.setdefault(name, []).append(value.strip())
    given: dict[str, Any] = {}
    for name, texts in values.items():
        field, read = _READERS[name]
        if len(texts) > (MOST_VALUES if field in _SEVERAL else 1):
            raise InvalidInput(f"{name} is given too often.")
        read_ones = tuple(read(name, text) for text in texts)
        given[field] = read_ones if field in _SEVERAL else read_ones[0]
    return make_filter(**given)


def filter_query(wanted: ResultFilter) -> list[tuple[str, str]]:
    """The filter as pairs of an address's query, which `read_filter` reads."""
    pairs = []
    for name, (field, _) in _READERS.items():
        value = getattr(wanted, field)
        if field in _SEVERAL:
            pairs += [(name, str(one)) for one in value]
        elif (value is not None and value is not False) or (value is False and field in _ANSWERS):
            pairs.append((name, _written(name, value)))
    return pairs


def _check_range(what: str, least: int | None, most: int | None) -> None:
    for number in (least, most):
        if number is not None and not 0 <= number <= MOST:
            raise InvalidInput(f"A number of {what} is 0 to {MOST:,}.")
    if least is not None and most is not None and most < least:
        raise InvalidInput(f"No creator has at least {least:,} and at most {most:,} {what}.")


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _country(text: str) -> str:
    code = UNKNOWN if text == UNKNOWN else country_code(text)
    if code is None:
        raise InvalidInput(f"{text[:80]!r} is no country; use a code of two letters, such as DE.")
    return code


def _text(_name: str, text: str) -> str:
    return text


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MOST)):
        raise InvalidInput(f"{name} is a whole number, not {text[:80]!r}.")
    return int(text)


def _moment(name: str, text: str) -> datetime:
    """Without a time zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{name} is a time such as 2026-11-30T12:00Z, not {text[:80]!r}.") from None


def _platform(_name: str, text: str) -> Platform:
    return Platform.parse(text)


def _one_of(choices: type[Choice]) -> Callable[[str, str], Choice]:
    def read(name: str, text: str) -> Choice:
        try:
            return choices(text)
        except ValueError:
            raise InvalidInput(f"{name} is {_listed([*choices])}, not {text[:80]!r}.") from None

    return read


def _either(yes: str, no: str) -> Callable[[str, str], bool]:
    def read(name: str, text: str) -> bool:
        if text not in {yes, no}:
            raise InvalidInput(f"{name} is {yes} or {no}, not {text[:80]!r}.")
        return text == yes

    return read


def _listed(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _written(name: str, value: object) -> str:
    if isinstance(value, bool):
        yes, no = _ANSWERS.get(name, ("yes", "no")) if name != "email" else ("known", UNKNOWN)
        return yes if value else no
    return value.isoformat() if isinstance(value, datetime) else str(value)


_ANSWERS: Final = {"has_email": ("known", UNKNOWN), "seen_before": ("yes", "no")}
"""Fields of which False is a limit too, with the words for yes and no."""

_READERS: Final[dict[str, tuple[str, Callable[[str, str], Any]]]] = {
    "platform": ("platforms", _platform),
    "keyword": ("keywords", _text),
    "text": ("text", _text),
    "min_followers": ("min_followers", _number),
    "max_followers": ("max_followers", _number),
    "min_views": ("min_views", _number),
    "max_views": ("max_views", _number),
    "email": ("has_email", _either("known", UNKNOWN)),
    "language": ("languages", _text),
    "country": ("countries", _text),
    "verified": ("verified", _one_of(Verified)),
    "posted_within": ("posted_within", _number),
    "matched_in": ("matched_in", _one_of(MatchedField)),
    "seen_before": ("seen_before", _either("yes", "no")),
    "found_since": ("found_since", _moment),
    "include_unknown": ("include_unknown", _either("yes", "no")),
}
"""By the name in an address: the field, and how its text is read."""

_SEVERAL: Final = {field.name for field in fields(ResultFilter) if field.default == ()}
