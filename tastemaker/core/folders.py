"""Folders of the data directory: what is in them is nobody else's business on a shared machine."""

from pathlib import Path


def private_folder(folder: Path) -> None:
    """Make a folder and the one it lies in, closed to other users. What is there already stays as it is."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
