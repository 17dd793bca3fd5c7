"""A whole search over real tables: found creators carry the word, come once, have the source's numbers."""

import csv
import gzip
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tastemaker.core.platforms import Platform
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.sandbox.tables.importing import import_tables
from tastemaker.searches.types import Outcome, Status
from tests.searches.scripted import Bench
from tests.searches.test_sandbox_search import worker_over_sandbox

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]

VIDEOS = "gpl3/youtube_videos_obs_2021_2026.csv.gz"
TRENDING = "kaggle/youtube_trending_2017.csv.gz"
CHANNELS = "gpl3/youtube_channels_obs_2021_2026.csv.gz"


@dataclass(frozen=True)
class Found:
    stable_id: str
    name: str | None
    matched_in: list[str]
    post_id: str | None
    views: int | None
    keyword: str


FOUND = statement(
    """
    SELECT c.stable_id, c.name, s.matched_in, p.post_id, p.views, r.keyword
    FROM search_creators s JOIN scraping_runs r ON r.id = s.run_id
    JOIN creators c ON c.id = s.creator_id LEFT JOIN posts p ON p.id = s.post_id
    WHERE s.job_id = CAST(%(search_id)s AS uuid)
    """,
    Found,
)


@pytest.fixture(scope="module")
def real_corpus(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("real") / "corpus.sqlite3"
    import_tables(path, [shared_data / name for name in (VIDEOS, TRENDING, CHANNELS)])
    return path


@pytest.mark.parametrize(
    ("keyword", "somebody", "at_least"), [("chess", "GothamChess", 5), ("makeup", None, 60)]
)
async def test_who_is_found_carries_the_word_and_the_numbers_of_the_source(
    bench: Bench, shared_data: Path, real_corpus: Path, keyword: str, somebody: str | None, at_least: int
) -> None:
    async with worker_over_sandbox(bench, real_corpus):
        ended = await bench.finish(await bench.start(keyword, target=500, platform=Platform.YOUTUBE))
    async with transaction(bench.database, bench.user.claim) as tx:
        rows = await tx.many(FOUND, search_id=ended.id)
    assert ended.status is Status.COMPLETED
    assert len(rows) == len({row.stable_id for row in rows}) == ended.stored >= at_least
    assert somebody is None or somebody in {row.name for row in rows}

    said, views = source(shared_data)
    strangers = [
        row.name for row in rows if not carries(said[row.stable_id] + said[row.name.casefold()], keyword)
    ]
    assert strangers == []
    unexplained = [row.name for row in rows if not row.matched_in]
    assert unexplained == [], "every result says in which field the word is"
    shown = [(row.post_id, row.views) for row in rows if row.views is not None]
    assert len(shown) >= at_least / 2
    assert [(post, count) for post, count in shown if count not in views[post]] == []


def source(shared_data: Path) -> tuple[dict[str, str], dict[str, set[int]]]:
    """What a channel's rows say, by its id and by its name; the view counts that a video's rows tell."""
    said: dict[str, list[str]] = defaultdict(list)
    views: dict[str, set[int]] = defaultdict(set)
    for table in (VIDEOS, TRENDING, CHANNELS):
        for row in read(shared_data / table):
            texts = [value for key, value in row.items() if value and key in TEXTS]
            name = row.get("channel_title") or row["title"]
            for channel in {name.casefold(), row.get("channel_id", "")}:
                said[channel] += [name, *texts]
            if row.get("views"):
                views[row["video_id"]].add(int(float(row["views"])))
    return defaultdict(str, {channel: " ".join(texts) for channel, texts in said.items()}), views


TEXTS = {"title", "description", "tags", "keywords", "handle"}


def carries(said: str, keyword: str) -> bool:
    folded = unicodedata.normalize("NFKC", said).casefold()
    return keyword in folded.replace("-", "").replace(" ", "")


def read(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


async def test_several_keywords_and_platforms_keep_the_same_promises(
    bench: Bench, shared_data: Path, real_corpus: Path
) -> None:
    """Whoever is found carries the keyword that brought it; a platform without rows has nothing."""
    async with worker_over_sandbox(bench, real_corpus):
        begun = [
            await bench.start("chess", "makeup", "guitar", target=150, platform=platform)
            for platform in (Platform.YOUTUBE, Platform.TIKTOK)
        ]
        youtube, tiktok = [await bench.finish(search, within=60) for search in begun]
    assert (tiktok.outcome, tiktok.stored) == (Outcome.NOTHING_FOUND, 0)
    async with transaction(bench.database, bench.user.claim) as tx:
        rows = await tx.many(FOUND, search_id=youtube.id)
    assert len(rows) == len({row.stable_id for row in rows}) == youtube.stored >= 60
    said, views = source(shared_data)
    told = [(row.name, row.keyword, said[row.stable_id] + said[row.name.casefold()]) for row in rows]
    assert [name for name, keyword, texts in told if not carries(texts, keyword)] == []
    assert {keyword for _, keyword, _ in told} >= {"chess", "makeup"}
    assert [row.name for row in rows if not row.matched_in] == []
    assert [
        row.post_id for row in rows if row.views is not None and row.views not in views[row.post_id]
    ] == []
