"""Where the embedded server keeps its things, and that they are ours."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tastemaker.db.embedded.failures import HomeUnusable, in_one_sentence


@dataclass(frozen=True, slots=True)
class Places:
    """Paths only: nothing is made or read here."""

    home: Path

    @property
    def root(self) -> Path:
        return self.home / "postgres"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def unfinished(self) -> Path:
        """Where initdb works; what it made is renamed to `data` when it is whole."""
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
    def facts(self) -> Path:
        return self.root / "server.json"

    @property
    def turn_lock(self) -> Path:
        return self.root / "turn.lock"

    @property
    def server_lock(self) -> Path:
        return self.root / "server.lock"

    @property
    def seats(self) -> Path:
        return self.root / "seats"


def places_of(home: Path) -> Places:
    return Places(home.expanduser().absolute())


def prepare(home: Path) -> Places:
    """The places, with the folders there and owned by this user. Raises HomeUnusable."""
    places = places_of(home)
    with in_one_sentence(places.home):
        places.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            _require_ours(places.home.resolve())
        for folder in (places.root, places.seats):
            folder.mkdir(mode=0o700, exist_ok=True)
            _require_ours(folder)
    return places


def _require_ours(folder: Path) -> None:
    """Nobody else may be able to swap what lies in it, root's own files least of all."""
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
