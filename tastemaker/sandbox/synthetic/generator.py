"""Writes a corpus of made-up creators: in batches, in constant memory, the same rows for the same seed."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from tastemaker.core import folding
from tastemaker.sandbox.identity import seeded_random
from tastemaker.sandbox.store import (
    CreatorRow,
    PostRow,
    build_index,
    create_tables,
    handle_key,
    insert_creators,
    insert_posts,
    set_facts,
    writing,
)
from tastemaker.sandbox.synthetic.accounts import accounts
from tastemaker.sandbox.synthetic.posts import posts
from tastemaker.sandbox.synthetic.vocabulary import Person, Vocabulary, get_vocabulary, person

Progress = Callable[[int, int], None]
"""Called with (creators done, creators in all)."""

FOCUSED_REACH, FOCUSED_EMAILS = 0.5, 0.8
"""Most persons of a focus have 10,000 to 100,000 followers and show an e-mail address."""

_BATCH = 1_000

_ACTIVITY = (
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    1.0,
    1.0,
    1.1,
    1.2,
    1.3,
    1.4,
    1.5,
    1.7,
    1.9,
    1.6,
    1.8,
)
"""How busy each of twenty creators is, against their mean of one."""


def write_synthetic(
    path: Path,
    *,
    creators: int,
    posts_per_creator: float,
    seed: int,
    progress: Progress | None,
    focus: Vocabulary | None = None,
) -> None:
    """Fills the new file at `path`: exactly `creators` creators and `creators * posts_per_creator` posts.

    Every second person comes from `focus`, where given.
    """
    with writing(path) as connection:
        create_tables(connection)
        connection.execute("BEGIN")
        _write_rows(connection, creators, posts_per_creator, seed, progress, focus)
        connection.execute("COMMIT")
        set_facts(connection, {"origin": "synthetic", "seed": str(seed), "version": generator_version()})
        build_index(connection)


def generator_version() -> str:
    """Changes whenever anything changes that a generated file depends on."""
    here = Path(__file__).parent
    sandbox = here.parent
    shaping = [
        sandbox / "identity.py",
        sandbox / "store.py",
        sandbox / "formatting.py",
        Path(folding.__file__),
    ]
    sources = sorted([*here.glob("*.py"), *here.glob("*.toml"), *shaping])
    digest = hashlib.blake2b(digest_size=6)
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _write_rows(
    connection: sqlite3.Connection,
    creators: int,
    posts_per_creator: float,
    seed: int,
    progress: Progress | None,
    focus: Vocabulary | None,
) -> None:
    counts = _post_counts(seed, creators, posts_per_creator)
    next_post = 1
    for batch in _batches(seed, creators, focus):
        rows = _with_free_handles(connection, [account for _, account in batch])
        insert_creators(connection, rows)
        published: list[PostRow] = []
        for (who, _), row in zip(batch, rows, strict=True):
            many = next(counts)
            published.extend(posts(who, row, many, next_post))
            next_post += many
        insert_posts(connection, published)
        if progress:
            progress(rows[-1].id, creators)


def _batches(seed: int, creators: int, focus: Vocabulary | None) -> Iterator[list[tuple[Person, CreatorRow]]]:
    """The first `creators` accounts of the seed's persons, each with its person."""
    vocabulary = get_vocabulary()
    batch: list[tuple[Person, CreatorRow]] = []
    done = 0
    for index in count():
        if focus is not None and index % 2:
            who = replace(person(focus, seed, index), reach=FOCUSED_REACH, email_share=FOCUSED_EMAILS)
        else:
            who = person(vocabulary, seed, index)
        batch.extend((who, account) for account in accounts(who, seed, done + len(batch) + 1))
        if done + len(batch) >= creators:
            yield batch[: creators - done]
            return
        if len(batch) >= _BATCH:
            yield batch
            done += len(batch)
            batch = []


def _post_counts(seed: int, creators: int, posts_per_creator: float) -> Iterator[int]:
    """How many posts each creator has: uneven among twenty in a row, exact in sum over all."""
    for start in range(0, creators, len(_ACTIVITY)):
        size = min(len(_ACTIVITY), creators - start)
        weights = list(_ACTIVITY[:size])
        seeded_random(seed, "activity", start).shuffle(weights)
        before, end = round(start * posts_per_creator), round((start + size) * posts_per_creator)
        given, reached = 0, 0.0
        for weight in weights:
            reached += weight
            upto = round((end - before) * reached / sum(weights))
            yield upto - given
            given = upto


def _with_free_handles(connection: sqlite3.Connection, rows: list[CreatorRow]) -> list[CreatorRow]:
    """A handle belongs to one account of a platform: a later account gets digits behind it."""
    taken = _taken_handles(connection, rows)
    free = []
    for row in rows:
        if (row.platform, row.handle_key) in taken:
            handle = f"{row.handle}{row.id}"
            row = row._replace(handle=handle, handle_key=handle_key(handle))  # noqa: PLW2901 - the same account
        taken.add((row.platform, row.handle_key))
        free.append(row)
    return free


def _taken_handles(connection: sqlite3.Connection, rows: list[CreatorRow]) -> set[tuple[str, str | None]]:
    taken: set[tuple[str, str | None]] = set()
    for row in rows:
        found = connection.execute(
            "SELECT 1 FROM creators WHERE platform = ? AND handle_key = ?", (row.platform, row.handle_key)
        )
        if found.fetchone():
            taken.add((row.platform, row.handle_key))
    return taken
