"""The server process: where it listens, how it is started, and how it is stopped."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from tastemaker.core.clock import monotonic
from tastemaker.db.embedded.account import Account, open_folder
from tastemaker.db.embedded.binaries import Binaries, environment
from tastemaker.db.embedded.errors import ServerBusy, SocketTaken
from tastemaker.db.embedded.home import (
    POLL_SECONDS,
    SUPERUSER,
    HomePaths,
    ServerInfo,
    is_server_alive,
    password_of,
    pid_namespace,
    read_server_info,
    server_lock,
    write_server_info,
)

DATABASE = "tastemaker"
PORT = 5432
"""Only part of the socket's name: nothing listens on the network."""

SOCKET_NAME = f".s.PGSQL.{PORT}"
LONGEST_SOCKET_PATH = 103
"""Bytes that a socket's path may have: 107 on Linux, 103 on macOS."""

SHORT_FOLDER = Path("/tmp")  # noqa: S108 - only for a fresh folder with a random name, closed to others
SHORT_PREFIX = "tastemaker-"

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",  # errors.py reads what the server prints
    "log_error_verbosity": "terse",  # a DETAIL line would carry the values of a row
    "cluster_name": "tastemaker",
}
"""Settings that we depend on: the command line overrides `postgresql.conf`."""

LOG_BYTES = 1_000_000

SHUTDOWNS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 15.0))
"""PostgreSQL's fast shutdown (ends sessions, writes everything), then immediate, and seconds for each."""

LINE_OF_START = 2
"""In `postmaster.pid`, counted from 0; line 0 is the pid."""


@dataclass(frozen=True, slots=True)
class Server:
    home: Path
    socket_dir: Path
    port: int
    version: str

    def url(self, *, database: str = DATABASE, role: str = SUPERUSER) -> str:
        """A libpq URL over the Unix socket, with the password. Raises InvalidInput for an unknown role."""
        password = quote(password_of(role, home=self.home), safe="")
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql://{role}:{password}@/{quote(database, safe='')}?host={host}&port={self.port}"


def launch(paths: HomePaths, binaries: Binaries, account: Account, settings: Mapping[str, str]) -> None:
    """Starts the process and returns. Only under the lifecycle lock, while no server is alive."""
    clear_after(paths)
    socket_folder = ready_socket_folder(paths, account)
    _clear_postmaster_file(paths.data)
    write_server_info(
        paths,
        ServerInfo(
            socket_dir=str(socket_folder),
            bin_dir=str(binaries.folder),
            version=binaries.version,
            process_space=pid_namespace(),
        ),
    )
    with (
        server_lock(paths) as lock,
        open_folder(paths.data, account) as (data, data_files),
        open_folder(socket_folder, account) as (sockets, socket_files),
    ):
        chosen = {**SETTINGS, **_preloaded(binaries), **settings, "unix_socket_directories": _quoted(sockets)}
        command = [str(binaries.folder / "postgres"), "-D", data]
        for name, value in chosen.items():
            command += ["-c", f"{name}={value}"]
        _spawn(command, paths.log, account, inherited=(lock, *data_files, *socket_files))


def clear_after(paths: HomePaths) -> None:
    """Removes what an earlier server may have left outside the home."""
    earlier = read_server_info(paths)
    if earlier:
        remove_short_folder(Path(earlier.socket_dir), paths)


def trim_log(log: Path) -> None:
    """Keeps one older file. The server appends, so truncating the open file is safe."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


def ready_socket_folder(paths: HomePaths, account: Account) -> Path:
    """The folder for the socket of the next server. Raises SocketTaken. Only while no server is alive."""
    folder = paths.socket
    if not _fits(folder):
        place = SHORT_FOLDER if SHORT_FOLDER.is_dir() else None
        folder = Path(tempfile.mkdtemp(prefix=SHORT_PREFIX, dir=place))
    folder.mkdir(mode=0o700, exist_ok=True)
    account.own(folder)
    _clear(folder / SOCKET_NAME)
    return folder


def remove_short_folder(folder: Path, paths: HomePaths) -> None:
    """Removes the temporary folder that an earlier server used for its socket, if it is ours."""
    if not folder.name.startswith(SHORT_PREFIX):
        return
    try:
        found = folder.lstat()
        owners = {os.geteuid(), paths.data.stat().st_uid}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
            return
        _clear(folder / SOCKET_NAME)
        folder.rmdir()
    except (OSError, SocketTaken):
        return  # the system cleans its temporary folder


def _fits(folder: Path) -> bool:
    """A comma would separate two hosts in a connection string."""
    return len(os.fsencode(folder / SOCKET_NAME)) <= LONGEST_SOCKET_PATH and "," not in str(folder)


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
    path.with_name(f"{SOCKET_NAME}.lock").unlink(missing_ok=True)


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


def _spawn(command: list[str], log: Path, account: Account, *, inherited: tuple[int, ...]) -> None:
    """In its own session, so that Ctrl-C does not reach it; through a shell, so that it is not our child."""
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        subprocess.run(  # noqa: S603 - the operator's or the wheel's own binary
            ["/bin/sh", "-c", '"$@" &', "sh", *command],
            check=True,
            stdout=fd,
            stderr=fd,
            start_new_session=True,
            pass_fds=inherited,
            env=environment(),
            **account.spawn_options(),
        )
    finally:
        os.close(fd)


def _preloaded(binaries: Binaries) -> dict[str, str]:
    wanted = "pg_stat_statements"
    return {"shared_preload_libraries": wanted} if binaries.has_module(wanted) else {}


def _quoted(folder: str) -> str:
    return '"' + folder.replace('"', '""') + '"'


def _clear_postmaster_file(data: Path) -> None:
    """A killed server leaves it behind, and PostgreSQL refuses to start if its pid is in use again."""
    pid = postmaster_pid(data)
    if pid is not None and _works_in(pid, data):
        raise ServerBusy(
            f"Process {pid} is a PostgreSQL server on {data} that Tastemaker did not start. "
            "Stop it and try again."
        )
    (data / "postmaster.pid").unlink(missing_ok=True)


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").samefile(folder)
    except OSError:
        return False


def stop_server(paths: HomePaths) -> None:
    """Returns when its last process has ended. Only under the lifecycle lock. Raises ServerBusy."""
    info = read_server_info(paths)
    if info and info.process_space != pid_namespace():
        raise ServerBusy(
            f"The database in {paths.root} runs in another container or on another machine. Stop it there."
        )
    for kind, seconds in SHUTDOWNS:
        deadline = monotonic() + seconds
        _signal(paths, kind, deadline)
        while is_server_alive(paths) and monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if not is_server_alive(paths):
            return
    raise ServerBusy(
        f"The database in {paths.root} does not stop. Look into {paths.log}, then end its processes."
    )


def postmaster_pid(data: Path) -> int | None:
    lines = _postmaster_lines(data)
    return abs(int(lines[0])) if lines and lines[0].lstrip("-").isdigit() else None


def started_at(data: Path) -> datetime | None:
    lines = _postmaster_lines(data)
    return datetime.fromtimestamp(int(lines[LINE_OF_START]), UTC) if len(lines) > LINE_OF_START else None


def _signal(paths: HomePaths, kind: signal.Signals, deadline: float) -> None:
    """Waits for the pid of a server that has just started."""
    while is_server_alive(paths) and monotonic() < deadline:
        pid = postmaster_pid(paths.data)
        if pid is not None:
            with suppress(ProcessLookupError):  # it was killed before; its children end by themselves
                os.kill(pid, kind)
            return
        time.sleep(POLL_SECONDS)


def _postmaster_lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
