"""The corpora of an installation: made when first needed, described, chosen.

They live in `home/corpus/`. The file `active` there names the corpus that was chosen instead of the made-up
one; without it the made-up one is used.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.core.private_files import private_folder
from tastemaker.sandbox.store import CorpusUnreadable, get_facts, reading
from tastemaker.sandbox.synthetic.generator import generator_version, write_synthetic
from tastemaker.sandbox.synthetic.vocabulary import focused_on

DEFAULT_CREATORS = 20_000
DEFAULT_POSTS_PER_CREATOR = 10

Progress = Callable[[int, int], None]
"""Called with (creators done, creators in all)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusInfo:
    """Creators and posts are counted by platform; creators also by language and country, most first."""

    path: Path
    origin: str
    """`synthetic`, `imported`, or `mixed`: imported into a made-up one."""

    seed: int | None
    version: str | None
    """Of the generator; None for an imported corpus."""

    creators: dict[str, int]
    posts: dict[str, int]
    languages: dict[str, int]
    countries: dict[str, int]
    size: int
    """In bytes."""


class CorpusNotWritten(AppError):
    """The disk is full or the directory cannot be written; nothing half-done is left behind."""


def ensure_corpus(home: Path, *, seed: int = 1, progress: Progress | None = None) -> Path:
    """The made-up corpus of this seed, made now if it is not there or the generator has changed since.

    Several processes may call this at once: one generates, the others wait for it.
    """
    directory = home / "corpus"
    path = directory / f"synthetic-{seed}-{generator_version()}.sqlite3"
    if path.exists():
        return path
    with locked(directory):
        if not path.exists():
            generate(
                path,
                creators=DEFAULT_CREATORS,
                posts_per_creator=DEFAULT_POSTS_PER_CREATOR,
                seed=seed,
                progress=progress,
            )
            _remove_older(directory, seed, path)
    return path


def generate(
    path: Path,
    *,
    creators: int,
    posts_per_creator: float = DEFAULT_POSTS_PER_CREATOR,
    seed: int,
    progress: Progress | None = None,
    focus: str | None = None,
) -> CorpusInfo:
    """Writes a corpus of made-up creators to `path`, replacing what was there when it is complete.

    `focus`: every second person has this niche and language, such as `fitness/es`. Raises InvalidInput.
    """
    niche, _, language = (focus or "").partition("/")
    vocabulary = focused_on(niche, language)
    if focus is not None and vocabulary is None:
        raise InvalidInput(f"{focus!r} is no niche and language of the sandbox, such as fitness/es.")
    if creators < 1 or posts_per_creator < 0:
        raise InvalidInput("A corpus needs at least one creator, and no fewer than zero posts for each.")
    with replacing(path) as unfinished:
        write_synthetic(
            unfinished,
            creators=creators,
            posts_per_creator=posts_per_creator,
            seed=seed,
            progress=progress,
            focus=vocabulary,
        )
    return info(path)


def info(path: Path) -> CorpusInfo:
    """Raises CorpusUnreadable."""
    with reading(path) as connection:
        facts = get_facts(connection)
        if "origin" not in facts:
            raise CorpusUnreadable(f"{path} is not a corpus.")
        return CorpusInfo(
            path=path,
            origin=facts["origin"],
            seed=int(facts["seed"]) if "seed" in facts else None,
            version=facts.get("version"),
            creators=_counts(connection, "SELECT platform, count(*) FROM creators GROUP BY 1 ORDER BY 1"),
            posts=_counts(connection, "SELECT platform, count(*) FROM posts GROUP BY 1 ORDER BY 1"),
            languages=_counts(connection, _BY_LANGUAGE),
            countries=_counts(connection, _BY_COUNTRY),
            size=path.stat().st_size,
        )


def active_corpus(home: Path, *, seed: int = 1, progress: Progress | None = None) -> Path:
    """The corpus that was activated; otherwise the made-up one, which is made if need be."""
    pointer = home / "corpus" / "active"
    try:
        chosen = Path(pointer.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return ensure_corpus(home, seed=seed, progress=progress)
    path = pointer.parent / chosen
    if not path.exists():
        raise CorpusUnreadable(f"The active corpus {path} is gone; activate another one, or none.")
    return path


def activate(home: Path, path: Path | None) -> None:
    """From now on `path` is used; None goes back to the made-up corpus."""
    pointer = home / "corpus" / "active"
    if path is None:
        pointer.unlink(missing_ok=True)
        return
    info(path)
    with replacing(pointer) as unfinished:
        unfinished.write_text(f"{_relative(path, pointer.parent)}\n", encoding="utf-8")


def named_corpus(home: Path, name: str) -> Path:
    """Where the corpus `name` of this installation is, or will be."""
    if not name or not all(letter.isalnum() or letter in "-_" for letter in name):
        raise InvalidInput("The name of a corpus has letters, digits, - and _ only.")
    return home / "corpus" / f"imported-{name}.sqlite3"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place to write: what is there at the end becomes `path` at once, unless an error came or nothing is.

    Raises CorpusNotWritten.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        private_folder(path.parent)
        unfinished.unlink(missing_ok=True)
        yield unfinished
        if unfinished.exists():
            unfinished.replace(path)
    except (OSError, sqlite3.OperationalError) as error:
        raise CorpusNotWritten(f"The corpus cannot be written to {path}: {error}.") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


_BY_LANGUAGE = """
    SELECT language, count(*) FROM creators WHERE language IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1
"""
_BY_COUNTRY = "SELECT country, count(*) FROM creators WHERE country IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"


def _counts(connection: sqlite3.Connection, query: str) -> dict[str, int]:
    return dict(connection.execute(query).fetchall())


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Held by one process at a time; freed by the system when its holder dies."""
    try:
        private_folder(directory)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise CorpusNotWritten(f"The corpus cannot be written to {directory}: {error}.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_older(directory: Path, seed: int, current: Path) -> None:
    """What an older generator made of the same seed; a process that has it open keeps reading it."""
    for path in directory.glob(f"synthetic-{seed}-*.sqlite3"):
        if path != current:
            path.unlink(missing_ok=True)


def _relative(path: Path, directory: Path) -> Path:
    """So that the data directory can be moved as a whole."""
    absolute = path.resolve()
    return (
        absolute.relative_to(directory.resolve())
        if absolute.is_relative_to(directory.resolve())
        else absolute
    )
