"""Where a file may be written: found out before anything long begins."""

import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tastemaker.core.errors import Conflict, InvalidInput

STANDARD_OUTPUT = Path("-")
LONGEST_SLUG = 60


def refuse_unwritable(path: Path | None, *, overwrite: bool = False) -> None:
    """Before anything long begins. Raises InvalidInput, Conflict."""
    if path is None or path == STANDARD_OUTPUT:
        return
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder. Name a file.")
    if path.is_symlink() and not path.exists():
        raise Conflict(f"{path} is a link to nothing. Choose another name.")
    if path.is_file() and not overwrite:
        raise Conflict(f"{path} exists already. Choose another name.")
    if not path.parent.is_dir():
        raise InvalidInput(f"There is no folder {path.parent}.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InvalidInput(f"{path} cannot be written.")


def free_names(name: str, *, folder: Path) -> Iterator[Path]:
    """First `chess-2026-11-23.csv`, then `chess-2026-11-23-2.csv`, and so on."""
    slug = slug_of(name)
    yield folder / f"{slug}.csv"
    yield from (folder / f"{slug}-{number}.csv" for number in count(2))


def slug_of(name: str) -> str:
    """Letters and digits of any script, the rest as single dashes."""
    words = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFKC", name).lower()).strip("-")
    while len(words.encode()) > LONGEST_SLUG:
        words = words[:-1]
    return words.strip("-") or "creators"
