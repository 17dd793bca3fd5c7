"""Puts observations together to creators and posts: each once, the latest word on each value.

An id is who it says. A row without one belongs to the creator of the same handle; on YouTube, where tables
often have only a channel's name, also to the one known channel of that name. If there is none, it founds a
creator whose id is made from its handle or name, until a row with a real id and that handle or name comes.
"""

import sqlite3
import unicodedata
from typing import Any, NamedTuple, TypeVar

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.identity import stable_id
from tastemaker.sandbox.store import (
    CreatorRow,
    PostRow,
    handle_key,
    insert_creators,
    insert_posts,
    update_creator,
    update_post,
)
from tastemaker.sandbox.tables.rows import Observation

Row = TypeVar("Row", CreatorRow, PostRow)

_TABLES = """
    CREATE TEMP TABLE aliases (platform TEXT, kind TEXT, key TEXT, creator INTEGER,
        PRIMARY KEY (platform, kind, key, creator)) WITHOUT ROWID;
    CREATE TEMP TABLE newcomers (creator INTEGER PRIMARY KEY);
"""
_NEWCOMER = "INSERT INTO newcomers VALUES (?)"
_FIRST_WORD = "DELETE FROM newcomers WHERE creator = ?"
_ADD_ALIAS = "INSERT OR IGNORE INTO aliases VALUES (?, ?, ?, ?)"
_BY_ALIAS = """
    SELECT creators.* FROM aliases JOIN creators ON creators.id = aliases.creator
    WHERE aliases.platform = ? AND kind = ? AND key = ? ORDER BY made_id, id
"""
_BY_ID = "SELECT * FROM creators WHERE platform = ? AND stable_id = ?"
_POST = "SELECT * FROM posts WHERE platform = ? AND post_id = ?"
_NEXT_CREATOR = "SELECT coalesce(max(id), 0) + 1 FROM creators"
_NEXT_POST = "SELECT coalesce(max(id), 0) + 1 FROM posts"
_CUT_OFF = ("...", "…")


class MergeResult(NamedTuple):
    """What an observation brought. `orphan`: its creator is not known and it had to be dropped."""

    new_creator: bool = False
    new_post: bool = False
    orphan: bool = False


def prepare_merging(connection: sqlite3.Connection) -> None:
    """Collects the handles and names of the creators that are there already."""
    connection.executescript(_TABLES)
    for row in connection.execute("SELECT * FROM creators"):
        creator = CreatorRow(*row)
        _add_aliases(
            connection, creator, Observation(None, creator.platform, handle=creator.handle, name=creator.name)
        )


def introduce(connection: sqlite3.Connection, seen: Observation) -> None:
    """Makes the creator of an id known by handle and name, before anything is told of anybody.

    Only so it is clear which names belong to one creator alone, in any order of the rows.
    """
    creator = _creator_of_id(connection, seen)
    _add_aliases(connection, creator, seen)


def merge(connection: sqlite3.Connection, seen: Observation) -> MergeResult:
    creator = _creator(connection, seen)
    new_creator = False
    if creator is not None:
        creator = _told(creator, _about_creator(seen, creator), seen.observed_at)
        update_creator(connection, creator)
        if seen.creator_id is None:
            _add_aliases(connection, creator, seen)
        new_creator = connection.execute(_FIRST_WORD, (creator.id,)).rowcount > 0
    if seen.post_id is None:
        return MergeResult(new_creator)
    found = connection.execute(_POST, (seen.platform, seen.post_id)).fetchone()
    if found:
        post = PostRow(*found)
    elif creator is not None:
        post = _new_post(connection, seen, creator)
    else:
        return MergeResult(orphan=True)
    update_post(connection, _told(post, _about_post(seen, creator), seen.observed_at))
    return MergeResult(new_creator, found is None)


def _creator(connection: sqlite3.Connection, seen: Observation) -> CreatorRow | None:
    """Who the observation is about; None where it does not say."""
    if seen.creator_id is not None:
        return _creator_of_id(connection, seen)
    namesakes = _namesakes(connection, seen)
    if namesakes:
        return namesakes[0]
    handle = seen.handle or seen.old_handle
    if handle is not None:
        made = stable_id(Platform(seen.platform), "handle", handle_key(handle))
    elif seen.name is not None:
        made = stable_id(Platform(seen.platform), "name", _name_key(seen.name))
    else:
        return None
    return _new_creator(connection, seen.platform, made, made=True)


def _creator_of_id(connection: sqlite3.Connection, seen: Observation) -> CreatorRow:
    """Also one of the same handle or name that had to do without its id until now."""
    creator_id = seen.creator_id or ""
    found = connection.execute(_BY_ID, (seen.platform, creator_id)).fetchone()
    if found:
        return CreatorRow(*found)
    founder = next((row for row in _namesakes(connection, seen) if row.made_id), None)
    if founder is None:
        return _new_creator(connection, seen.platform, creator_id, made=False)
    creator = founder._replace(stable_id=creator_id, made_id=0)
    update_creator(connection, creator)
    return creator


def _namesakes(connection: sqlite3.Connection, seen: Observation) -> list[CreatorRow]:
    """Of the same handle; otherwise of the same name where a name identifies and only one bears it."""
    for handle in (seen.handle, seen.old_handle):
        found = _by_alias(connection, seen.platform, "handle", handle and handle_key(handle))
        if found:
            return found
    has_handle = seen.handle is not None or seen.old_handle is not None
    if seen.name is None or (has_handle and seen.platform != Platform.YOUTUBE):
        return []
    found = _by_alias(connection, seen.platform, "name", _name_key(seen.name))
    return found if len(found) == 1 else [row for row in found if row.made_id]


def _by_alias(connection: sqlite3.Connection, platform: str, kind: str, key: str | None) -> list[CreatorRow]:
    return [CreatorRow(*row) for row in connection.execute(_BY_ALIAS, (platform, kind, key))]


def _add_aliases(connection: sqlite3.Connection, creator: CreatorRow, seen: Observation) -> None:
    for handle in (seen.handle, seen.old_handle):
        if handle is not None:
            connection.execute(_ADD_ALIAS, (creator.platform, "handle", handle_key(handle), creator.id))
    if seen.name is not None:
        connection.execute(_ADD_ALIAS, (creator.platform, "name", _name_key(seen.name), creator.id))


def _name_key(name: str) -> str:
    """Keeps accents, unlike `core.folding`: here two names are the same person, there a name is searched."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _new_creator(connection: sqlite3.Connection, platform: str, creator_id: str, *, made: bool) -> CreatorRow:
    (row,) = connection.execute(_NEXT_CREATOR).fetchone()
    creator = CreatorRow(row, platform, creator_id, made_id=int(made))
    insert_creators(connection, [creator])
    connection.execute(_NEWCOMER, (row,))
    return creator


def _new_post(connection: sqlite3.Connection, seen: Observation, creator: CreatorRow) -> PostRow:
    (row,) = connection.execute(_NEXT_POST).fetchone()
    post = PostRow(row, seen.platform, seen.post_id or "", creator.id)
    insert_posts(connection, [post])
    return post


def _about_creator(seen: Observation, known: CreatorRow) -> dict[str, Any]:
    handle = seen.handle or (None if known.handle else seen.old_handle)
    return {
        "handle": handle,
        "handle_key": handle_key(handle) if handle else None,
        "name": seen.name,
        "bio": seen.bio,
        "tags": seen.tags,
        "category": seen.category,
        "country": seen.country,
        "language": seen.language if seen.post_id is None else None,
        "followers": seen.followers,
        "following": seen.following,
        "posts_count": seen.posts_count,
        "views_total": seen.views_total,
        "likes_total": seen.likes_total,
        "verified": None if seen.verified is None else int(seen.verified),
        "email": seen.email,
        "links": seen.links,
        "joined_at": seen.joined_at,
    }


def _about_post(seen: Observation, creator: CreatorRow | None) -> dict[str, Any]:
    return {
        "creator_id": creator.id if creator else None,
        "title": seen.title,
        "description": seen.description,
        "tags": seen.post_tags,
        "published_at": seen.published_at,
        "duration": seen.duration,
        "views": seen.views,
        "likes": seen.likes,
        "comments": seen.comments,
        "shares": seen.shares,
        "saves": seen.saves,
        "language": seen.language,
        "sponsored": None if seen.sponsored is None else int(seen.sponsored),
        "category": seen.post_category,
    }


def _told(known: Row, values: dict[str, Any], observed_at: int | None) -> Row:
    """`known` with what is new: later observations win where they say something, earlier ones fill gaps.

    Without a date an observation is earlier than any with one.
    """
    later = known.observed_at is None or (observed_at is not None and observed_at >= known.observed_at)
    changes = {
        field: value
        for field, value in values.items()
        if value is not None and (getattr(known, field) is None or (later and not _is_cut_off(value)))
    }
    times = [time for time in (known.observed_at, observed_at) if time is not None]
    return known._replace(**changes, observed_at=max(times, default=None))


def _is_cut_off(value: object) -> bool:
    """A text that ends in dots, as search results show it: it does not replace a whole one."""
    return isinstance(value, str) and value.endswith(_CUT_OFF)
