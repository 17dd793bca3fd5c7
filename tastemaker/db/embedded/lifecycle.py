"""Starting, sharing, inspecting and stopping the server: the first user starts it, the last one stops it."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO, Literal

import psycopg

from tastemaker.core.clock import monotonic
from tastemaker.db.embedded.account import server_account
from tastemaker.db.embedded.binaries import usable_binaries
from tastemaker.db.embedded.cluster import ensure_data, major_version
from tastemaker.db.embedded.errors import ServerBusy, ServerFailed, explained, in_one_sentence, is_known
from tastemaker.db.embedded.home import (
    POLL_SECONDS,
    SUPERUSER,
    HomePaths,
    ServerInfo,
    count_users,
    is_server_alive,
    lifecycle_lock,
    paths_of,
    prepare_home,
    read_server_info,
    register_user,
    write_server_info,
)
from tastemaker.db.embedded.server import (
    DATABASE,
    PORT,
    Server,
    clear_after,
    launch,
    postmaster_pid,
    started_at,
    stop_server,
    trim_log,
)

ANSWER_SECONDS = 180
"""Recovery after a crash reads everything since the last checkpoint and may take this long."""

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Status:
    """`stale`: the last server was killed; the next start recovers. `users`: processes that use it."""

    state: Literal["running", "stopped", "stale"]
    pid: int | None
    version: str | None
    data_dir: Path
    socket_dir: Path | None
    started_at: datetime | None
    users: int
    kept: bool
    size_bytes: int


@contextmanager
def running(
    home: Path, *, bin_dir: Path | None = None, settings: Mapping[str, str] = NO_SETTINGS
) -> Iterator[Server]:
    """Keeps the server running during the block, shared with all processes that use the same home.

    `bin_dir` and `settings` apply when this process starts it. Raises subclasses of DatabaseUnavailable.
    """
    paths = prepare_home(home)
    with in_one_sentence(paths.home):
        user_file = register_user(paths)
    try:
        with in_one_sentence(paths.home), lifecycle_lock(paths):
            server = _ensure_running(paths, bin_dir, settings)
        yield server
    finally:
        _leave(paths, user_file)


def start(home: Path, *, bin_dir: Path | None = None) -> Server:
    """Starts the server, or keeps the one that runs, until `stop`."""
    paths = prepare_home(home)
    with in_one_sentence(paths.home), lifecycle_lock(paths):
        server = _ensure_running(paths, bin_dir, NO_SETTINGS)
        info = read_server_info(paths)
        if info:
            write_server_info(paths, replace(info, kept=True))
        return server


def stop(home: Path) -> bool:
    """Stops it even while others use it; False if none was running."""
    with in_one_sentence(home):
        if not paths_of(home).root.exists():
            return False
    paths = prepare_home(home)
    with in_one_sentence(paths.home), lifecycle_lock(paths):
        if not is_server_alive(paths):
            return False
        stop_server(paths)
        clear_after(paths)
        return True


def status(home: Path) -> Status:
    paths = paths_of(home)
    with in_one_sentence(paths.home):
        alive = is_server_alive(paths)
        info = read_server_info(paths) if alive else None
        pid = postmaster_pid(paths.data)
        return Status(
            state="running" if alive else "stopped" if pid is None else "stale",
            pid=pid if alive else None,
            version=info.version if info else major_version(paths.data),
            data_dir=paths.data,
            socket_dir=Path(info.socket_dir) if info else None,
            started_at=started_at(paths.data) if alive else None,
            users=count_users(paths),
            kept=info.kept if info else False,
            size_bytes=_size(paths.data),
        )


def psql_command(home: Path) -> list[str] | None:
    """A command that opens psql as superuser on the running server; None without a server or psql.

    The connection travels in the environment, the password in a file only we can read, so that more
    arguments, or the URL of another role, may be appended.
    """
    paths = paths_of(home)
    with in_one_sentence(paths.home):
        info = read_server_info(paths) if is_server_alive(paths) else None
    if info is None:
        return None
    psql = shutil.which("psql", path=f"{info.bin_dir}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
    if psql is None:
        return None
    connection = {
        "PGHOST": info.socket_dir,
        "PGPORT": str(PORT),
        "PGDATABASE": DATABASE,
        "PGUSER": SUPERUSER,
        "PGPASSFILE": str(paths.passwords),
    }
    return ["env", *(f"{name}={value}" for name, value in connection.items()), psql]


def _ensure_running(paths: HomePaths, bin_dir: Path | None, settings: Mapping[str, str]) -> Server:
    server = wait_for_answer(paths)
    if server is not None:
        trim_log(paths.log)
        return server
    account = server_account(paths.data)
    binaries = usable_binaries(bin_dir, account)
    ensure_data(paths, binaries, account, durable=settings.get("fsync") != "off")
    trim_log(paths.log)
    said_before = paths.log.stat().st_size if paths.log.exists() else 0
    launch(paths, binaries, account, settings)
    server = wait_for_answer(paths)
    if server is None:
        clear_after(paths)
        with paths.log.open(errors="replace") as log:
            log.seek(said_before)
            raise explained("The database did not start", log.read(), home=paths.home, log=paths.log)
    return server


def _leave(paths: HomePaths, user_file: IO[bytes]) -> None:
    try:
        with in_one_sentence(paths.home), lifecycle_lock(paths):
            user_file.close()
            info = read_server_info(paths)
            unwanted = count_users(paths) == 0 and not (info and info.kept)
            if unwanted and is_server_alive(paths):
                stop_server(paths)
                clear_after(paths)
    except ServerBusy:
        return  # another process or container holds the lock; the next user that leaves tries again
    finally:
        user_file.close()


def wait_for_answer(paths: HomePaths) -> Server | None:
    """The server, once it accepts connections to our database; None when no server is alive (any more).

    Raises ServerBusy, ServerFailed.
    """
    deadline = monotonic() + ANSWER_SECONDS
    while is_server_alive(paths):
        info = read_server_info(paths)
        if info and _answers(server := _described(paths, info), paths):
            return server
        if monotonic() > deadline:
            raise ServerBusy(
                f"The database in {paths.root} runs but does not answer. Look into {paths.log}, "
                "or stop it with `tastemaker db stop`."
            )
        time.sleep(POLL_SECONDS)
    return None


def _described(paths: HomePaths, info: ServerInfo) -> Server:
    return Server(home=paths.home, socket_dir=Path(info.socket_dir), port=PORT, version=info.version)


def _answers(server: Server, paths: HomePaths) -> bool:
    try:
        psycopg.connect(server.url(), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        reason = str(error)
    else:
        return True
    if f'database "{DATABASE}" does not exist' in reason:
        _create_database(server, log=paths.log)
        return True
    if "password authentication failed" in reason:
        raise ServerFailed(
            f"The database does not accept the passwords in {paths.passwords}. "
            "Put the file back from a backup."
        )
    if is_known(reason):
        raise explained("The database does not answer", reason, home=server.home, log=paths.log)
    return "too many clients" in reason  # it runs, but all connections are taken


def _create_database(server: Server, *, log: Path) -> None:
    """Runs only under the lifecycle lock, before the database was ever used."""
    try:
        _create_with_best_compression(server)
    except psycopg.Error as error:
        raise explained("The database could not be made", str(error), home=server.home, log=log) from error


def _create_with_best_compression(server: Server) -> None:
    with psycopg.connect(server.url(database="postgres"), autocommit=True) as connection:
        knows_lz4 = connection.execute(
            "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
        ).fetchone()
        if knows_lz4 == (True,):
            connection.execute("ALTER SYSTEM SET default_toast_compression = 'lz4'")
            connection.execute("SELECT pg_reload_conf()")
        connection.execute(f"CREATE DATABASE {DATABASE}")


def _size(folder: Path) -> int:
    """Bytes of all files in it; a file that disappears meanwhile counts as 0."""
    total = 0
    for below, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                total += Path(below, name).lstat().st_size
    return total
