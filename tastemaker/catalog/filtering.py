"""Which creators are wanted: one vocabulary for the command line, the API and the address of a page.

`CreatorFilter` is what is asked of a creator everywhere: in the catalog, among results, as criteria of a
search. What only one place can answer extends it there. The names stand in `NAMES`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar

from tastemaker.core.countries import country_code
from tastemaker.core.errors import InvalidInput
from tastemaker.core.numbers import UnclearNumber, read_count
from tastemaker.core.platforms import Platform
from tastemaker.core.text import clean_line

UNKNOWN: Final = "unknown"
"""Stands among languages and countries for creators of whom none is known."""

MOST_VALUES: Final = 100
MOST_DAYS: Final = 36_500
MOST: Final = 10**15

Choice = TypeVar("Choice", bound=StrEnum)
Wanted = TypeVar("Wanted", bound="CreatorFilter")
Reader = Callable[[str, str], Any]
"""Of a name and the text behind it. Raises InvalidInput."""


class Verified(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = UNKNOWN


class UnknownFilter(InvalidInput):
    """No filter has this name, or not here; the message names the nearest that has."""


def number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MOST)):
        raise InvalidInput(f"{name} is a whole number, not {text[:80]!r}.")
    return int(text)


def moment(name: str, text: str) -> datetime:
    """Without a time zone it is UTC."""
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{name} is a time such as 2026-11-30T12:00Z, not {text[:80]!r}.") from None


def as_written(_name: str, text: str) -> str:
    return text


def one_choice(choices: type[Choice]) -> Callable[[str, str], Choice]:
    def read(name: str, text: str) -> Choice:
        try:
            return choices(text)
        except ValueError:
            raise InvalidInput(f"{name} is {_listed([*choices])}, not {text[:80]!r}.") from None

    return read


def either(yes: str, no: str) -> Callable[[str, str], bool]:
    def read(name: str, text: str) -> bool:
        if text not in {yes, no}:
            raise InvalidInput(f"{name} is {yes} or {no}, not {text[:80]!r}.")
        return text == yes

    return read


def _platform(_name: str, text: str) -> Platform:
    return Platform.parse(text)


NAMES_OF_CREATORS: Final[Mapping[str, tuple[str, Reader]]] = MappingProxyType({
    "platform": ("platforms", _platform),
    "min_followers": ("min_followers", number),
    "max_followers": ("max_followers", number),
    "email": ("has_email", either("known", UNKNOWN)),
    "language": ("languages", as_written),
    "country": ("countries", as_written),
    "verified": ("verified", one_choice(Verified)),
    "posted_within": ("posted_within", number),
    "include_unknown": ("include_unknown", either("yes", "no")),
})  # fmt: skip
"""By the name in an address: the field, and how its text is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatorFilter:
    """Empty and None set no limit. An unknown value passes no limit, unless `include_unknown` lets it pass.

    `has_email` False: none is known. `posted_within` in days. Languages, countries and `verified` name the
    unknown themselves; `include_unknown` is about the other values.
    """

    NAMES: ClassVar[Mapping[str, tuple[str, Reader]]] = NAMES_OF_CREATORS
    ANSWERS: ClassVar[Mapping[str, tuple[str, str]]] = MappingProxyType({"has_email": ("known", UNKNOWN)})
    """Fields of which False is a limit too, with the words for yes and no."""

    platforms: tuple[Platform, ...] = ()
    min_followers: int | None = None
    max_followers: int | None = None
    has_email: bool | None = None
    languages: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    verified: tuple[Verified, ...] = ()
    posted_within: int | None = None
    include_unknown: bool = False


ANYBODY: Final = CreatorFilter()


def checked(wanted: Wanted) -> Wanted:
    """The filter with clean and distinct values, if some creator can pass it. Raises InvalidInput."""
    check_range("followers", wanted.min_followers, wanted.max_followers)
    if wanted.posted_within is not None and not 1 <= wanted.posted_within <= MOST_DAYS:
        raise InvalidInput(f"The last post is within 1 to {MOST_DAYS:,} days.")
    return replace(
        wanted,
        languages=distinct(map(clean_line, wanted.languages)),
        countries=distinct(map(_country, wanted.countries)),
        platforms=distinct(wanted.platforms),
        verified=distinct(wanted.verified),
    )


def read_fields(kind: type[CreatorFilter], pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The filter's fields out of an address's query; other names and empty values are ignored.

    Raises InvalidInput.
    """
    several = several_of(kind)
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in kind.NAMES and value.strip():
            values.setdefault(name, []).append(value.strip())
    given: dict[str, Any] = {}
    for name, texts in values.items():
        field, read = kind.NAMES[name]
        if len(texts) > (MOST_VALUES if field in several else 1):
            raise InvalidInput(f"{name} is given too often.")
        read_ones = tuple(read(name, text) for text in texts)
        given[field] = read_ones if field in several else read_ones[0]
    return given


def filter_query(wanted: CreatorFilter) -> list[tuple[str, str]]:
    """The filter as pairs of an address's query, which reads as the same filter."""
    several = several_of(type(wanted))
    pairs = []
    for name, (field, _) in wanted.NAMES.items():
        value = getattr(wanted, field)
        if field in several:
            pairs += [(name, str(one)) for one in value]
        elif (value is not None and value is not False) or (value is False and field in wanted.ANSWERS):
            pairs.append((name, _written(wanted, field, value)))
    return pairs


def refuse_unknown(names: Iterable[str], *, known: Collection[str], elsewhere: Mapping[str, str]) -> None:
    """Raises UnknownFilter for a name that is not known here. `elsewhere`: where other names belong."""
    for name in names:
        if name in known:
            continue
        nearest = get_close_matches(name.lower().replace("-", "_"), sorted(known), n=1, cutoff=0.5)
        advice = f"did you mean {nearest[0]}?" if nearest else f"there are {_listed(sorted(known), 'and')}."
        if name in elsewhere:
            raise UnknownFilter(f"{name} is a filter of {elsewhere[name]}, not of this; {advice}")
        raise UnknownFilter(f"There is no filter {name[:80]!r}; {advice}")


def read_range(what: str, text: str) -> tuple[int | None, int | None]:
    """`10k-100k`, `10k-`, `-100k` or `10k` (at least) as least and most. Raises InvalidInput."""
    least, _, most = text.replace("\u2013", "-").partition("-")
    try:
        read = [read_count(one) if one.strip() else None for one in (least, most)]
    except UnclearNumber as error:
        raise InvalidInput(f"{what} are a range such as 10k-100k, not {text[:80]!r}: {error}.") from None
    if read == [None, None]:
        raise InvalidInput(f"{what} are a range such as 10k-100k, not {text[:80]!r}.")
    check_range(what, *read)
    return read[0], read[1]


def check_range(what: str, least: int | None, most: int | None) -> None:
    """Raises InvalidInput."""
    for one in (least, most):
        if one is not None and not 0 <= one <= MOST:
            raise InvalidInput(f"A number of {what} is 0 to {MOST:,}.")
    if least is not None and most is not None and most < least:
        raise InvalidInput(f"No creator has at least {least:,} and at most {most:,} {what}.")


def distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def several_of(kind: type[CreatorFilter]) -> Collection[str]:
    """The fields that take several values."""
    return {field.name for field in fields(kind) if field.default == ()}


def _country(text: str) -> str:
    code = UNKNOWN if text == UNKNOWN else country_code(text)
    if code is None:
        raise InvalidInput(f"{text[:80]!r} is no country; use a code of two letters, such as DE.")
    return code


def _listed(words: Sequence[str], last: str = "or") -> str:
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _written(wanted: CreatorFilter, field: str, value: object) -> str:
    if isinstance(value, bool):
        yes, no = wanted.ANSWERS.get(field, ("yes", "no"))
        return yes if value else no
    return value.isoformat() if isinstance(value, datetime) else str(value)
