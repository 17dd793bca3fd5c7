"""Starting the server process: its settings, its session, its log, and what it inherits."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tastemaker.db.embedded import registry
from tastemaker.db.embedded.account import Account, open_folder
from tastemaker.db.embedded.binaries import Binaries, environment
from tastemaker.db.embedded.failures import ServerBusy
from tastemaker.db.embedded.places import Places
from tastemaker.db.embedded.server import PORT
from tastemaker.db.embedded.sockets import ready_socket_folder, remove_short_folder
from tastemaker.db.embedded.stopping import postmaster_number

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",  # `failures` reads what the server prints
    "log_error_verbosity": "terse",  # a DETAIL line would carry the values of a row
    "cluster_name": "tastemaker",
}
"""What we rely on, so it is given on the command line, where it outranks `postgresql.conf`."""

LOG_BYTES = 1_000_000


def launch(places: Places, binaries: Binaries, account: Account, settings: Mapping[str, str]) -> None:
    """Returns when the process is on its way. Only in our turn, and while no server lives."""
    clear_after(places)
    socket_folder = ready_socket_folder(places, account)
    _clear_postmaster_file(places.data)
    registry.write_facts(
        places,
        registry.Facts(
            socket_dir=str(socket_folder),
            bin_dir=str(binaries.folder),
            version=binaries.version,
            process_space=registry.process_space(),
        ),
    )
    with (
        registry.server_lock(places) as lock,
        open_folder(places.data, account) as (data, data_files),
        open_folder(socket_folder, account) as (sockets, socket_files),
    ):
        chosen = {**SETTINGS, **_preloaded(binaries), **settings, "unix_socket_directories": _quoted(sockets)}
        command = [str(binaries.folder / "postgres"), "-D", data]
        for name, value in chosen.items():
            command += ["-c", f"{name}={value}"]
        _spawn(command, places.log, account, inherited=(lock, *data_files, *socket_files))


def clear_after(places: Places) -> None:
    """Removes what a server that is gone may have left outside the home."""
    earlier = registry.read_facts(places)
    if earlier:
        remove_short_folder(Path(earlier.socket_dir), places)


def trim_log(log: Path) -> None:
    """One older file is kept. The server appends, so emptying the file under it is safe."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


def _spawn(command: list[str], log: Path, account: Account, *, inherited: tuple[int, ...]) -> None:
    """In a session of its own, so that Ctrl-C does not reach it; through a shell, so that it is no child."""
    number = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        subprocess.run(  # noqa: S603 - the operator's or the wheel's own binary
            ["/bin/sh", "-c", '"$@" &', "sh", *command],
            check=True,
            stdout=number,
            stderr=number,
            start_new_session=True,
            pass_fds=inherited,
            env=environment(),
            **account.spawn_options(),
        )
    finally:
        os.close(number)


def _preloaded(binaries: Binaries) -> dict[str, str]:
    wanted = "pg_stat_statements"
    return {"shared_preload_libraries": wanted} if binaries.has_module(wanted) else {}


def _quoted(folder: str) -> str:
    return '"' + folder.replace('"', '""') + '"'


def _clear_postmaster_file(data: Path) -> None:
    """Left by a server that was killed: PostgreSQL would fear the process that has its number by now."""
    number = postmaster_number(data)
    if number is not None and _works_in(number, data):
        raise ServerBusy(
            f"Process {number} is a PostgreSQL server on {data} that Tastemaker did not start. "
            "Stop it and try again."
        )
    (data / "postmaster.pid").unlink(missing_ok=True)


def _works_in(number: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{number}/cwd").samefile(folder)
    except OSError:
        return False
