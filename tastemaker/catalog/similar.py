"""How alike two creators are by what they write: one score that is the sum of stated contributions.

Two sources: BM25 of each term that both use, as a share of what the target would score against itself, and
the cosine of their vectors, which also finds those who say the same in other words (`catalog.vectors`).
Category, audience and size are no part of it. The constants were chosen by `bench.similar`.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LEAST_TERMS: Final = 16
"""Below so many terms, repetitions included, a creator's texts say too little to compare."""

LEAST_SHARED: Final = 2
"""Fewer shared terms do not explain a likeness: then it is called similar vocabulary."""

SATURATION: Final = 1.2
LENGTH_NORM: Final = 1.0
"""k1 and b of BM25: with b = 1 a long text gains nothing by its length."""

TERMS_TO_VECTOR: Final = 2.0
"""The weight of the shared terms beside that of the vectors."""

RELATED: Final = 0.1
"""What a platform's own statement that two accounts are related adds."""

Terms = Mapping[str, int]
"""How often a creator uses each term of its name, bio, captions and hashtags."""


class LikenessReason(StrEnum):
    TERM = "term"
    VOCABULARY = "vocabulary"
    RELATED = "related"


@dataclass(frozen=True, slots=True)
class Contribution:
    """`term` is the shared word or hashtag; None for the other reasons."""

    reason: LikenessReason
    value: float
    term: str | None = None


@dataclass(frozen=True, slots=True)
class Likeness:
    """`score` is the sum of the contributions, the largest of which comes first."""

    score: float
    contributions: tuple[Contribution, ...]

    @property
    def shared(self) -> tuple[str, ...]:
        return tuple(one.term for one in self.contributions if one.term is not None)

    @property
    def is_explained(self) -> bool:
        """Whether shared terms explain it; else it is a similar vocabulary."""
        return len(self.shared) >= LEAST_SHARED


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """Of the creators that a likeness is measured among: how many use a term, and how much they write."""

    creators: int
    using: Mapping[str, int]
    average_length: float

    def rarity(self, term: str) -> float:
        using = self.using.get(term, 0)
        return math.log1p((self.creators - using + 0.5) / (using + 0.5)) if using <= self.creators else 0.0


def statistics_of(creators: Iterable[Terms]) -> TermStatistics:
    using: dict[str, int] = {}
    number = length = 0
    for terms in creators:
        number += 1
        length += sum(terms.values())
        for term in terms:
            using[term] = using.get(term, 0) + 1
    return TermStatistics(number, using, length / number if length else 1.0)


def says_enough(terms: Terms) -> bool:
    return sum(terms.values()) >= LEAST_TERMS


class Target:
    """One target, to be compared with many."""

    def __init__(self, terms: Terms, statistics: TermStatistics) -> None:
        self.statistics = statistics
        self.rarity = {term: statistics.rarity(term) for term in terms}
        self.itself = math.fsum(self._values(terms).values())

    def likeness(
        self, candidate: Terms, *, cosine: float | None = None, is_related: bool = False
    ) -> Likeness:
        """`cosine` of the vectors; None where there are none, then the shared terms are all."""
        weight = 1.0 if cosine is None else TERMS_TO_VECTOR / (1 + TERMS_TO_VECTOR)
        found = [
            Contribution(LikenessReason.TERM, weight * value / self.itself, term)
            for term, value in self._values(candidate).items()
        ]
        if cosine is not None:
            found.append(Contribution(LikenessReason.VOCABULARY, (1 - weight) * max(cosine, 0.0)))
        if is_related:
            found.append(Contribution(LikenessReason.RELATED, RELATED))
        found.sort(key=lambda one: (-one.value, one.term or ""))
        return Likeness(math.fsum(one.value for one in found), tuple(found))

    def _values(self, candidate: Terms) -> dict[str, float]:
        """BM25 of each term of the target that the candidate uses."""
        length = sum(candidate.values())
        average = self.statistics.average_length
        norm = SATURATION * (1 - LENGTH_NORM + LENGTH_NORM * length / average)
        return {
            term: rarity * uses * (SATURATION + 1) / (uses + norm)
            for term, rarity in self.rarity.items()
            if (uses := candidate.get(term, 0)) and rarity > 0
        }
