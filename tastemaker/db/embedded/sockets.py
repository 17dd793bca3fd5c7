"""The folder of the server's Unix socket: private, short enough, and free of strangers and leftovers."""

import os
import socket
import stat
import tempfile
from pathlib import Path

from tastemaker.db.embedded.account import Account
from tastemaker.db.embedded.failures import SocketTaken
from tastemaker.db.embedded.places import Places
from tastemaker.db.embedded.server import PORT

NAME = f".s.PGSQL.{PORT}"
LONGEST_PATH = 103
"""Bytes that a socket's path may have: 107 on Linux, 103 on macOS."""

SHORT_PLACE = Path("/tmp")  # noqa: S108 - only for a fresh folder with a random name, closed to others
SHORT_NAME = "tastemaker-"


def ready_socket_folder(places: Places, account: Account) -> Path:
    """Where the next server may listen. Raises SocketTaken. Only while no server lives."""
    folder = places.socket
    if not _fits(folder):
        place = SHORT_PLACE if SHORT_PLACE.is_dir() else None
        folder = Path(tempfile.mkdtemp(prefix=SHORT_NAME, dir=place))
    folder.mkdir(mode=0o700, exist_ok=True)
    account.own(folder)
    _clear(folder / NAME)
    return folder


def remove_short_folder(folder: Path, places: Places) -> None:
    """The one that an earlier server had instead of its place at home, if it is still there and ours."""
    if not folder.name.startswith(SHORT_NAME):
        return
    try:
        found = folder.lstat()
        owners = {os.geteuid(), places.data.stat().st_uid}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
            return
        _clear(folder / NAME)
        folder.rmdir()
    except (OSError, SocketTaken):
        return  # litter in the temporary folder, which the system clears


def _fits(folder: Path) -> bool:
    """A comma would separate two hosts in a connection string."""
    return len(os.fsencode(folder / NAME)) <= LONGEST_PATH and "," not in str(folder)


def _clear(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        found = None
    if found is not None and not stat.S_ISSOCK(found.st_mode):
        raise SocketTaken(f"{path} is in the way of the database's socket. Move it away and try again.")
    if found is not None and _is_listened_to(path):
        raise SocketTaken(
            f"Another process listens on {path}, where the database's socket belongs. End it and try again."
        )
    path.unlink(missing_ok=True)
    path.with_name(f"{NAME}.lock").unlink(missing_ok=True)


def _is_listened_to(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
        return True
