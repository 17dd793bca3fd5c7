import itertools
import math
import re
import sqlite3
import statistics
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest

from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.sandbox.corpus import generate, info
from tastemaker.sandbox.formatting import LATEST
from tastemaker.sandbox.store import CreatorRow, PostRow, reading
from tastemaker.sandbox.synthetic.vocabulary import get_vocabulary
from tests.sandbox.conftest import CREATORS

Item = TypeVar("Item")

ADDRESS = re.compile(r"[\w.+-]+@([\w.-]+)")
LINK = re.compile(r"https?://([\w.-]+)")
ID_SHAPES = {
    Platform.YOUTUBE: r"UC[\w-]{22}",
    Platform.TIKTOK: r"\d{19}",
    Platform.INSTAGRAM: r"[1-9]\d{9,10}",
}
POST_SHAPES = {Platform.YOUTUBE: r"[\w-]{11}", Platform.TIKTOK: r"\d{19}", Platform.INSTAGRAM: r"\d{19}"}


@pytest.fixture(scope="module")
def creators(corpus: Path) -> list[CreatorRow]:
    with reading(corpus) as connection:
        return [CreatorRow(*row) for row in connection.execute("SELECT * FROM creators ORDER BY id")]


@pytest.fixture(scope="module")
def posts(corpus: Path) -> list[PostRow]:
    with reading(corpus) as connection:
        return [PostRow(*row) for row in connection.execute("SELECT * FROM posts ORDER BY id")]


def test_the_same_seed_makes_the_same_content(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        generate(tmp_path / name, creators=150, posts_per_creator=3, seed=seed)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert content(tmp_path / "one") != content(tmp_path / "other")


def test_a_smaller_corpus_is_the_beginning_of_a_larger_one(tmp_path: Path) -> None:
    generate(tmp_path / "small", creators=40, posts_per_creator=2, seed=3)
    generate(tmp_path / "large", creators=1_200, posts_per_creator=2, seed=3)
    small, large = content(tmp_path / "small")[0], content(tmp_path / "large")[0]
    assert small == large[:40]


@pytest.mark.parametrize(("creators", "mean", "total"), [(1, 10, 10), (33, 2.5, 82), (57, 0, 0)])
def test_the_numbers_asked_for_are_exact(tmp_path: Path, creators: int, mean: float, total: int) -> None:
    made = generate(tmp_path / "corpus", creators=creators, posts_per_creator=mean, seed=1)
    assert sum(made.creators.values()) == creators
    assert sum(made.posts.values()) == total


def test_progress_ends_at_all_creators(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    generate(
        tmp_path / "c", creators=2_300, posts_per_creator=0, seed=1, progress=lambda *at: seen.append(at)
    )
    assert seen[-1] == (2_300, 2_300)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_nonsense_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="at least one creator"):
        generate(tmp_path / "c", creators=0, seed=1)
    assert list(tmp_path.iterdir()) == []


def test_the_info_describes_the_file(corpus: Path) -> None:
    described = info(corpus)
    assert (described.origin, described.seed) == ("synthetic", 7)
    assert sum(described.creators.values()) == CREATORS
    assert set(described.creators) == set(Platform)
    assert sum(described.posts.values()) == CREATORS * 8
    assert len(described.languages) == len(get_vocabulary().languages)
    assert described.size == corpus.stat().st_size
    assert next(iter(described.languages)) == "en"


def test_ids_have_each_platform_s_shape(creators: list[CreatorRow], posts: list[PostRow]) -> None:
    for creator in creators:
        assert re.fullmatch(ID_SHAPES[Platform(creator.platform)], creator.stable_id), creator
    for post in posts:
        assert re.fullmatch(POST_SHAPES[Platform(post.platform)], post.post_id), post


def test_ids_and_handles_are_unique_per_platform(creators: list[CreatorRow], posts: list[PostRow]) -> None:
    for values in (
        [(creator.platform, creator.stable_id) for creator in creators],
        [(creator.platform, creator.handle_key) for creator in creators],
        [(post.platform, post.post_id) for post in posts],
    ):
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("platform", list(Platform))
def test_followers_are_spread_log_normally(creators: list[CreatorRow], platform: Platform) -> None:
    logs = [math.log(each.followers or 1) for each in creators if each.platform == platform]
    assert 8.5 < statistics.mean(logs) < 10.5
    assert 1.6 < statistics.stdev(logs) < 2.2
    assert abs(statistics.mean(logs) - statistics.median(logs)) < 0.3


def test_figures_hang_together(creators: list[CreatorRow], posts: list[PostRow]) -> None:
    followers = {creator.id: creator.followers or 0 for creator in creators}
    shown = [post for post in posts if post.views is not None and post.likes is not None]
    assert correlation([(followers[post.creator_id], post.views or 0) for post in shown]) > 0.8
    assert correlation([(post.views or 0, post.likes or 0) for post in shown]) > 0.8
    assert all((post.likes or 0) <= (post.views or 0) for post in shown)
    assert all((post.comments or 0) <= (post.likes or 0) for post in shown)


def test_dates_lie_between_joining_and_the_sandbox_s_today(
    creators: list[CreatorRow], posts: list[PostRow]
) -> None:
    joined = {creator.id: creator.joined_at or 0 for creator in creators}
    assert all(joined[post.creator_id] <= (post.published_at or 0) < LATEST for post in posts)


def test_what_is_hidden_is_missing(creators: list[CreatorRow], posts: list[PostRow]) -> None:
    videos = [post for post in posts if post.platform == Platform.YOUTUBE]
    assert 0.01 < share(videos, lambda post: post.likes is None) < 0.08
    assert 0.01 < share(videos, lambda post: post.comments is None) < 0.07
    assert all(post.shares is None for post in videos)
    channels = [each for each in creators if each.platform == Platform.YOUTUBE]
    assert 0.01 < share(channels, lambda each: bool(each.hidden_followers)) < 0.06
    others = [each for each in creators if each.platform != Platform.YOUTUBE]
    assert 0.01 < share(others, lambda each: each.state != "public") < 0.05


def test_a_quarter_has_a_public_address_under_the_example_domains(creators: list[CreatorRow]) -> None:
    assert 0.22 < share(creators, lambda each: each.email is not None) < 0.30
    for creator in creators:
        if creator.email:
            assert creator.email in (creator.bio or "") or len(creator.bio or "") == 10_000
        found = ADDRESS.findall(creator.bio or "") + LINK.findall(f"{creator.bio} {creator.links}")
        assert all(domain.endswith(("example.com", "example.org")) for domain in found), creator


def test_some_posts_are_sponsored(posts: list[PostRow]) -> None:
    assert 0.04 < share(posts, lambda post: bool(post.sponsored)) < 0.08


def test_many_scripts_and_niches_occur(creators: list[CreatorRow]) -> None:
    names = set("".join(creator.name or "" for creator in creators))
    for script in ("LATIN", "CYRILLIC", "ARABIC", "DEVANAGARI", "HIRAGANA", "CJK", "HANGUL", "THAI", "ZERO"):
        assert any(unicodedata.name(letter, "").startswith(script) for letter in names), script
    assert len(get_vocabulary().niches) >= 30
    assert len({creator.category for creator in creators}) == len(get_vocabulary().niches)


def test_one_person_can_be_on_several_platforms(creators: list[CreatorRow]) -> None:
    neighbours = itertools.pairwise(creators)
    same = [pair for pair in neighbours if pair[0].handle_key == pair[1].handle_key]
    assert len(same) > 20
    assert all(first.platform != second.platform for first, second in same)


def test_the_odd_ones_are_there(creators: list[CreatorRow]) -> None:
    assert any(len(creator.bio or "") == 10_000 for creator in creators)
    assert any((creator.name or "").startswith("\u202e") for creator in creators)
    handles = {creator.handle for creator in creators}
    assert {"CaféZoë", "Cafe\u0301Zoe\u0308"} <= handles
    alike = Counter(creator.stable_id.lower() for creator in creators)
    assert sorted(alike.values())[-2:] == [1, 2]


def content(path: Path) -> tuple[list[tuple[object, ...]], ...]:
    with closing(sqlite3.connect(path)) as connection:
        return tuple(
            connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # noqa: S608 - our own table names
            for table in ("creators", "posts", "posts_words", "creators_words")
        )


def correlation(pairs: list[tuple[int, int]]) -> float:
    logs = [(math.log(first + 1), math.log(second + 1)) for first, second in pairs]
    return statistics.correlation([first for first, _ in logs], [second for _, second in logs])


def share(items: Sequence[Item], holds: Callable[[Item], bool]) -> float:
    return sum(map(holds, items)) / len(items)
