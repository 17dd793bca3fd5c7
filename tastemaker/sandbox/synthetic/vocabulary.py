"""The word lists, read once (niches.toml, languages.toml), and the persons drawn from them."""

import tomllib
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from tastemaker.sandbox.identity import seeded_random

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Niche:
    key: str
    category: str
    """YouTube's category id."""
    tags: tuple[str, ...]
    words: dict[str, tuple[str, ...]]
    """By language; English is always there."""
    compound: str
    """How it stands inside a name: `StreetFood`."""

    def words_in(self, language: str) -> tuple[str, ...]:
        return self.words.get(language) or self.words["en"]


@dataclass(frozen=True, slots=True)
class Name:
    written: str
    romanised: str


@dataclass(frozen=True, slots=True)
class Language:
    code: str
    countries: tuple[str, ...]
    given: tuple[Name, ...]
    family: tuple[Name, ...]
    family_first: bool
    joint: str
    titles: tuple[str, ...]
    captions: tuple[str, ...]
    bios: tuple[str, ...]
    contact: str
    sponsored: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    niches: tuple[Niche, ...]
    languages: tuple[Language, ...]
    language_steps: tuple[float, ...]
    """Upper ends of the languages' shares between 0 and 1."""

    def language(self, dice: Random) -> Language:
        return self.languages[bisect(self.language_steps, dice.random())]

    def niche(self, dice: Random) -> Niche:
        """The first ones of the list are the popular ones."""
        return self.niches[int(len(self.niches) * dice.random() ** 1.3)]


def pick(dice: Random, items: Sequence[Item]) -> Item:
    """Quicker than `random.choice`, and always exactly one draw."""
    return items[int(dice.random() * len(items))]


def happens(dice: Random, share: float) -> bool:
    """True in `share` of all cases."""
    return dice.random() < share


@cache
def get_vocabulary() -> Vocabulary:
    languages = _read("languages.toml")
    total = sum(entry["weight"] for entry in languages.values())
    shares = [entry["weight"] / total for entry in languages.values()]
    return Vocabulary(
        niches=tuple(_niche(key, entry) for key, entry in _read("niches.toml").items()),
        languages=tuple(_language(code, entry) for code, entry in languages.items()),
        language_steps=tuple(accumulate(shares))[:-1],
    )


def focused_on(niche: str, language: str) -> Vocabulary | None:
    """Persons of this niche and language alone; None where one of them does not exist."""
    known = get_vocabulary()
    niches = tuple(one for one in known.niches if one.key == niche)
    languages = tuple(one for one in known.languages if one.code == language)
    return Vocabulary(niches, languages, ()) if niches and languages else None


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _niche(key: str, entry: dict[str, str]) -> Niche:
    words = {code: _list(text) for code, text in entry.items() if code not in {"category", "tags"}}
    compound = words["en"][0].title().replace(" ", "").replace("'", "")
    return Niche(key, entry["category"], _list(entry["tags"]), words, compound)


def _language(code: str, entry: dict[str, Any]) -> Language:
    return Language(
        code=code,
        countries=tuple(entry["countries"].split()),
        given=_names(entry["given"]),
        family=_names(entry["family"]),
        family_first=entry["order"] == "family given",
        joint=entry.get("joint", " "),
        titles=tuple(entry["titles"]),
        captions=tuple(entry["captions"]),
        bios=tuple(entry["bios"]),
        contact=entry["contact"],
        sponsored=entry["sponsored"],
    )


def _names(text: str) -> tuple[Name, ...]:
    return tuple(Name(*name.split(":")) for name in text.split())


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass(frozen=True, slots=True)
class Person:
    """`index` is the person's number in the seed's sequence; `dice` is theirs alone."""

    index: int
    dice: Random
    language: Language
    niche: Niche
    second_niche: Niche
    given: Name
    family: Name
    country: str
    reach: float
    """How far above (or below) the typical account this person's are: a standard normal number."""
    email_share: float = 0.26
    """How probably an account shows an e-mail address."""


def person(vocabulary: Vocabulary, seed: int, index: int) -> Person:
    dice = seeded_random(seed, "person", index)
    language = vocabulary.language(dice)
    niche = vocabulary.niche(dice)
    return Person(
        index=index,
        dice=dice,
        language=language,
        niche=niche,
        second_niche=vocabulary.niche(dice) if happens(dice, 0.25) else niche,
        given=pick(dice, language.given),
        family=pick(dice, language.family),
        country=pick(dice, language.countries),
        reach=dice.gauss(0, 1),
    )
