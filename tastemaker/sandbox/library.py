"""The questions that the sandbox's answers are made from.

Every call opens the file for itself, so it may run in any thread; what a keyword finds is remembered, so that
paging does not search again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import orjson

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.identity import seeded_random
from tastemaker.sandbox.ranking import RankedCreator, rank
from tastemaker.sandbox.store import CreatorRow, PostRow, handle_key, reading

_REMEMBERED = 64
_REPEAT_WITHIN = 40
"""A repeated creator was seen at most so many creators ago: within the page or on the pages just before."""

_CREATORS_BY_ROW = "SELECT * FROM creators WHERE id IN (SELECT value FROM json_each(?))"
_CREATORS_BY_ID = """
    SELECT * FROM creators WHERE platform = ? AND stable_id IN (SELECT value FROM json_each(?))
"""
_CREATOR_BY_HANDLE = "SELECT * FROM creators WHERE platform = ? AND handle_key = ? ORDER BY id LIMIT 1"
_RESEMBLING = """
    SELECT * FROM creators WHERE platform = ? AND category = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?
"""
_POSTS_BY_ROW = "SELECT * FROM posts WHERE id IN (SELECT value FROM json_each(?))"
_POSTS_OF = "SELECT * FROM posts WHERE creator_id = ? ORDER BY published_at DESC, id LIMIT ?"
_POST_ROWS_BY_ID = """
    SELECT post_id, id FROM posts WHERE platform = ? AND post_id IN (SELECT value FROM json_each(?))
"""

_NARROWED = """
    SELECT posts.id FROM posts JOIN creators ON creators.id = posts.creator_id
    WHERE posts.id IN (SELECT value FROM json_each(:rows))
    AND (:creator_id IS NULL OR stable_id = :creator_id)
    AND (:after IS NULL OR published_at >= :after) AND (:before IS NULL OR published_at < :before)
    AND (:shortest IS NULL OR duration >= :shortest) AND (:longest IS NULL OR duration < :longest)
    AND (:sponsored IS NULL OR sponsored = :sponsored)
    ORDER BY """
_POST_ORDERS = {
    "date": "published_at DESC, posts.id",
    "viewCount": "views DESC, posts.id",
    "rating": "likes * 1.0 / max(views, 1) DESC, posts.id",
    "title": "title, posts.id",
    "relevance": "posts.id",
}
_CREATOR_ORDERS = {
    "date": "joined_at DESC, id",
    "viewCount": "views_total DESC, id",
    "title": "name, id",
    "videoCount": "posts_count DESC, id",
}
_MOST_POSTS = 20_000
_NEIGHBOURHOOD = 5_000

_File = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What a post must be. Times in seconds since 1970, lengths in seconds; None asks for nothing."""

    creator_id: str | None = None
    after: int | None = None
    before: int | None = None
    shortest: int | None = None
    longest: int | None = None
    sponsored: bool | None = None


class Library:
    """One corpus, open for questions."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rank: Callable[[_File, Platform, str], tuple[RankedCreator, ...]] = lru_cache(_REMEMBERED)(
            self._ranked
        )
        self._rows: Callable[[_File, Platform, str, float], tuple[int, ...]] = lru_cache(_REMEMBERED)(
            self._listed
        )

    def creators_for(self, platform: Platform, keyword: str) -> Sequence[int]:
        """Row ids of all creators that the keyword finds, best first, each once."""
        return [found.creator for found in self._rank(self._file(), platform, keyword)]

    def posts_for(self, platform: Platform, keyword: str, *, repeats: float) -> Sequence[int]:
        """Row ids of posts, best first: one per creator, and a share `repeats` on creators seen before."""
        return self._rows(self._file(), platform, keyword, repeats)

    def creators(self, rows: Iterable[int]) -> list[CreatorRow]:
        """In the order asked for."""
        wanted = list(rows)
        with reading(self.path) as connection:
            found = connection.execute(_CREATORS_BY_ROW, (orjson.dumps(wanted).decode(),))
            by_row = {row[0]: CreatorRow(*row) for row in found}
        return [by_row[row] for row in wanted if row in by_row]

    def posts(self, rows: Iterable[int]) -> list[tuple[PostRow, CreatorRow]]:
        """In the order asked for, each with its creator."""
        wanted = list(rows)
        with reading(self.path) as connection:
            found = connection.execute(_POSTS_BY_ROW, (orjson.dumps(wanted).decode(),))
            by_row = {row[0]: PostRow(*row) for row in found}
        posts = [by_row[row] for row in wanted if row in by_row]
        return list(zip(posts, self.creators(post.creator_id for post in posts), strict=True))

    def creators_by_id(self, platform: Platform, stable_ids: Sequence[str]) -> list[CreatorRow]:
        """Those that exist, in the order asked for, each once."""
        with reading(self.path) as connection:
            found = connection.execute(
                _CREATORS_BY_ID,
                (platform.value, orjson.dumps(stable_ids).decode()),
            )
            by_id = {row[2]: CreatorRow(*row) for row in found}
        return [by_id[key] for key in dict.fromkeys(stable_ids) if key in by_id]

    def creator_by_handle(self, platform: Platform, handle: str) -> CreatorRow | None:
        with reading(self.path) as connection:
            row = connection.execute(
                _CREATOR_BY_HANDLE,
                (platform.value, handle_key(handle.removeprefix("@"))),
            ).fetchone()
        return CreatorRow(*row) if row else None

    def posts_by_id(self, platform: Platform, post_ids: Sequence[str]) -> list[tuple[PostRow, CreatorRow]]:
        """Those that exist, in the order asked for, each once."""
        with reading(self.path) as connection:
            found = connection.execute(
                _POST_ROWS_BY_ID,
                (platform.value, orjson.dumps(post_ids).decode()),
            )
            rows = dict(found.fetchall())
        return self.posts(rows[key] for key in dict.fromkeys(post_ids) if key in rows)

    def posts_of(self, creator: CreatorRow) -> list[PostRow]:
        """Latest first."""
        with reading(self.path) as connection:
            rows = connection.execute(_POSTS_OF, (creator.id, _MOST_POSTS))
            return [PostRow(*row) for row in rows]

    def narrowed_posts(self, rows: Sequence[int], narrowing: Narrowing, order: str) -> Sequence[int]:
        """Those of `rows` that fit; in another order than relevance each only once."""
        if order == "relevance" and narrowing == Narrowing():
            return rows
        with reading(self.path) as connection:
            found = connection.execute(
                _NARROWED + _POST_ORDERS.get(order, "posts.id"),
                {"rows": orjson.dumps(rows).decode(), **asdict(narrowing)},
            )
            fitting = [row for (row,) in found]
        if order != "relevance":
            return fitting
        allowed = set(fitting)
        return [row for row in rows if row in allowed]

    def ordered_creators(self, rows: Sequence[int], order: str) -> Sequence[int]:
        if order == "relevance":
            return rows
        with reading(self.path) as connection:
            found = connection.execute(
                "SELECT id FROM creators WHERE id IN (SELECT value FROM json_each(?)) ORDER BY "  # noqa: S608 - one of ours
                + _CREATOR_ORDERS.get(order, "id"),
                (orjson.dumps(rows).decode(),),
            )
            return [row for (row,) in found]

    def resembling(self, creator: CreatorRow, *, limit: int) -> list[CreatorRow]:
        """The next accounts of the same platform and category, as they stand in the corpus."""
        with reading(self.path) as connection:
            rows = connection.execute(
                _RESEMBLING,
                (creator.platform, creator.category, creator.id, creator.id + _NEIGHBOURHOOD, limit),
            )
            return [CreatorRow(*row) for row in rows]

    def _file(self) -> _File:
        """Another one when an import has replaced the file: what was remembered of the old one is void."""
        try:
            about = self.path.stat()
        except FileNotFoundError:
            return (0, 0)
        return about.st_ino, about.st_mtime_ns

    def _ranked(self, _file: _File, platform: Platform, keyword: str) -> tuple[RankedCreator, ...]:
        with reading(self.path) as connection:
            return rank(connection, platform, keyword)

    def _listed(self, file: _File, platform: Platform, keyword: str, repeats: float) -> tuple[int, ...]:
        return tuple(_with_repeats(self._rank(file, platform, keyword), repeats, platform, keyword))


def _with_repeats(found: Sequence[RankedCreator], repeats: float, *path: object) -> list[int]:
    """Every creator once, by its best post; in between, creators already seen return.

    A returning creator shows its next post, or the same one again when it has no other.
    """
    dice = seeded_random("repeats", *path)
    rows: list[int] = []
    seen: list[list[int]] = []
    for creator in found:
        if not creator.posts:
            continue
        rows.append(creator.posts[0])
        seen.append([*creator.posts[1:], creator.posts[0]])
        while dice.random() < repeats:
            recent = seen[-_REPEAT_WITHIN:]
            waiting = recent[int(dice.random() * len(recent))]
            rows.append(waiting.pop(0) if len(waiting) > 1 else waiting[0])
    return rows
