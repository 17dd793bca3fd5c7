"""How well similar creators are found, on the real tables beside the checkout, which are never published.

Truth is the main category on the lists of 2017 and 2022, and the other half of the same channel's videos on
the channels of 2021 to 2026. Constants are chosen on one half of the queries; both halves are shown.
"""

import csv
import gzip
import math
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tastemaker.catalog.similar import LEAST_SHARED, Target, Terms, statistics_of
from tastemaker.catalog.vectors import fit
from tastemaker.core.folding import fold

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BEST = 10
LEAST_VIDEOS = 4
"""Of a channel that is told again by its halves."""

_WORD = re.compile(r"[^\W_]{2,}")

Scores = Sequence[Sequence[float]]
"""A row per query: the score of every creator."""


@dataclass(frozen=True, slots=True)
class Table:
    """`labels[i]` is what `creators[i]` shares with those that are relevant to it; `popularity` its reach."""

    creators: Sequence[Terms]
    labels: Sequence[str]
    popularity: Sequence[float]


def main() -> None:
    if not DATA.is_dir():
        sys.exit(f"{DATA} is not there: the real tables lie beside the checkout.")
    by_category("YouTube trending 2017", trending())
    split_halves()
    for platform in ("instagram", "youtube"):
        by_category(f"the 2022 list of {platform}, names alone", list_of_2022(platform))


def by_category(title: str, table: Table) -> None:
    """nDCG@10 and P@10 over all queries, and over the two halves that choices are made and told on."""
    order = random.Random(1).sample(range(len(table.labels)), len(table.labels))  # noqa: S311 - a fixed order
    middle = len(order) // 2
    halves = (order[:middle], order[middle:])
    print(f"\n{title}: {len(order):,} creators\n{'':34}{'nDCG@10':>9}{'chosen':>9}{'told':>9}{'P@10':>9}")
    started = perf_counter()
    for name, scores in ways(table.creators, table.popularity).items():
        gains = [gain(scores[query], table.labels, query) for query in range(len(order))]
        print(f"{name:34}{_mean(gains, order, 0)}{''.join(_mean(gains, half, 0) for half in halves)}"
              f"{_mean(gains, order, 1)}")  # fmt: skip
    print(f"{perf_counter() - started:.0f} s")


def ways(creators: Sequence[Terms], popularity: Sequence[float]) -> Mapping[str, Scores]:
    numbers = random.Random(2)  # noqa: S311 - a fixed order
    cosines = _cosines(creators, creators)
    found = {
        "chance": [[numbers.random() for _ in creators] for _ in creators],
        "popularity": [popularity for _ in creators],
        "shared terms (BM25)": _scores(creators, creators, None),
    }
    if cosines is not None:
        found |= {
            "vectors alone": cosines,
            "both together": _scores(creators, creators, cosines),
        }
    return found


def split_halves() -> None:
    """MRR of finding the second half of a channel's videos among those of all by the first half."""
    firsts, seconds = _halves()
    cosines = _cosines(firsts, seconds)
    print(f"\nchannels of 2021 to 2026 by halves of their videos: {len(firsts)}\n{'':34}{'MRR':>9}")
    for name, scores in {
        "shared terms (BM25)": _scores(firsts, seconds, None),
        "vectors alone": cosines,
        "both together": _scores(firsts, seconds, cosines),
    }.items():
        if scores is not None:
            ranks = [sum(one >= row[place] for one in row) for place, row in enumerate(scores)]
            print(f"{name:34}{sum(1 / rank for rank in ranks) / len(ranks):9.3f}")
    explained = [
        len(set(first) & set(second)) >= LEAST_SHARED for first, second in zip(firsts, seconds, strict=True)
    ]
    print(f"pairs with {LEAST_SHARED} shared terms or more: {sum(explained) / len(explained):.0%}")


def gain(scores: Sequence[float], labels: Sequence[str], query: int) -> tuple[float, float] | None:
    """NDCG and precision of the best ten. None: nobody is relevant."""
    relevant = sum(label == labels[query] for label in labels) - 1
    if relevant < 1:
        return None
    best = sorted((one for one in range(len(scores)) if one != query), key=lambda one: -scores[one])[:BEST]
    hits = [labels[one] == labels[query] for one in best]
    ideal = math.fsum(_discount(rank) for rank in range(min(BEST, relevant)))
    return math.fsum(_discount(rank) for rank, hit in enumerate(hits) if hit) / ideal, sum(hits) / BEST


def trending() -> Table:
    videos: dict[str, dict[str, str]] = defaultdict(dict)
    categories: dict[str, Counter[str]] = defaultdict(Counter)
    views: Counter[str] = Counter()
    for row in _rows("kaggle/youtube_trending_2017.csv.gz"):
        channel = row["channel_title"]
        categories[channel][row["category"]] += 1
        views[channel] += int(row["views"] or 0)
        tags = "" if row["tags"] == "[none]" else row["tags"].replace("|", " ")
        videos[channel].setdefault(row["title"], f"{row['title']} {tags}")
    channels = sorted(videos)
    return Table(
        [_terms(channel, *videos[channel].values()) for channel in channels],
        [categories[channel].most_common(1)[0][0] for channel in channels],
        [views[channel] for channel in channels],
    )


def list_of_2022(platform: str) -> Table:
    """Names and handles of the last snapshot: there is no other text."""
    rows = {row["handle"]: row for row in _rows("kaggle/influencers_2022.csv.gz")
            if row["platform"] == platform and row["category_1"]}  # fmt: skip
    return Table(
        [_terms(row["name"], row["handle"]) for row in rows.values()],
        [row["category_1"] for row in rows.values()],
        [float(row["followers"] or 0) for row in rows.values()],
    )


def _halves() -> tuple[list[Terms], list[Terms]]:
    videos: dict[str, dict[str, str]] = defaultdict(dict)
    for row in _rows("gpl3/youtube_videos_obs_2021_2026.csv.gz"):
        texts = (row["title"], row["description"], row["tags"].replace("|", " "))
        videos[row["channel_id"]].setdefault(row["video_id"], " \n ".join(texts))
    order = random.Random(5)  # noqa: S311 - a fixed order
    firsts, seconds = [], []
    for channel in sorted(one for one, texts in videos.items() if len(texts) >= LEAST_VIDEOS):
        ids = sorted(videos[channel])
        order.shuffle(ids)
        middle = len(ids) // 2
        firsts.append(_terms(*(videos[channel][one] for one in ids[:middle])))
        seconds.append(_terms(*(videos[channel][one] for one in ids[middle:])))
    return firsts, seconds


def _scores(targets: Sequence[Terms], creators: Sequence[Terms], cosines: Scores | None) -> Scores:
    statistics = statistics_of([*creators] if targets is creators else [*targets, *creators])
    found = []
    for place, target in enumerate(targets):
        comparison = Target(target, statistics)
        given = cosines[place] if cosines is not None else [None] * len(creators)
        found.append(
            [
                comparison.likeness(one, cosine=cosine).score
                for one, cosine in zip(creators, given, strict=True)
            ]
        )
    return found


def _cosines(targets: Sequence[Terms], creators: Sequence[Terms]) -> Scores | None:
    model = fit([*creators] if targets is creators else [*targets, *creators])
    if model is None:
        return None
    found: Scores = (model.vectors(targets) @ model.vectors(creators).T).tolist()
    return found


def _terms(*texts: str) -> Terms:
    return Counter(word for text in texts for word in _WORD.findall(fold(text)))


def _rows(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _discount(rank: int) -> float:
    return 1 / math.log2(rank + 2)


def _mean(gains: Sequence[tuple[float, float] | None], queries: Sequence[int], which: int) -> str:
    known = [one[which] for query in queries if (one := gains[query]) is not None]
    return f"{sum(known) / len(known):9.3f}"


if __name__ == "__main__":
    main()
