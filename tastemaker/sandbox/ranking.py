"""Which creators a keyword finds, and in which order.

Four lists are asked for: posts and creators that carry the keyword as words of their own, and those that
carry it at the beginning of a word or inside a compound. A creator's place in each list adds to its score
(reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009), so that a channel called after the
keyword and a channel with many videos about it both come early. Equal scores keep the order of the rows.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tastemaker.core.folding import is_unspaced, words_of
from tastemaker.core.platforms import Platform
from tastemaker.sandbox.store import pairs

MOST_HITS = 20_000
"""A list longer than this is cut: nobody pages that far, and memory stays bounded."""

_FUSION = 60
_MOST_COMPOUNDS = 100
_POSTS_OF_A_NAME = 3
"""How many of a creator's latest posts stand in where only its name carries the keyword."""

_POSTS = """
    SELECT posts.id, posts.creator_id FROM posts_text JOIN posts ON posts.id = posts_text.rowid
    WHERE posts_text MATCH ? ORDER BY bm25(posts_text, 8.0, 5.0, 1.0, 0.0), posts.id LIMIT ?
"""
_CREATORS = """
    SELECT rowid FROM creators_text
    WHERE creators_text MATCH ? ORDER BY bm25(creators_text, 8.0, 6.0, 4.0, 1.0, 0.0), rowid LIMIT ?
"""
_POST_COMPOUNDS = "SELECT word FROM posts_words WHERE instr(word, ?) > 1 ORDER BY documents DESC, word"
_CREATOR_COMPOUNDS = "SELECT word FROM creators_words WHERE instr(word, ?) > 1 ORDER BY documents DESC, word"
_IS_WORD = "SELECT 1 FROM posts_words WHERE word = ?"


@dataclass(frozen=True, slots=True)
class RankedCreator:
    """A creator (row id) with its posts (row ids) that speak for it, best first; some have none."""

    creator: int
    posts: tuple[int, ...]


def rank(connection: sqlite3.Connection, platform: Platform, keyword: str) -> tuple[RankedCreator, ...]:
    words = words_of(keyword)
    if not words:
        return ()
    posts = _lists(connection, _POSTS, platform, words, names=False)
    creators = _lists(connection, _CREATORS, platform, words, names=True)
    scores: dict[int, float] = defaultdict(float)
    speaking: dict[int, list[int]] = defaultdict(list)
    for weight, hits in zip((1.0, 0.5), posts, strict=True):
        for post, creator in hits:
            speaking[creator].append(post)
        _add_places(scores, weight, (creator for _, creator in hits))
    for weight, names in zip((1.0, 0.7), creators, strict=True):
        _add_places(scores, weight, (creator for (creator,) in names))
    order = sorted(scores, key=lambda creator: (-scores[creator], creator))
    return tuple(RankedCreator(creator, _posts_of(connection, creator, speaking)) for creator in order)


def _lists(
    connection: sqlite3.Connection, query: str, platform: Platform, words: Sequence[str], *, names: bool
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """The hits by whole words, then those by parts of words that are not among them already."""
    exact = connection.execute(query, (_match(platform, _exactly(words), names=names), MOST_HITS)).fetchall()
    loosely = _loosely(connection, words, names=names)
    if not loosely:
        return exact, []
    seen = set(exact)
    loose = connection.execute(query, (_match(platform, loosely, names=names), MOST_HITS)).fetchall()
    return exact, [hit for hit in loose if hit not in seen]


def _match(platform: Platform, terms: str, *, names: bool) -> str:
    columns = "name handle tags about" if names else "title tags description"
    return f"platform : {platform.slug} AND {{{columns}}} : ({terms})"


def _exactly(words: Sequence[str]) -> str:
    return " AND ".join(_phrase(word) for word in words)


def _phrase(word: str) -> str:
    return '"{}"'.format(" ".join(pairs(word)) if is_unspaced(word) else word)


def _loosely(connection: sqlite3.Connection, words: Sequence[str], *, names: bool) -> str:
    """Every word, or the words written as one, as the beginning or inside of a longer word."""
    terms = " AND ".join(f"({_widened(connection, word, names=names)})" for word in words)
    if len(words) == 1 or any(is_unspaced(word) for word in words):
        return terms
    return f"({terms}) OR {_widened(connection, ''.join(words), names=names)}"


def _widened(connection: sqlite3.Connection, word: str, *, names: bool) -> str:
    if is_unspaced(word):
        return _phrase(word) + (" *" if len(word) == 1 else "")
    if len(word) < 3 or not word.isalnum():  # noqa: PLR2004 - "a*" would find nearly everything
        return _phrase(word)
    inside = _compounds(connection, word, names=names)
    return " OR ".join([f"{_phrase(word)} *", *(_phrase(compound) for compound in inside)])


def _compounds(connection: sqlite3.Connection, word: str, *, names: bool) -> list[str]:
    """Longer words that have `word` inside, behind something that can be a word itself.

    `gothamchess` and `dailychess` contain chess, `duchess` does not: its `du` is too short. In names any
    three letters may stand before; in texts it must be a word that the corpus uses elsewhere.
    """
    query = _CREATOR_COMPOUNDS if names else _POST_COMPOUNDS
    found: list[str] = []
    for (compound,) in connection.execute(query, (word,)):
        head = compound[: compound.index(word)]
        if _can_stand_before(connection, head, word, names=names):
            found.append(compound)
            if len(found) == _MOST_COMPOUNDS:
                break
    return found


def _can_stand_before(connection: sqlite3.Connection, head: str, word: str, *, names: bool) -> bool:
    if head.isdigit():
        return True
    if len(head) < 3:  # noqa: PLR2004 - see _compounds
        return False
    if names and len(word) > 3:  # noqa: PLR2004 - three letters are inside too many names by seeded_random
        return True
    return connection.execute(_IS_WORD, (head,)).fetchone() is not None


def _add_places(scores: dict[int, float], weight: float, creators: Iterable[int]) -> None:
    for place, creator in enumerate(dict.fromkeys(creators), start=1):
        scores[creator] += weight / (_FUSION + place)


def _posts_of(
    connection: sqlite3.Connection, creator: int, speaking: dict[int, list[int]]
) -> tuple[int, ...]:
    if creator in speaking:
        return tuple(speaking[creator])
    latest = connection.execute(
        "SELECT id FROM posts WHERE creator_id = ? ORDER BY published_at DESC, id LIMIT ?",
        (creator, _POSTS_OF_A_NAME),
    )
    return tuple(post for (post,) in latest)
