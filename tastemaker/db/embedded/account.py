"""The user that the server runs as. PostgreSQL refuses root, so root runs it as a uid that owns nothing else.

No user is added and no mode is changed. The uid has no entry in the system's user list and no other
process; it is stored as the owner of the data directory. The server cannot walk to its folders, which lie
in root's: it inherits them as open files and names them by their file descriptors.
"""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tastemaker.core.errors import DatabaseUnavailable

NUMBERS = range(60_900, 61_100)
"""Candidates for the uid: below systemd's dynamic users, above those of people and services."""

INIT_NAMES = ("nobody", "daemon", "bin")
"""initdb, unlike the server, requires an entry in the user list; every system has one of these."""

OPEN_FOLDERS = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Account:
    """The user of a child process. `uid` None: our own."""

    uid: int | None = None

    def spawn_options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"cwd": "/", "umask": 0o077, "stdin": subprocess.DEVNULL}
        if self.uid is None:
            return options
        return {**options, "user": self.uid, "group": self.uid, "extra_groups": []}

    def own(self, path: Path) -> None:
        if self.uid is not None:
            os.chown(path, self.uid, self.uid, follow_symlinks=False)


def server_account(data: Path) -> Account:
    """The owner of the data directory; before it exists, a uid that nobody has."""
    if os.geteuid() != 0:
        return Account()
    if not OPEN_FOLDERS.is_dir():
        raise DatabaseUnavailable(
            "As root the embedded database needs /proc, which this system does not have. "
            "Run as an ordinary user, or set DATABASE_URL."
        )
    owner = data.stat().st_uid if data.exists() else 0
    return Account(owner or next(number for number in NUMBERS if not _is_taken(number)))


def init_account(server: Account) -> Account:
    if server.uid is None or _is_taken(server.uid):
        return server
    for name in INIT_NAMES:
        try:
            return Account(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    raise DatabaseUnavailable(
        f"As root the embedded database needs one of the users {', '.join(INIT_NAMES)}, and none is there. "
        "Run as an ordinary user, or set DATABASE_URL."
    )


@contextmanager
def open_folder(folder: Path, account: Account) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A path by which a child of that account reaches the folder, and the open files it must inherit."""
    if account.uid is None:
        yield str(folder), ()
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"{OPEN_FOLDERS}/{fd}", (fd,)
    finally:
        os.close(fd)


def give_away(tree: Path, account: Account) -> None:
    """Makes the account own `tree` and everything in it; links are not followed."""
    account.own(tree)
    if account.uid is None:
        return
    for _, folders, files, folder in os.fwalk(tree, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, account.uid, account.uid, dir_fd=folder, follow_symlinks=False)


def _is_taken(number: int) -> bool:
    try:
        pwd.getpwuid(number)
    except KeyError:
        return False
    return True
