"""Person number N of a seed: what all accounts of that person share."""

from dataclasses import dataclass
from random import Random

from tastemaker.sandbox.chance import chance
from tastemaker.sandbox.synthetic.vocabulary import Language, Name, Niche, Vocabulary, happens, pick


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


def person(vocabulary: Vocabulary, seed: int, index: int) -> Person:
    dice = chance(seed, "person", index)
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
