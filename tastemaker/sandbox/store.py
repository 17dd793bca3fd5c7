"""The corpus file: one SQLite database of creators, posts and their full-text index.

Tables, rows and connections live here; where the rows come from and how they are found does not.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tastemaker.core.errors import AppError
from tastemaker.core.folding import UNSPACED, fold

FORMAT = 2
"""The layout of the tables; a file with another one is not read."""

_TABLES = """
CREATE TABLE creators (
    id INTEGER PRIMARY KEY, platform TEXT NOT NULL, stable_id TEXT NOT NULL,
    handle TEXT, handle_key TEXT, name TEXT, bio TEXT, tags TEXT, category TEXT, country TEXT, language TEXT,
    followers INTEGER, hidden_followers INTEGER NOT NULL DEFAULT 0, following INTEGER, posts_count INTEGER,
    views_total INTEGER, likes_total INTEGER, verified INTEGER, state TEXT NOT NULL DEFAULT 'public',
    email TEXT, links TEXT, joined_at INTEGER, made_id INTEGER NOT NULL DEFAULT 0, observed_at INTEGER,
    UNIQUE (platform, stable_id));
CREATE INDEX creators_handle ON creators (platform, handle_key);
CREATE TABLE posts (
    id INTEGER PRIMARY KEY, platform TEXT NOT NULL, post_id TEXT NOT NULL, creator_id INTEGER NOT NULL,
    title TEXT, description TEXT, tags TEXT, published_at INTEGER, duration INTEGER,
    views INTEGER, likes INTEGER, comments INTEGER, shares INTEGER, saves INTEGER,
    language TEXT, sponsored INTEGER, category TEXT, observed_at INTEGER,
    UNIQUE (platform, post_id));
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""

_INDEX = """
DROP TABLE IF EXISTS posts_text;
DROP TABLE IF EXISTS creators_text;
DROP TABLE IF EXISTS posts_words;
DROP TABLE IF EXISTS creators_words;
CREATE INDEX IF NOT EXISTS posts_creator ON posts (creator_id, published_at DESC);
CREATE VIRTUAL TABLE posts_text USING fts5 (title, tags, description, platform, content='',
    tokenize="unicode61 remove_diacritics 0 categories 'L* N* Co M*'");
CREATE VIRTUAL TABLE creators_text USING fts5 (name, handle, tags, about, platform, content='',
    tokenize="unicode61 remove_diacritics 0 categories 'L* N* Co M*'");
"""

_WORDS = """
CREATE VIRTUAL TABLE temp.vocabulary_{kind} USING fts5vocab('main', '{kind}_text', 'row');
CREATE TABLE {kind}_words (word TEXT PRIMARY KEY, documents INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO {kind}_words SELECT term, doc FROM temp.vocabulary_{kind} WHERE term IS NOT NULL;
DROP TABLE temp.vocabulary_{kind};
"""

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"[A-Z](?:(?<=[a-z0-9].)|(?<=[A-Z].)(?=[a-z]))")
"""Where a new part begins in CamelCase: a capital after a small letter, or the last of several capitals."""

_SPACED = r" \g<0>"


class CreatorRow(NamedTuple):
    """One account, its fields in the table's order. Lists are JSON texts; times are seconds since 1970."""

    id: int
    platform: str
    stable_id: str
    handle: str | None = None
    handle_key: str | None = None
    name: str | None = None
    bio: str | None = None
    tags: str | None = None
    category: str | None = None
    country: str | None = None
    language: str | None = None
    followers: int | None = None
    hidden_followers: int = 0
    following: int | None = None
    posts_count: int | None = None
    views_total: int | None = None
    likes_total: int | None = None
    verified: int | None = None
    state: str = "public"
    email: str | None = None
    links: str | None = None
    joined_at: int | None = None
    made_id: int = 0
    """1 where the source had no stable id and one was derived from handle or name."""

    observed_at: int | None = None
    """The time of the latest row of a table that told of it; None for made-up ones."""


class PostRow(NamedTuple):
    """One video, reel or short of the creator with the row id `creator_id`; fields in the table's order."""

    id: int
    platform: str
    post_id: str
    creator_id: int
    title: str | None = None
    description: str | None = None
    tags: str | None = None
    published_at: int | None = None
    duration: int | None = None
    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    language: str | None = None
    sponsored: int | None = None
    category: str | None = None
    observed_at: int | None = None


def _insert(table: str, fields: Sequence[str]) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * len(fields))})"  # noqa: S608 - our own table names


def _update(table: str, fields: Sequence[str]) -> str:
    values = ", ".join("?" * len(fields))
    return f"UPDATE {table} SET ({', '.join(fields)}) = ({values}) WHERE id = ?"  # noqa: S608 - our own names


_INSERT_CREATOR = _insert("creators", CreatorRow._fields)
_INSERT_POST = _insert("posts", PostRow._fields)
_UPDATE_CREATOR = _update("creators", CreatorRow._fields)
_UPDATE_POST = _update("posts", PostRow._fields)


class CorpusUnreadable(AppError):
    """The file is missing, damaged, or of another format."""


def handle_key(handle: str) -> str:
    """What makes two handles of one platform the same: letter case does not count, composition does."""
    return handle.casefold()


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for building: fast, without journal, because a half-written file is thrown away."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA temp_store = FILE")
        yield connection
    finally:
        connection.close()


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection. Raises CorpusUnreadable."""
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    except sqlite3.OperationalError:
        raise CorpusUnreadable(f"There is no readable corpus at {path}.") from None
    try:
        yield connection
    except sqlite3.DatabaseError as error:
        raise CorpusUnreadable(f"The corpus at {path} cannot be read: {error}.") from None
    finally:
        connection.close()


def create_tables(connection: sqlite3.Connection) -> None:
    connection.executescript(_TABLES)
    set_facts(connection, {"format": str(FORMAT)})


def set_facts(connection: sqlite3.Connection, facts: dict[str, str]) -> None:
    connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())


def get_facts(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, value FROM facts"))


def insert_creators(connection: sqlite3.Connection, rows: Sequence[CreatorRow]) -> None:
    connection.executemany(_INSERT_CREATOR, rows)


def insert_posts(connection: sqlite3.Connection, rows: Iterable[PostRow]) -> None:
    connection.executemany(_INSERT_POST, rows)


def update_creator(connection: sqlite3.Connection, row: CreatorRow) -> None:
    connection.execute(_UPDATE_CREATOR, (*row, row.id))


def update_post(connection: sqlite3.Connection, row: PostRow) -> None:
    connection.execute(_UPDATE_POST, (*row, row.id))


def build_index(connection: sqlite3.Connection) -> None:
    """Builds, or builds anew, everything that searching needs from the two tables."""
    connection.executescript(_INDEX)
    connection.execute("BEGIN")
    posts = connection.execute("SELECT id, title, tags, description, platform FROM posts")
    connection.executemany(
        "INSERT INTO posts_text (rowid, title, tags, description, platform) VALUES (?, ?, ?, ?, ?)",
        ((key, index_text(a), index_text(b), index_text(c), platform) for key, a, b, c, platform in posts),
    )
    creators = connection.execute(
        "SELECT id, name, handle, tags, coalesce(category, '') || ' ' || coalesce(bio, ''), platform"
        " FROM creators"
    )
    connection.executemany(
        "INSERT INTO creators_text (rowid, name, handle, tags, about, platform) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (key, index_text(a), index_text(b), index_text(c), index_text(d), platform)
            for key, a, b, c, d, platform in creators
        ),
    )
    connection.execute("COMMIT")
    for kind in ("posts", "creators"):
        connection.executescript(_WORDS.format(kind=kind))


def index_text(text: str | None) -> str | None:
    """What the index is given for `text`: folded, its CamelCase compounds also as their parts.

    Runs of scripts without spaces become overlapping pairs; their last character also stands alone, so that
    one character is found wherever it is.
    """
    if not text:
        return text
    compounds = [word for word in _WORD.findall(text) if _HUMP.search(word)]
    folded = fold(f"{text} {_HUMP.sub(_SPACED, ' '.join(compounds))}" if compounds else text)
    return folded if folded.isascii() else UNSPACED.sub(_indexed_run, folded)


def pairs(run: str) -> list[str]:
    """The overlapping pairs of a run; a single character is itself."""
    return [run[at : at + 2] for at in range(max(1, len(run) - 1))]


def _indexed_run(run: re.Match[str]) -> str:
    return f" {' '.join(pairs(run[0]))} {run[0][-1]} "
