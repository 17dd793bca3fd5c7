import json
import os
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.db import embedded
from tastemaker.db.embedded import binaries
from tastemaker.db.embedded import home as embedded_home
from tests.db.embedded.client import Client
from tests.db.embedded.conftest import FAST

SOCKET = Path("postgres/socket/.s.PGSQL.5432")


@contextmanager
def refused(*words: str) -> Iterator[None]:
    """One sentence or two, on one line, that names the words."""
    with pytest.raises(DatabaseUnavailable) as caught:
        yield
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert "Traceback" not in sentence
    for word in words:
        assert word in sentence


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with refused(f"{tmp_path}/home", "is a file where a folder is needed", "TASTEMAKER_HOME"):
        use(tmp_path / "home")


def test_a_home_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refused(f"{tmp_path}/file/home", "part of that path is a file"):
        use(tmp_path / "file" / "home")
    with refused("part of that path is a file"):
        embedded.status(tmp_path / "file" / "home")


def test_a_home_whose_name_is_too_long(tmp_path: Path) -> None:
    with refused("too long a name"):
        use(tmp_path / ("x" * 300))


def test_a_folder_where_a_file_belongs(tmp_path: Path) -> None:
    (tmp_path / "postgres").touch()
    with refused(f"{tmp_path}/postgres", "is a file where a folder is needed"):
        use(tmp_path)


def test_data_of_another_major_version(own_home: Path) -> None:
    """The number is changed, which is all that is looked at before the data is touched."""
    (own_home / "postgres" / "data" / "PG_VERSION").write_text("14\n")
    with refused("was made by PostgreSQL 14", "TASTEMAKER_POSTGRES_BIN", "version 14"):
        use(own_home)


def test_data_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "letter.txt").write_text("not yours")
    with refused("is not a PostgreSQL data directory", "Move it away"):
        use(tmp_path)
    assert (tmp_path / "postgres" / "data" / "letter.txt").exists()


def test_passwords_that_are_gone(own_home: Path) -> None:
    (own_home / "postgres" / "passwords").unlink()
    with refused(f"{own_home}/postgres/passwords is gone", "backup"):
        use(own_home)
    with refused("is gone"):
        embedded.app_password(own_home)


def test_passwords_of_another_database(own_home: Path) -> None:
    (own_home / "postgres" / "passwords").write_text("*:*:*:postgres:wrong\n*:*:*:tastemaker_app:wrong\n")
    with refused("does not accept the passwords in", "backup"):
        use(own_home)
    assert embedded.status(own_home).state == "stopped"


def test_a_file_where_the_socket_belongs(own_home: Path) -> None:
    (own_home / SOCKET).write_text("in the way")
    with refused(f"{own_home / SOCKET} is in the way", "Move it away"):
        use(own_home)
    assert (own_home / SOCKET).read_text() == "in the way"


def test_a_stranger_who_listens_where_the_socket_belongs(own_home: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(own_home / SOCKET))
        stranger.listen()
        with refused(f"Another process listens on {own_home / SOCKET}", "End it"):
            use(own_home)
    assert stat.S_ISSOCK((own_home / SOCKET).lstat().st_mode)


def test_a_server_that_somebody_else_started_on_our_data(own_home: Path) -> None:
    data = own_home / "postgres" / "data"
    owner = data.stat().st_uid if os.geteuid() == 0 else None
    folder = os.open(data, os.O_RDONLY)
    command = [binaries.binaries_below(binaries.site_folder()) / "postgres", "-D", f"/proc/self/fd/{folder}"]
    command += ["-c", "listen_addresses=", "-c", f"unix_socket_directories=/proc/self/fd/{folder}"]
    with subprocess.Popen(
        command, user=owner, group=owner, cwd="/", pass_fds=[folder], stderr=subprocess.PIPE
    ) as stranger:
        os.close(folder)
        number = data / "postmaster.pid"
        while not number.exists() or "ready" not in number.read_text():
            assert stranger.poll() is None
            time.sleep(0.01)
        with refused(f"Process {stranger.pid} is a PostgreSQL server", "did not start", "Stop it"):
            use(own_home)
        assert embedded.stop(own_home) is False
        assert stranger.poll() is None
        stranger.terminate()


def test_a_directory_without_postgresql(tmp_path: Path) -> None:
    with refused(f"There is no PostgreSQL server in {tmp_path}", "TASTEMAKER_POSTGRES_BIN"):
        use(tmp_path / "home", bin_dir=tmp_path)


def test_binaries_that_are_too_old(public_folder: Path) -> None:
    _script(public_folder / "postgres", "echo 'postgres (PostgreSQL) 14.2'")
    with refused("holds PostgreSQL 14.2", "needs 15 to 18"):
        use(public_folder / "home", bin_dir=public_folder)


def test_binaries_that_may_not_be_run(public_folder: Path) -> None:
    _script(public_folder / "postgres", "true")
    (public_folder / "postgres").chmod(0o644)
    with refused(f"{public_folder}/postgres may not be run", "right to execute", "noexec"):
        use(public_folder / "home", bin_dir=public_folder)


def test_binaries_for_another_machine(public_folder: Path) -> None:
    (public_folder / "postgres").write_bytes(b"\x7fELF but not really")
    (public_folder / "postgres").chmod(0o755)
    with refused("was built for another kind of machine"):
        use(public_folder / "home", bin_dir=public_folder)


def test_binaries_that_miss_a_library(public_folder: Path) -> None:
    _script(public_folder / "postgres", "echo 'libz.so.1: cannot open shared object file' >&2; exit 127")
    with refused("cannot run here: libz.so.1"):
        use(public_folder / "home", bin_dir=public_folder)


def test_the_wheel_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "PACKAGE", "no_such_package")
    with refused("No PostgreSQL binaries are installed", "make setup", "DATABASE_URL"):
        use(tmp_path)


def test_more_shared_memory_than_there_is(home: Path) -> None:
    with refused("not enough memory for its shared buffers", "shared_buffers"):
        use(home, shared_buffers="4TB")


def test_a_setting_that_postgresql_does_not_know(home: Path) -> None:
    with refused('unrecognized configuration parameter "no_such_setting"', "server.log"):
        use(home, no_such_setting="1")


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    with Client(tmp_path, through=("sh", "-c", 'ulimit -f 1000; exec "$@"', "sh")) as client:
        answer = client.ask("enter")
    assert "Raise the file size limit (ulimit -f)." in _sentence(answer)
    assert not (tmp_path / "postgres" / "data").exists()


def test_a_full_disk(tmp_path: Path, as_root: None) -> None:
    sentence = _on_a_disk_of(tmp_path, "size=30m")
    assert sentence == (
        f"The database could not be made: the disk that holds {tmp_path}/disk/home is full."
        " Free some space and try again."
    )


@pytest.mark.slow
def test_a_disk_that_fills_up_at_any_step(tmp_path: Path, as_root: None) -> None:
    """From too small for the files to just enough, by the size that PostgreSQL needs at the time."""
    outcomes = []
    for size in range(32, 48):
        (tmp_path / f"{size}").mkdir()
        outcomes.append(_on_a_disk_of(tmp_path / f"{size}", f"size={size}m"))
    refusals = [outcome for outcome in outcomes if outcome != "it runs"]
    assert len(refusals) not in {0, len(outcomes)}
    for sentence in refusals:
        assert sentence.endswith("is full. Free some space and try again.")


def test_a_disk_that_is_full_before_anything_is_made(tmp_path: Path, as_root: None) -> None:
    sentence = _on_a_disk_of(tmp_path, "nr_inodes=4")
    assert "is full. Free some space and try again." in sentence


def test_a_read_only_disk(tmp_path: Path, as_root: None) -> None:
    assert _on_a_disk_of(tmp_path, "ro") == (
        f"{tmp_path}/disk/home is on a read-only file system. Set TASTEMAKER_HOME to another folder."
    )


def test_binaries_on_a_disk_that_runs_nothing(public_folder: Path, as_root: None) -> None:
    sentence = _on_a_disk_of(public_folder, "mode=755,noexec", command="enter_with")
    assert sentence.startswith(f"{public_folder}/disk/postgres may not be run: it lacks the right to execute")
    assert "noexec" in sentence


def test_another_process_that_never_finishes_its_turn(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_home, "LOCK_SECONDS", 0)
    with Client(home) as other:
        other.ask("take_turn")
        with refused("Another process has been starting or stopping the database", "End it"):
            use(home)


def test_a_server_in_another_container_is_not_shot_at(home: Path) -> None:
    facts = home / "postgres" / "server.json"
    with embedded.running(home):
        told = facts.read_text()
        facts.write_text(json.dumps({**json.loads(told), "process_space": "another container"}))
        with refused("runs in another container", "Stop it there"):
            embedded.stop(home)
        with embedded.running(home):
            pass
        assert embedded.status(home).state == "running"
        facts.write_text(told)


def use(home: Path, *, bin_dir: Path | None = None, **settings: str) -> None:
    with embedded.running(home, bin_dir=bin_dir, settings={**FAST, **settings}):
        pytest.fail("the server runs")


def _script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def _sentence(answer: object) -> str:
    assert isinstance(answer, dict)
    return str(answer["refused"])


def _on_a_disk_of(folder: Path, options: str, *, command: str = "enter") -> str:
    """What is said, if anything, when the home lies on a file system that only the client sees."""
    disk = folder / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o {options} tmpfs {disk} && exec "$@"'
    if subprocess.run(["unshare", "--mount", "sh", "-c", mount, "sh", "true"], check=False).returncode:
        pytest.skip("this machine does not let root mount a file system")
    with Client(disk / "home", through=("unshare", "--mount", "sh", "-c", mount, "sh")) as client:
        answer = client.ask(command)
        if isinstance(answer, dict):
            return _sentence(answer)
        client.ask("leave")
        return "it runs"
