"""PgBouncer in transaction mode in front of the test's server, with one server connection per login."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from tastemaker.db.embedded import Server

BINARY: Final = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

MISSING: Final = "PgBouncer is not installed (Debian: pgbouncer)"

FOLLOWS: Final = (1, 22)
"""The first version whose prepared statements the driver can use, when it is told to keep some."""

CONFIGURATION: Final = """
[databases]
* = host=/proc/self/fd/{sockets} port={server_port}
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 1
max_client_conn = 200
logfile = {folder}/log
pidfile = {folder}/pid
"""


@contextmanager
def pgbouncer(server: Server, passwords: Mapping[str, str]) -> Iterator[Path]:
    """The folder of its socket, for `host`; the port is 6432."""
    assert BINARY is not None, MISSING
    folder = Path(tempfile.mkdtemp(prefix="pgb"))
    sockets = os.open(server.socket_dir, os.O_RDONLY)  # a path that needs no rights on the folders above
    try:
        _configure(folder, server, passwords, sockets=sockets)
        process = subprocess.Popen(
            [BINARY, "-q", folder / "ini"], pass_fds=[sockets], **_as_unprivileged(server)
        )
        try:
            _wait_for(folder / ".s.PGSQL.6432", process)
            yield folder
        finally:
            process.terminate()
            process.wait(10)
    finally:
        os.close(sockets)
        shutil.rmtree(folder)


def pooled(url: str, folder: Path) -> str:
    """The same database and role, through the pooler."""
    return psycopg.conninfo.make_conninfo(url, host=str(folder), port=6432)


def version() -> tuple[int, int]:
    assert BINARY is not None, MISSING
    said = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = said.split()[1].split(".")[:2]
    return int(major), int(minor)


def _configure(folder: Path, server: Server, passwords: Mapping[str, str], *, sockets: int) -> None:
    text = CONFIGURATION.format(folder=folder, sockets=sockets, server_port=server.port)
    if version() >= FOLLOWS:
        text += "max_prepared_statements = 200\n"
    (folder / "ini").write_text(text)
    users = "".join(f'"{role}" "{password}"\n' for role, password in passwords.items())
    (folder / "users.txt").write_text(users)
    if os.geteuid() == 0:
        owner = server.socket_dir.stat()
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.st_uid, owner.st_gid)


def _as_unprivileged(server: Server) -> dict[str, Any]:
    """It refuses to run as root; then it runs as whoever runs the server."""
    if os.geteuid() != 0:
        return {}
    owner = server.socket_dir.stat()
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        assert process.poll() is None, "PgBouncer ended at once"
        with socket.socket(socket.AF_UNIX) as probe:
            if path.exists() and probe.connect_ex(str(path)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("PgBouncer does not answer")
