"""Binaries where every user can read them, for root: its own packages often lie in a closed folder.

The copy is root's, under a folder only root can write, so nobody else can plant or change it. It is
named after its content, made beside its final name and renamed when whole.
"""

import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tastemaker.db.embedded.failures import BinariesUnusable, in_one_sentence

PLACE = Path("/var/lib/tastemaker/binaries")
NOT_NEEDED = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc")


def of_trees(site: Path, trees: Iterable[str], *, named_by: Path) -> Path:
    """A folder that holds `trees` as `site` does, readable by all. Raises BinariesUnusable, HomeUnusable."""
    with in_one_sentence(PLACE):
        final = PLACE / hashlib.sha256(named_by.read_bytes()).hexdigest()[:16]
        with _only_us():
            if not final.is_dir():
                _copy(site, trees, final)
    return final


@contextmanager
def _only_us() -> Iterator[None]:
    for folder in (PLACE.parent, PLACE):
        if not folder.exists():
            folder.mkdir(mode=0o755, exist_ok=True)
            folder.chmod(0o755)  # whatever the umask made of it
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise BinariesUnusable(f"{folder} can be changed by other users. Move it away and try again.")
    lock = os.open(PLACE, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _copy(site: Path, trees: Iterable[str], final: Path) -> None:
    unfinished = final.with_name("unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    for tree in trees:
        if (site / tree).is_dir():
            shutil.copytree(site / tree, unfinished / tree, ignore=NOT_NEEDED, copy_function=shutil.copyfile)
    for original_folder, folders, files in os.walk(unfinished):
        original = site / Path(original_folder).relative_to(unfinished)
        for name in files:
            copied = Path(original_folder, name)
            runs = (original / name).stat().st_mode & 0o111
            copied.chmod(0o755 if runs else 0o644)
        for name in folders:
            Path(original_folder, name).chmod(0o755)
    unfinished.chmod(0o755)
    os.sync()  # a copy that a power cut emptied would never be made again
    unfinished.rename(final)
