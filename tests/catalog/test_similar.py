"""The likeness of two creators: a sum of what is stated, and vectors that find other words for the same."""

import math
import random
from collections import Counter

from tastemaker.catalog.similar import LikenessReason, Target, Terms, says_enough, statistics_of
from tastemaker.catalog.vectors import LEAST_CREATORS, fit

SUBJECTS = {
    name: words.split()
    for name, words in {
        "bread": "bread sourdough flour oven crust baking yeast dough starter rye loaf knead",
        "bikes": "bike gravel saddle wheel chain ride climb pedal tyre helmet trail frame",
        "chess": "chess opening gambit endgame rook bishop knight pawn mate tactics board elo",
    }.items()
}
COMMON = [f"word{number}" for number in range(40)]


def creators(count: int) -> tuple[list[Terms], list[str]]:
    numbers = random.Random(7)  # noqa: S311 - the same in each run
    labels = [numbers.choice([*SUBJECTS]) for _ in range(count)]
    return [
        Counter(numbers.choices(SUBJECTS[label], k=7) + numbers.choices(COMMON, k=20)) for label in labels
    ], labels


def test_the_score_is_the_sum_of_its_contributions_and_one_for_itself() -> None:
    known, _ = creators(50)
    comparison = Target(known[0], statistics_of(known))
    for other in known:
        for cosine in (None, 0.37, -0.2):
            found = comparison.likeness(other, cosine=cosine, is_related=True)
            assert math.isclose(
                found.score, math.fsum(one.value for one in found.contributions), abs_tol=1e-9
            )
            assert set(found.shared) <= set(known[0]) & set(other)
    assert math.isclose(comparison.likeness(known[0]).score, 1, abs_tol=1e-9)
    assert math.isclose(comparison.likeness(known[0], cosine=1.0).score, 1, abs_tol=1e-9)


def test_a_rare_shared_term_counts_for_more_and_one_alone_explains_nothing() -> None:
    target = Counter(["sourdough", "every", "day", "and", "word"])
    others = [Counter(f"word number{number} day".split()) for number in range(20)]
    comparison = Target(target, statistics_of([target, Counter(["sourdough", "x", "y"]), *others]))
    rare, common = (comparison.likeness(Counter([term, "x", "y"])) for term in ("sourdough", "day"))
    assert rare.score > common.score > 0
    assert not rare.is_explained
    assert comparison.likeness(others[0]).is_explained
    assert not says_enough(target)
    assert says_enough(Counter(dict.fromkeys("abcdefghijklmnop", 1)))


def test_vectors_bring_creators_of_one_subject_together() -> None:
    known, labels = creators(400)
    model = fit(known)
    assert model is not None
    vectors = model.vectors(known)
    again = model.vectors([Counter(SUBJECTS["bread"][:6]), Counter(["never", "seen"])])
    assert not again[1].any()
    alike = vectors @ vectors.T
    hits = [
        labels[other] == labels[place]
        for place in range(100)
        for other in [one for one in alike[place].argsort()[::-1] if one != place][:5]
    ]
    assert sum(hits) / len(hits) > 0.9
    nearest = (vectors @ again[0]).argsort()[::-1][:20]
    assert [labels[one] for one in nearest].count("bread") >= 18


def test_too_few_creators_are_compared_by_their_terms_alone() -> None:
    known, _ = creators(LEAST_CREATORS - 1)
    assert fit(known) is None
    found = Target(known[0], statistics_of(known)).likeness(known[1])
    assert {one.reason for one in found.contributions} <= {LikenessReason.TERM}
