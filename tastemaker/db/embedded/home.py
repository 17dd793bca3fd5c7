"""The folder of the embedded server: paths, passwords, and the locks that say who starts, uses and runs it.

The kernel releases a lock when its last holder dies, so a lock is never stale. The server inherits
`server.lock`, and so does every process that it forks: the lock is free only when the last of them is gone,
even if `postmaster.pid` says otherwise. Each process that uses the server holds its own locked file in
`users`.
"""

import fcntl
import json
import os
import platform
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from tastemaker.core.clock import monotonic
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import new_token
from tastemaker.db.embedded.errors import HomeUnusable, ServerBusy, in_one_sentence

SUPERUSER = "postgres"
APP = "tastemaker_app"
"""The migrations create this role; only its password is chosen here."""

LOCK_SECONDS = 300
"""Longer than a starting process waits for the server's answer."""

POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class HomePaths:
    """Only paths: nothing is created or read."""

    home: Path

    @property
    def root(self) -> Path:
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def unfinished(self) -> Path:
        """Initdb writes here; the result is renamed to `data` when it is complete."""
        return self.root / "data.unfinished"

    @property
    def socket(self) -> Path:
        return self.root / "socket"

    @property
    def passwords(self) -> Path:
        return self.root / "passwords"

    @property
    def log(self) -> Path:
        return self.root / "server.log"

    @property
    def server_info(self) -> Path:
        return self.root / "server.json"

    @property
    def lifecycle_lock(self) -> Path:
        return self.root / "turn.lock"

    @property
    def server_lock(self) -> Path:
        return self.root / "server.lock"

    @property
    def users(self) -> Path:
        return self.root / "seats"


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Written by the process that starts the server, for the processes that join it."""

    socket_dir: str
    bin_dir: str
    version: str
    process_space: str
    """Process ids are valid only inside one container and until the machine restarts."""
    kept: bool = False
    """Started by `start`: keeps running when the last user leaves."""


def paths_of(home: Path) -> HomePaths:
    return HomePaths(home.expanduser().absolute())


def prepare_home(home: Path) -> HomePaths:
    """Creates the folders and checks that this user owns them. Raises HomeUnusable."""
    paths = paths_of(home)
    with in_one_sentence(paths.home):
        paths.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            _require_ours(paths.home.resolve())
        for folder in (paths.root, paths.users):
            folder.mkdir(mode=0o700, exist_ok=True)
            _require_ours(folder)
    return paths


def app_password(home: Path) -> str:
    """The password of the role `tastemaker_app`: created at the first call, then always the same."""
    ensure_passwords(prepare_home(home))
    return password_of(APP, home=home)


def password_of(role: str, *, home: Path) -> str:
    """Raises InvalidInput for a role that has none here, HomeUnusable if there are none yet."""
    paths = paths_of(home)
    with in_one_sentence(paths.home):
        lines = paths.passwords.read_text().splitlines()
    known = dict(line.rsplit(":", 2)[1:] for line in lines)
    if role not in known:
        raise InvalidInput(
            f"The embedded database has no password for {role!r}, only for {SUPERUSER} and {APP}."
        )
    return known[role]


def ensure_passwords(paths: HomePaths) -> None:
    """Creates the file once, safely between processes: a link to a complete file appears or exists."""
    if paths.passwords.exists():
        return
    if paths.data.exists():
        raise HomeUnusable(
            f"{paths.passwords} is gone, so nobody can sign in to the database in {paths.data}. "
            "Put the file back from a backup."
        )
    with in_one_sentence(paths.home):
        fd, name = tempfile.mkstemp(dir=paths.root, prefix="passwords.")
        try:
            with os.fdopen(fd, "w") as file:
                file.writelines(f"*:*:*:{role}:{new_token()}\n" for role in (SUPERUSER, APP))
                file.flush()
                os.fsync(fd)
            os.link(name, paths.passwords)
        except FileExistsError:
            pass
        finally:
            Path(name).unlink()


@contextmanager
def lifecycle_lock(paths: HomePaths) -> Iterator[None]:
    """Held by the one process that starts or stops the server. Raises ServerBusy."""
    lock = os.open(paths.lifecycle_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = monotonic() + LOCK_SECONDS
        while not _try_lock(lock, fcntl.LOCK_EX):
            if monotonic() > deadline:
                raise ServerBusy(
                    f"Another process has been starting or stopping the database in {paths.root} for "
                    f"{LOCK_SECONDS // 60} minutes. End it and try again."
                )
            time.sleep(POLL_SECONDS)
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)  # a child that was forked meanwhile may hold a copy
        os.close(lock)


def register_user(paths: HomePaths) -> IO[bytes]:
    """A locked file; closing it ends the use. It gets its final name only when it is locked."""
    name = f"{os.getpid()}.{new_token(4)}"
    hidden = paths.users / f".{name}"
    file = hidden.open("xb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        hidden.rename(paths.users / name)
    except BaseException:
        file.close()
        raise
    return file


def count_users(paths: HomePaths) -> int:
    """Processes that use the server. Removes the files of those that died."""
    pids = set()
    for file in paths.users.glob("[!.]*"):
        if _is_locked(file):
            pids.add(file.name.partition(".")[0])
        else:
            file.unlink(missing_ok=True)
    return len(pids)


def is_server_alive(paths: HomePaths) -> bool:
    return _is_locked(paths.server_lock)


@contextmanager
def server_lock(paths: HomePaths) -> Iterator[int]:
    """Locked, for a server to inherit. Only under the lifecycle lock, while no server is alive."""
    lock = os.open(paths.server_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def write_server_info(paths: HomePaths, info: ServerInfo) -> None:
    unfinished = paths.server_info.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(asdict(info)))
    unfinished.replace(paths.server_info)


def read_server_info(paths: HomePaths) -> ServerInfo | None:
    try:
        return ServerInfo(**json.loads(paths.server_info.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def pid_namespace() -> str:
    """Identifies the machine, its last restart and the container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _require_ours(folder: Path) -> None:
    """Nobody else may be able to replace the files in it."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise HomeUnusable(
            f"{folder} is not a folder. Move it away, or set TASTEMAKER_HOME to another folder."
        )
    if found.st_uid != os.geteuid():
        raise HomeUnusable(
            f"{folder} belongs to another user (number {found.st_uid}). "
            "Run as that user, or set TASTEMAKER_HOME to a folder of your own."
        )


def _is_locked(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(file, fcntl.LOCK_SH)  # shared: two processes may check at once
    finally:
        os.close(file)


def _try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
