"""Vectors of creators, fitted on the installation's own: close together where two write of the same.

A vector has two halves of 32 numbers, each of length one. The first is the truncated singular value
decomposition of who uses which term; the second the mean of the terms' own vectors, which come from the terms
that appear together (positive pointwise mutual information). Both are linear in the terms, so that a model is
one row of numbers per term, and a creator that came later has its vector at once.

No search uses them yet: `bench.similar` measures what they would add to the shared terms.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tastemaker.catalog.similar import SATURATION, Terms

HALF: Final = 32
MOST_TERMS: Final = 6_000
"""Those that most creators use; a rarer term tells two creators apart and brings nobody together."""

LEAST_CREATORS: Final = 200
"""On fewer nothing is fitted: shared terms alone rank better."""

_ROUNDS: Final = 20
"""Fewer leave the last vectors unfinished, which costs half a hundredth of nDCG@10."""
_SPARE: Final = 16
_SMOOTHING: Final = 0.75
"""The power on the frequency of the other term, which keeps rare terms from looking too particular."""
_ROWS_AT_ONCE: Final = 2_000

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VectorModel:
    """`weights` has a row per term: what one use of it adds to the two halves of a vector."""

    places: dict[str, int]
    weights: Matrix
    average_length: float

    def vectors(self, creators: Sequence[Terms]) -> Matrix:
        """A row per creator, of length one; zeros for one without any known term."""
        raw = _Uses(creators, self.places, self.average_length).times(self.weights)
        halves = [_unit(raw[:, :HALF]), _unit(raw[:, HALF:])]
        return _unit(np.hstack(halves))


def fit(creators: Sequence[Terms]) -> VectorModel | None:
    """None where there are too few creators, or they have too few terms in common."""
    using = Counter(term for terms in creators for term in terms)
    known = sorted((term for term, number in using.items() if number > 1), key=lambda one: (-using[one], one))
    places = {term: place for place, term in enumerate(known[:MOST_TERMS])}
    if len(creators) < LEAST_CREATORS or len(places) < 2 * HALF:
        return None
    average = sum(sum(terms.values()) for terms in creators) / len(creators)
    rarity = np.array([math.log1p((len(creators) - using[one] + 0.5) / (using[one] + 0.5)) for one in places])
    uses = _Uses(creators, places, average)
    by_creators = _right_vectors(uses.weighted(rarity))
    by_neighbours = _unit(_neighbour_vectors(uses))
    weights = rarity[:, None] * np.hstack([by_creators, by_neighbours])
    return VectorModel(places, weights, average)


class _Uses:
    """A sparse matrix, creators by terms, with the saturated number of uses."""

    def __init__(self, creators: Sequence[Terms], places: dict[str, int], average_length: float) -> None:
        starts, columns, values = [0], [], []
        for terms in creators:
            norm = SATURATION * sum(terms.values()) / average_length
            for term, number in terms.items():
                if (place := places.get(term)) is not None:
                    columns.append(place)
                    values.append(number * (SATURATION + 1) / (number + norm))
            starts.append(len(columns))
        self.starts = np.array(starts)
        self.columns = np.array(columns, dtype=np.int64)
        self.values = np.array(values, dtype=np.float64)
        self.width = len(places)

    def weighted(self, rarity: Matrix) -> "_Uses":
        """With rare terms weighing more, and every creator the same."""
        weighted = object.__new__(_Uses)
        weighted.starts, weighted.columns, weighted.width = self.starts, self.columns, self.width
        values = self.values * rarity[self.columns]
        lengths = np.sqrt(np.maximum(_sums(values[:, None] ** 2, self.starts)[:, 0], 1e-12))
        weighted.values = values / np.repeat(lengths, np.diff(self.starts))
        return weighted

    def times(self, dense: Matrix) -> Matrix:
        parts = [
            _sums(self.values[first:last, None] * dense[self.columns[first:last]], starts - first)
            for starts in self._chunks()
            for first, last in [(starts[0], starts[-1])]
        ]
        return np.vstack(parts) if parts else np.zeros((0, dense.shape[1]))

    def transposed_times(self, dense: Matrix) -> Matrix:
        rows = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        return np.stack(
            [
                np.bincount(self.columns, weights=self.values * column[rows], minlength=self.width)
                for column in dense.T
            ],
            axis=1,
        )

    def together(self) -> Matrix:
        """How many creators use both of two terms."""
        counts = np.zeros((self.width, self.width), dtype=np.float32)
        for starts in self._chunks():
            present = np.zeros((len(starts) - 1, self.width), dtype=np.float32)
            rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
            present[rows, self.columns[starts[0] : starts[-1]]] = 1
            counts += present.T @ present
        return counts.astype(np.float64)

    def _chunks(self) -> Iterable[npt.NDArray[np.int64]]:
        for first in range(0, len(self.starts) - 1, _ROWS_AT_ONCE):
            yield self.starts[first : first + _ROWS_AT_ONCE + 1]


def _right_vectors(uses: _Uses) -> Matrix:
    """The terms' side of the truncated decomposition, by subspace iteration (Halko et al. 2011)."""
    basis = np.random.default_rng(0).standard_normal((uses.width, HALF + _SPARE))
    for _ in range(_ROUNDS):
        basis, _upper = np.linalg.qr(uses.transposed_times(uses.times(basis)))
    _left, _sizes, turned = np.linalg.svd(uses.times(basis), full_matrices=False)
    vectors: Matrix = (basis @ turned.T)[:, :HALF]
    return vectors


def _neighbour_vectors(uses: _Uses) -> Matrix:
    """A vector per term, of its positive pointwise mutual information with the others."""
    together = uses.together()
    np.fill_diagonal(together, 0)
    total = together.sum()
    share = together.sum(axis=1) / total
    smoothed = share**_SMOOTHING / (share**_SMOOTHING).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.log(together / total / (share[:, None] * smoothed[None, :]))
    information = np.where(np.isfinite(information), np.maximum(information, 0), 0)
    basis = np.random.default_rng(0).standard_normal((len(share), HALF + _SPARE))
    for _ in range(_ROUNDS):
        basis, _upper = np.linalg.qr(information @ (information.T @ basis))
    left, sizes, _right = np.linalg.svd(basis.T @ information, full_matrices=False)
    vectors: Matrix = (basis @ left)[:, :HALF] * np.sqrt(sizes[:HALF])
    return vectors


def _sums(rows: Matrix, starts: npt.NDArray[np.int64]) -> Matrix:
    """The sum of each group of rows; zeros for an empty one."""
    sums = np.zeros((len(starts) - 1, rows.shape[1]))
    filled = np.flatnonzero(np.diff(starts))
    if len(filled):
        sums[filled] = np.add.reduceat(rows, starts[:-1][filled], axis=0)
    return sums


def _unit(rows: Matrix) -> Matrix:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Matrix = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-12)  # noqa: PLR2004 - zero
    return unit
