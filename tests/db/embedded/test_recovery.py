import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tastemaker.core.clock import monotonic
from tastemaker.db import embedded
from tastemaker.db.embedded.errors import ServerFailed
from tests.db.embedded.client import Client


@pytest.fixture
def stranger(used_home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is no PostgreSQL, with the rights of the server's own user."""
    owner = (used_home / "postgres" / "data").stat().st_uid
    process = subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None)
    yield process
    process.kill()
    process.wait()


def test_a_killed_user_of_the_server_is_not_waited_for(home: Path) -> None:
    with Client(home) as alice, Client(home) as bob:
        number = alice.ask("enter")
        bob.ask("enter")
        alice.kill()
        assert bob.ask("query SELECT 1") == [[1]]
        assert embedded.status(home).users == 1
        assert bob.ask("leave") == "stopped"
        assert not _exists(number)


def test_a_server_whose_only_user_was_killed_is_taken_over(home: Path) -> None:
    with Client(home) as alice:
        number = alice.ask("enter")
        alice.kill()
    assert embedded.status(home).state == "running"
    with embedded.running(home):
        assert embedded.status(home).pid == number
    assert embedded.status(home).state == "stopped"


def test_a_killed_server_loses_nothing_that_was_committed(home: Path) -> None:
    with embedded.running(home) as server:
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE TABLE survivors AS SELECT generate_series(1, 1000) AS n")
        _kill_server(home)
    assert embedded.status(home).state == "stale"
    with embedded.running(home) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT count(*) FROM survivors").fetchone() == (1000,)
    assert embedded.status(home).state == "stopped"


def test_a_killed_server_comes_back_for_the_next_user_while_the_first_is_still_there(home: Path) -> None:
    with Client(home) as alice, Client(home) as bob:
        first = alice.ask("enter")
        _kill_server(home)
        second = bob.ask("enter")
        assert second != first
        assert alice.ask("query SELECT 1") == [[1]]
        assert alice.ask("leave") == "running"
        assert bob.ask("leave") == "stopped"


def test_a_number_left_behind_may_belong_to_a_stranger(home: Path, stranger: subprocess.Popen[bytes]) -> None:
    with embedded.running(home):
        _kill_server(home)
    _rewrite_number(home / "postgres" / "data" / "postmaster.pid", stranger.pid)
    lock = home / "postgres" / "socket" / ".s.PGSQL.5432.lock"
    _rewrite_number(lock, stranger.pid)
    with embedded.running(home) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert stranger.poll() is None
    assert embedded.status(home).state == "stopped"


def test_stopping_after_a_kill_harms_no_stranger(home: Path, stranger: subprocess.Popen[bytes]) -> None:
    with embedded.running(home):
        _kill_server(home)
    _rewrite_number(home / "postgres" / "data" / "postmaster.pid", stranger.pid)
    assert embedded.stop(home) is False
    assert stranger.poll() is None


def test_a_restart_of_the_machine_is_recovered(home: Path) -> None:
    """Everything lies there as a power cut left it, and the numbers of processes start again."""
    with Client(home) as client:
        client.ask("enter")
        facts = home / "postgres" / "server.json"
        told = json.loads(facts.read_text())
        _kill_server(home)
        client.kill()
    facts.write_text(json.dumps({**told, "process_space": "before the restart", "kept": True}))
    _rewrite_number(home / "postgres" / "data" / "postmaster.pid", 1)
    with embedded.running(home) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert embedded.status(home).state == "stopped"


def test_a_half_made_data_directory_is_made_again(tmp_path: Path) -> None:
    with Client(tmp_path) as client:
        client.send("enter")
        unfinished = tmp_path / "postgres" / "data.unfinished" / "data"
        _wait_until((unfinished / "global").exists)
        client.kill()
        assert not (tmp_path / "postgres" / "data").exists()
    with embedded.running(tmp_path) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not unfinished.exists()


def test_a_database_that_was_not_made_in_time_is_made_later(home: Path) -> None:
    with embedded.running(home) as server:
        with psycopg.connect(server.url(database="postgres"), autocommit=True) as connection:
            connection.execute("DROP DATABASE tastemaker WITH (FORCE)")
        with embedded.running(home) as again, psycopg.connect(again.url()) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("tastemaker",)


def test_data_out_of_a_backup_may_have_lost_its_owner_and_mode(own_home: Path) -> None:
    data = own_home / "postgres" / "data"
    subprocess.run(["chown", "-R", f"{os.geteuid()}", data], check=True)
    data.chmod(0o755)
    with embedded.running(own_home) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_dead_socket_is_replaced(home: Path) -> None:
    path = home / "postgres" / "socket" / ".s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX) as leftover:
        leftover.bind(str(path))
    with embedded.running(home) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_short_folder_of_a_killed_server_is_removed(home: Path, tmp_path: Path) -> None:
    far = tmp_path / ("far" * 35)
    far.symlink_to(home)
    with Client(far) as client:
        client.ask("enter")
        before = embedded.status(far).socket_dir
        assert before is not None
        _kill_server(far)
        client.kill()
    assert before.exists()
    with embedded.running(far) as server:
        after = server.socket_dir
        assert not before.exists()
    assert not after.exists()


def test_a_server_that_does_not_start_leaves_no_short_folder(home: Path, tmp_path: Path) -> None:
    far = tmp_path / ("far" * 35)
    far.symlink_to(home)
    with pytest.raises(ServerFailed), embedded.running(far, settings={"port": "none"}):
        pytest.fail("the server runs")
    told = json.loads((home / "postgres" / "server.json").read_text())
    assert "tastemaker-" in told["socket_dir"]
    assert not Path(told["socket_dir"]).exists()


def test_the_log_stays_small(home: Path) -> None:
    log = home / "postgres" / "server.log"
    log.write_bytes(b"x" * 1_100_000)
    with embedded.running(home):
        assert log.stat().st_size < 100_000
    assert log.with_suffix(".log.1").stat().st_size == 1_100_000


@pytest.mark.slow
def test_processes_that_outlive_a_killed_server_are_waited_for(home: Path) -> None:
    with Client(home) as client:
        client.ask("enter")
        client.send("query SELECT count(*) FROM generate_series(1, 20000000)")
        time.sleep(0.5)
        _kill_server(home)
        with embedded.running(home) as server, psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.slow
def test_other_binaries_do_it_all_too(tmp_path: Path, other_binaries: Path) -> None:
    with embedded.running(tmp_path, bin_dir=other_binaries) as server:
        with psycopg.connect(server.url()) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        command = embedded.psql_command(tmp_path)
        assert command is not None
        assert command[-1] == str(other_binaries / "psql")
        _kill_server(tmp_path)
    with (
        embedded.running(tmp_path, bin_dir=other_binaries) as server,
        psycopg.connect(server.url()) as connection,
    ):
        assert connection.info.parameter_status("server_version").split()[0] == server.version
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert embedded.status(tmp_path).state == "stopped"


def _kill_server(home: Path) -> None:
    number = embedded.status(home).pid
    assert number is not None
    os.kill(number, signal.SIGKILL)
    _wait_until(lambda: not _exists(number))


def _exists(number: object) -> bool:
    """A zombie is gone: it only waits for somebody to ask how it died."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait_until(happens: Callable[[], bool]) -> None:
    deadline = monotonic() + 30
    while not happens():
        assert monotonic() < deadline, "it did not happen within 30 seconds"
        time.sleep(0.002)


def _rewrite_number(file: Path, number: int) -> None:
    _, *rest = file.read_text().splitlines(keepends=True) if file.exists() else [""]
    file.write_text(f"{number}\n{''.join(rest)}")
