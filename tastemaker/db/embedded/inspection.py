"""What the embedded server is doing, and how to look inside; starts and changes nothing."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from tastemaker.db.embedded import registry
from tastemaker.db.embedded.cluster import major_version
from tastemaker.db.embedded.failures import in_one_sentence
from tastemaker.db.embedded.passwords import SUPERUSER
from tastemaker.db.embedded.places import places_of
from tastemaker.db.embedded.server import DATABASE, PORT
from tastemaker.db.embedded.stopping import postmaster_number, started_at


@dataclass(frozen=True, slots=True)
class Status:
    """`stale`: the last server was killed; the next start recovers. `users`: our processes that hold it."""

    state: Literal["running", "stopped", "stale"]
    pid: int | None
    version: str | None
    data_dir: Path
    socket_dir: Path | None
    started_at: datetime | None
    users: int
    kept: bool
    size_bytes: int


def status(home: Path) -> Status:
    places = places_of(home)
    with in_one_sentence(places.home):
        lives = registry.server_lives(places)
        facts = registry.read_facts(places) if lives else None
        number = postmaster_number(places.data)
        return Status(
            state="running" if lives else "stopped" if number is None else "stale",
            pid=number if lives else None,
            version=facts.version if facts else major_version(places.data),
            data_dir=places.data,
            socket_dir=Path(facts.socket_dir) if facts else None,
            started_at=started_at(places.data) if lives else None,
            users=registry.users(places),
            kept=facts.kept if facts else False,
            size_bytes=_size(places.data),
        )


def psql_command(home: Path) -> list[str] | None:
    """A command that opens psql as superuser on the running server; None without a server or without psql.

    The connection travels in the environment, the password in a file only we can read, so that more
    arguments, or the URL of another role, may be appended.
    """
    places = places_of(home)
    with in_one_sentence(places.home):
        facts = registry.read_facts(places) if registry.server_lives(places) else None
    if facts is None:
        return None
    psql = shutil.which("psql", path=f"{facts.bin_dir}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
    if psql is None:
        return None
    connection = {
        "PGHOST": facts.socket_dir,
        "PGPORT": str(PORT),
        "PGDATABASE": DATABASE,
        "PGUSER": SUPERUSER,
        "PGPASSFILE": str(places.passwords),
    }
    return ["env", *(f"{name}={value}" for name, value in connection.items()), psql]


def _size(folder: Path) -> int:
    """Bytes of the files below; those that vanish while we look count as nothing."""
    total = 0
    for below, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                total += Path(below, name).lstat().st_size
    return total
