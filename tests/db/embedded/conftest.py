import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tastemaker.db import embedded
from tests.conftest import QUICK

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def used_home(quick_folder: Path) -> Path:
    """A home whose server was made, used and stopped."""
    home = quick_folder / "used"
    home.mkdir()
    with (
        embedded.running(home, settings=FAST) as server,
        psycopg.connect(server.url(), autocommit=True) as connection,
    ):
        connection.execute("ALTER SYSTEM SET fsync = off")
    return home


@pytest.fixture
def home(used_home: Path) -> Iterator[Path]:
    """The used home, for tests that do not damage it: making or copying one takes half a second."""
    yield used_home
    embedded.stop(used_home)


@pytest.fixture(scope="session")
def other_binaries() -> Path:
    """A directory of PostgreSQL binaries that are not the wheel's."""
    chosen = os.environ.get("TASTEMAKER_POSTGRES_BIN")
    found = [Path(chosen)] if chosen else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("no PostgreSQL but the wheel's: install one, or set TASTEMAKER_POSTGRES_BIN")
    return found[-1]


@pytest.fixture(scope="session")
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")


@pytest.fixture
def public_folder(quick_place: Path) -> Iterator[Path]:
    """A folder every user can walk to; a test's own lies in one that only its user can."""
    with tempfile.TemporaryDirectory(prefix=f"{QUICK}{os.getpid()}-", dir=quick_place) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def own_home(used_home: Path, public_folder: Path) -> Path:
    """A copy of the used home, for tests that damage it; its path is short enough for a socket."""
    subprocess.run(["cp", "-a", used_home, public_folder / "home"], check=True)
    return public_folder / "home"
