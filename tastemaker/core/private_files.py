"""Folders and secrets of the data directory, closed to other users of the machine."""

import os
from pathlib import Path

from tastemaker.core.ids import new_token


def private_folder(folder: Path) -> None:
    """Make a folder and the one it lies in, closed to other users. What is there already stays as it is."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def write_private_file(path: Path, content: bytes) -> None:
    """Raises FileExistsError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def find_secret(path: Path) -> str | None:
    return path.read_text().strip() if path.is_file() else None


def ensure_secret(path: Path) -> str:
    """The one that is there, else a new one. Of processes that begin at once all get the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = find_secret(path)
    if known is not None:
        return known
    unfinished = path.with_name(f".{path.name}.{new_token(6)}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(new_token(32))
    try:
        os.link(unfinished, path)
    except FileExistsError:  # another process was first
        pass
    finally:
        unfinished.unlink()
    return path.read_text().strip()
