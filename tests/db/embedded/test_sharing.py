import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tastemaker.core.errors import InvalidInput
from tastemaker.db import embedded
from tests.db.embedded.client import Client
from tests.db.embedded.conftest import FAST


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Server]:
    """One server for the tests that only look."""
    with embedded.running(tmp_path_factory.mktemp("started"), settings=FAST) as server:
        yield server


def test_first_use_ends_with_our_database(tmp_path: Path) -> None:
    with embedded.running(tmp_path / "new" / "home", settings=FAST) as server:
        assert server.home == tmp_path / "new" / "home"
        with psycopg.connect(server.url()) as connection:
            found = connection.execute(
                "SELECT current_database(), pg_encoding_to_char(encoding), datctype,"
                " current_setting('server_version') FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        assert found is not None
        assert found[:2] == ("tastemaker", "UTF8")
        assert found[2].startswith("C")
        assert found[3].split()[0] == server.version


def test_only_the_socket_is_open_and_only_with_a_password(home: Path) -> None:
    with embedded.running(home, settings=FAST) as server, psycopg.connect(server.url()) as connection:
        assert _setting(connection, "listen_addresses") == ""
        methods = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]
        assert server.socket_dir.stat().st_mode & 0o077 == 0
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url(), password="guessed")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shared_preload_libraries", "pg_stat_statements"),
        ("timezone", "UTC"),
        ("max_connections", "60"),
        ("password_encryption", "scram-sha-256"),
        ("client_connection_check_interval", "1s"),
        ("idle_in_transaction_session_timeout", "5min"),
        ("fsync", "off"),
    ],
)
def test_the_server_has_our_settings(started: embedded.Server, name: str, value: str) -> None:
    with psycopg.connect(started.url()) as connection:
        assert _setting(connection, name) == value


def test_large_values_are_compressed_with_lz4_where_the_server_can(started: embedded.Server) -> None:
    with psycopg.connect(started.url()) as connection:
        known = connection.execute(
            "SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression'"
        ).fetchone()
        assert known is not None
        assert _setting(connection, "default_toast_compression") == ("lz4" if "lz4" in known[0] else "pglz")


def test_the_extensions_we_need_are_there(started: embedded.Server) -> None:
    with psycopg.connect(started.url()) as connection:
        for name in ("pg_trgm", "pg_stat_statements", "unaccent"):
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS {name}".encode())
        assert connection.execute("SELECT similarity('chess', 'chess')").fetchone() == (1.0,)


def test_what_was_written_is_there_the_next_time_and_nothing_runs_between(home: Path) -> None:
    with embedded.running(home) as server, psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE written AS SELECT 42 AS answer")
    assert embedded.status(home).state == "stopped"
    with embedded.running(home) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT answer FROM written").fetchone() == (42,)


def test_two_processes_share_one_server_and_the_last_one_stops_it(home: Path) -> None:
    with Client(home) as alice, Client(home) as bob:
        number = alice.ask("enter")
        assert bob.ask("enter") == number
        assert embedded.status(home).users == 2
        assert alice.ask("leave") == "running"
        assert bob.ask("query SELECT 1") == [[1]]
        assert bob.ask("leave") == "stopped"


def test_all_who_come_at_once_to_an_empty_home_get_the_same_server(tmp_path: Path) -> None:
    with Client(tmp_path) as alice, Client(tmp_path) as bob, Client(tmp_path) as charlie:
        for client in (alice, bob, charlie):
            client.send("enter fsync=off")
        assert len({client.answer() for client in (alice, bob, charlie)}) == 1
        for client in (alice, bob, charlie):
            client.send("leave")
        assert [client.answer() for client in (alice, bob, charlie)].count("stopped") >= 1
    assert embedded.status(tmp_path).state == "stopped"


def test_one_process_may_use_it_twice(home: Path) -> None:
    with embedded.running(home) as outer:
        with embedded.running(home) as inner:
            assert inner == outer
            assert embedded.status(home).users == 1
        with psycopg.connect(outer.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_started_it_stays_until_it_is_stopped(home: Path) -> None:
    server = embedded.start(home)
    try:
        with embedded.running(home) as joined:
            assert joined == server
        found = embedded.status(home)
        assert (found.state, found.kept, found.users) == ("running", True, 0)
    finally:
        assert embedded.stop(home) is True
    assert embedded.status(home).kept is False
    assert embedded.stop(home) is False


def test_starting_keeps_a_server_that_others_run(home: Path) -> None:
    with embedded.running(home):
        embedded.start(home)
    assert embedded.status(home).state == "running"
    assert embedded.stop(home) is True
    with embedded.running(home):
        pass
    assert embedded.status(home).state == "stopped"


def test_it_can_be_stopped_under_those_who_use_it(home: Path) -> None:
    with embedded.running(home) as server, psycopg.connect(server.url()) as connection:
        assert embedded.stop(home) is True
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_two_homes_never_meet(home: Path, own_home: Path) -> None:
    with embedded.running(home) as one, embedded.running(own_home) as other:
        assert one.socket_dir != other.socket_dir
        assert embedded.status(home).pid != embedded.status(own_home).pid


@pytest.mark.parametrize("name", ["long" * 30, "with, a comma", 'with "quotes" and spaces', "ünïcode"])
def test_a_home_may_have_any_name(home: Path, tmp_path: Path, name: str) -> None:
    named = tmp_path / name
    named.symlink_to(home)
    with embedded.running(named) as server:
        assert len(os.fsencode(server.socket_dir / ".s.PGSQL.5432")) <= 107
        assert server.socket_dir.stat().st_mode & 0o077 == 0
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert server.socket_dir == named / "postgres" / "socket" or not server.socket_dir.exists()


def test_ctrl_c_reaches_us_and_not_the_server(home: Path) -> None:
    with Client(home) as client:
        client.ask("enter")
        assert client.ask("wait_for_interrupt") == "waiting"
        os.killpg(client.process.pid, signal.SIGINT)
        assert client.answer() == [["still here"]]
        assert client.ask("leave") == "stopped"


def test_the_server_does_not_see_our_keys(home: Path) -> None:
    with Client(home) as client:
        number = client.ask("enter")
        assert b"made-up-key" not in Path(f"/proc/{number}/environ").read_bytes()


def test_the_passwords_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    with Client(tmp_path) as alice, Client(tmp_path) as bob:
        alice.send("password")
        bob.send("password")
        assert alice.answer() == bob.answer() == embedded.app_password(tmp_path)
    assert len(embedded.app_password(tmp_path)) >= 32
    assert stat.S_IMODE((tmp_path / "postgres" / "passwords").stat().st_mode) == 0o600


def test_the_applications_url_carries_its_own_password(started: embedded.Server) -> None:
    assert embedded.app_password(started.home) in started.url(role="tastemaker_app")
    assert embedded.app_password(started.home) not in started.url()
    with pytest.raises(InvalidInput, match="no password for 'somebody'"):
        started.url(role="somebody")


def test_asking_for_the_status_makes_nothing(tmp_path: Path) -> None:
    found = embedded.status(tmp_path / "none")
    assert (found.state, found.pid, found.version, found.size_bytes) == ("stopped", None, None, 0)
    assert not (tmp_path / "none").exists()
    assert embedded.stop(tmp_path / "none") is False
    assert not (tmp_path / "none").exists()


def test_the_status_says_what_runs(started: embedded.Server) -> None:
    found = embedded.status(started.home)
    assert found.state == "running"
    assert found.version == started.version
    assert found.socket_dir == started.socket_dir
    assert found.started_at is not None
    assert found.size_bytes > 10_000_000


def test_psql_opens_on_the_running_server(started: embedded.Server) -> None:
    command = embedded.psql_command(started.home)
    assert command is not None
    asked = [*command, "--no-psqlrc", "-Atc", "SELECT current_user, current_database()"]
    assert subprocess.check_output(asked, text=True) == "postgres|tastemaker\n"
    assert subprocess.check_output([*command, started.url(database="postgres"), "-Atc", "SELECT 7"]) == b"7\n"
    assert not any(started.url().split(":")[2].split("@")[0] in word for word in command)


def test_without_a_server_there_is_no_psql(home: Path) -> None:
    assert embedded.psql_command(home) is None


def _setting(connection: psycopg.Connection[tuple[object, ...]], name: str) -> object:
    found = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert found is not None
    return found[0]
