from collections.abc import Callable
from pathlib import Path

import pytest

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.library import Library
from tastemaker.sandbox.store import CreatorRow, PostRow, handle_key
from tests.sandbox.conftest import SmallCorpus

YOUTUBE = Platform.YOUTUBE
Build = Callable[..., Library]


@pytest.fixture
def build(small_corpus: SmallCorpus) -> Build:
    """A corpus of channels, each given as (name, handle, bio) and the titles of its videos."""

    def make(*channels: tuple[str, str | None, str | None, list[str]]) -> Library:
        creators, posts = [], []
        for row, (name, handle, bio, titles) in enumerate(channels, start=1):
            key = handle_key(handle) if handle else None
            creators.append(CreatorRow(row, YOUTUBE, f"UC{row:022}", handle, key, name=name, bio=bio))
            for title in titles:
                posts.append(PostRow(len(posts) + 1, YOUTUBE, f"video{len(posts):06}", row, title))
        return Library(small_corpus(creators, posts))

    return make


def names(library: Library, keyword: str) -> list[str | None]:
    return [creator.name for creator in library.creators(library.creators_for(YOUTUBE, keyword))]


def test_a_word_inside_a_compound_name_is_found(build: Build) -> None:
    library = build(("GothamChess", "GothamChess", None, ["MAGNUS WINS"]), ("Duchess", None, None, ["tea"]))
    assert names(library, "chess") == ["GothamChess"]


def test_a_name_alone_brings_the_channel_s_videos(build: Build) -> None:
    library = build(("GothamChess", None, None, ["MAGNUS WINS AGAIN"]))
    (row,) = library.posts_for(YOUTUBE, "chess", repeats=0)
    assert library.posts([row])[0][0].title == "MAGNUS WINS AGAIN"


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("my makeup today", "makeup"),
        ("Makeups of the year", "makeup"),
        ("look #dailymakeup and daily vlog", "makeup"),
        ("#DailyMakeUp", "makeup"),
        ("best #streetfood ever", "street food"),
        ("night in the café", "cafe"),
        ("CAFÉ", "café"),
        ("今天的化妆教程", "化妆"),
        ("今天的化妆教程", "化妆教程"),
        ("하루 메이크업브이로그", "메이크업"),
        ("วันนี้แต่งหน้าสวย", "แต่งหน้า"),
        ("घर पर मेकअप करें", "मेकअप"),
        ("مكياج يومي", "مكياج"),
        ("лучшие макияжи", "макияж"),
        ("\U0001d4dc\U0001d4ea\U0001d4f4\U0001d4ee\U0001d4fe\U0001d4f9 hour", "makeup"),  # in script letters
        ("猫", "猫"),
        ("my 3d prints", "3d"),
    ],
)
def test_forms_in_which_a_keyword_is_found(build: Build, text: str, keyword: str) -> None:
    assert names(build(("A", None, None, [text])), keyword) == ["A"]


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("the duchess smiles", "chess"),
        ("a party tonight", "art"),
        ("garage sale", "rage"),
        ("make it up", "makeup"),
        ("化学妆容", "化妆"),
        ("weather", "a"),
        ("anything", "💄"),
        ("anything", "%"),
    ],
)
def test_what_is_not_found(build: Build, text: str, keyword: str) -> None:
    assert names(build(("Nobody", None, None, [text])), keyword) == []


def test_whole_words_come_before_parts_of_words(build: Build) -> None:
    library = build(
        ("inside", None, None, ["#nightart by night"]),
        ("beginning", None, None, ["artists at work"]),
        ("whole", None, None, ["art at work"]),
    )
    assert names(library, "art")[0] == "whole"
    assert set(names(library, "art")) == {"whole", "beginning", "inside"}


def test_all_words_of_a_keyword_must_be_there(build: Build) -> None:
    library = build(("both", None, None, ["vegan street food"]), ("one", None, None, ["street art"]))
    assert names(library, "street food") == ["both"]


def test_a_bio_counts_and_other_platforms_do_not(build: Build) -> None:
    library = build(("B", None, "I play chess every day", []))
    assert names(library, "chess") == ["B"]
    assert library.creators_for(Platform.TIKTOK, "chess") == []
    assert library.posts_for(YOUTUBE, "chess", repeats=0) == ()


@pytest.mark.parametrize("keyword", ['"', "AND", "NEAR(chess, 2)", "title:chess", "chess*", "-chess", "("])
def test_query_syntax_is_only_text(build: Build, keyword: str) -> None:
    library = build(("C", None, None, ["chess and near title"]))
    assert names(library, keyword) in ([], ["C"])


def test_a_list_of_posts_names_each_creator_once_without_repeats(library: Library) -> None:
    found = library.posts(library.posts_for(YOUTUBE, "makeup", repeats=0))
    ids = [creator.stable_id for _, creator in found]
    assert len(ids) > 20
    assert len(set(ids)) == len(ids)


def test_repeats_have_the_share_asked_for(library: Library) -> None:
    rows = library.posts_for(Platform.TIKTOK, "art", repeats=0.204)
    creators = [creator.id for _, creator in library.posts(rows)]
    assert 0.10 < 1 - len(set(creators)) / len(creators) < 0.31


def test_a_replaced_corpus_is_noticed(build: Build) -> None:
    library = build(("Old", None, None, ["chess"]))
    assert names(library, "chess") == ["Old"]
    build(("Other", None, None, ["tea"]), ("New", None, None, ["chess"]))
    assert names(library, "chess") == ["New"]


def test_the_order_is_the_same_every_time(corpus: Path) -> None:
    first, second = (Library(corpus).posts_for(YOUTUBE, "music", repeats=0.25) for _ in range(2))
    assert first == second
    assert len(first) > 20


@pytest.mark.parametrize("platform", list(Platform))
def test_everything_found_carries_the_keyword(library: Library, platform: Platform) -> None:
    found = library.creators(library.creators_for(platform, "makeup"))
    assert len(found) > 20
    for creator in found:
        posts = [(post.title, post.description, post.tags) for post in library.posts_of(creator)]
        profile = (creator.name, creator.handle, creator.tags, creator.category, creator.bio)
        assert "makeup" in f"{profile} {posts}".lower(), creator
