"""Counts as people, platforms and spreadsheets write them.

The rule, for every count in the product:

1. A count is digits, an optional unit (`K`, `Mio.`, `万`) and an optional noun (`subscribers`).
2. Without a unit, a mark between groups of three digits groups them: `1,234` and `1.234` are 1234. Blanks and
   apostrophes group as well, and so does the Indian `12,34,567`. A group never begins with 0.
3. With two kinds of marks the last one begins the fraction: `1,234.5K` is 1,234,500.
4. Some texts could be two numbers: a single mark before three digits and a unit (`1,234K`); `B` or `billion`
   behind a decimal comma, which is 10^9, 10^12 or a thousand by language (`12,5 B`); `mil`, a thousand or a
   million. They are refused, never guessed.
5. Without a unit a fraction is no count (`0.500`, `348.5`), unless it is zero (`633.00`). With a unit, a
   part of one is dropped: `1.2345K` is 1234.
"""

import re
from decimal import Decimal
from typing import Final

MAX_COUNT: Final = 2**63 - 1

THOUSAND: Final = 10**3
MILLION: Final = 10**6
MILLIARD: Final = 10**9
UNITS: Final = {
    **dict.fromkeys(("k", "thousand", "tsd", "тыс", "천", "mil"), THOUSAND),
    **dict.fromkeys(("m", "mi", "mio", "mln", "mn", "mill", "million", "millions", "millionen"), MILLION),
    **dict.fromkeys(("millones", "milhões", "milhão", "millón", "миллион", "млн"), MILLION),
    **dict.fromkeys(("b", "bi", "bn", "md", "mds", "mrd", "billion", "billions", "milliard"), MILLIARD),
    "млрд": MILLIARD,
    "万": 10**4, "만": 10**4, "億": 10**8, "亿": 10**8, "억": 10**8, "lakh": 10**5, "crore": 10**7,
}  # fmt: skip
"""What may stand behind the digits, in lower case and without a dot, and its factor."""

NOUNS: Final = frozenset({
    "subscriber", "subscribers", "follower", "followers", "following", "view", "views", "like", "likes",
    "video", "videos", "post", "posts", "abonnent", "abonnenten", "aufrufe", "abonné", "abonnés", "vues",
    "seguidor", "seguidores", "suscriptores", "inscritos", "vistas", "visualizaciones", "visualizações",
})  # fmt: skip

_COUNT = re.compile(
    r"(?P<digits>[0-9](?:[0-9.,'\u2019\u00a0\u2009\u202f ]*[0-9])?)(?P<exponent>[eE][+-]?[0-9]{1,3})?"
    r"[\s\u00a0]*(?P<unit>[^\W\d_]+)?(?P<dot>\.)?[\s\u00a0]*(?P<rest>.*)"
)
_GROUPED = re.compile(
    r"[1-9][0-9]{0,2}(?P<mark>[.,'\u2019\u00a0\u2009\u202f ])[0-9]{3}(?:(?P=mark)[0-9]{3})*"
)
_INDIAN = re.compile(r"[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}")
_FRACTION = re.compile(r"(?P<whole>.*[0-9])(?P<mark>[.,])(?P<fraction>[0-9]+)")
_LEADING_ZERO = re.compile(r"0[.,][0-9]{3}")
_BILLIONS = {"b", "bn", "billion", "billions"}
_LONGEST = 60


class UnclearNumber(ValueError):
    """`str()` of it says in a few words why the text is no count."""


class AmbiguousNumber(UnclearNumber):
    """The text could be two numbers: the value is unknown and reported, never guessed."""


def read_count(text: str) -> int:
    """The count in `text`. Raises UnclearNumber for what is none, or could be two."""
    written = text.strip()
    if written.startswith("-") and written[1:2].isdigit():
        raise UnclearNumber("a count below zero")
    match = _COUNT.fullmatch(written) if len(written) <= _LONGEST else None
    if match is None:
        raise UnclearNumber("a text where a number should be, columns shifted?")
    unit, noun = _unit_and_noun((match["unit"] or "").lower(), match["rest"].lower())
    if noun not in NOUNS and noun:
        raise UnclearNumber("a number with something else behind it")
    if match["dot"] and not match["unit"]:
        raise UnclearNumber("a number that cannot be read")
    number = _with_unit(match["digits"], unit) if unit else _without_unit(match["digits"])
    if match["exponent"]:
        number = number.scaleb(int(match["exponent"][1:]))
    if not unit and _LEADING_ZERO.fullmatch(match["digits"]):
        raise AmbiguousNumber("a zero before three digits: it could be two numbers")
    if not unit and number != number.to_integral_value():
        raise UnclearNumber("a fraction where a count should be")
    if number > MAX_COUNT:
        raise UnclearNumber("a count beyond all bounds")
    return int(number)


def _unit_and_noun(word: str, rest: str) -> tuple[str, str]:
    if word in UNITS:
        return word, rest
    return "", f"{word} {rest}".strip()


def _without_unit(digits: str) -> Decimal:
    """A mark before three digits groups them."""
    if digits.isdecimal():
        return Decimal(digits)
    if _GROUPED.fullmatch(digits) or _INDIAN.fullmatch(digits):
        return _digits_of(digits)
    return _with_fraction(digits)


def _with_unit(digits: str, unit: str) -> Decimal:
    grouped = _GROUPED.fullmatch(digits)
    if grouped and digits.count(grouped["mark"]) == 1 and grouped["mark"] in ".,":
        raise AmbiguousNumber("a mark before three digits and a unit: it could be two numbers")
    if unit == "mil" and "," not in digits:
        raise AmbiguousNumber("mil is a thousand or a million: it could be two numbers")
    if unit in _BILLIONS and not grouped and "," in digits and not _ends_in_point(digits):
        raise AmbiguousNumber("a decimal comma before a billion: it could be two numbers")
    return (_digits_of(digits) if grouped or digits.isdecimal() else _with_fraction(digits)) * UNITS[unit]


def _ends_in_point(digits: str) -> bool:
    return digits.rfind(".") > digits.rfind(",")


def _with_fraction(digits: str) -> Decimal:
    match = _FRACTION.fullmatch(digits)
    if match is None:
        raise UnclearNumber("a number that cannot be read")
    whole, mark = match["whole"], match["mark"]
    if not whole.isdecimal():
        grouped = _GROUPED.fullmatch(whole) or _INDIAN.fullmatch(whole)
        if grouped is None or mark in whole:
            raise UnclearNumber("a number that cannot be read")
    return Decimal(f"{_digits_of(whole)}.{match['fraction']}")


def _digits_of(text: str) -> Decimal:
    return Decimal(re.sub(r"[^0-9]", "", text))
