"""SQL logins of users' own, and the watchdog, as an administrator types them."""

import json
import signal
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine
from tests.cli.launching import PROGRAM, environment


@pytest.fixture
def login(cli: CommandLine, admin_url: str) -> str:
    """Where a user connects with a login of its own."""
    with psycopg.connect(admin_url) as admin:
        admin.execute("INSERT INTO users (user_id) VALUES ('alice'), ('bob')")
    granted = cli("db", "access", "grant", "alice", "--json").document
    assert granted["weaker"] == []
    return make_conninfo(admin_url, user=granted["role"], password=granted["password"])


def test_a_login_is_given_watched_and_taken(cli: CommandLine, login: str) -> None:
    with psycopg.connect(login, autocommit=True) as session:
        assert session.execute("SELECT user_id FROM users").fetchall() == [("alice",)]
        session.execute("BEGIN")
        session.execute("SELECT pg_backend_pid()")
        assert cli("db", "access", "watch", "--once").out == "Ended 0 sessions.\n"
        time.sleep(0.2)
        assert cli("db", "access", "watch", "--once", "--seconds", "0.1", "--json").document == {"ended": 1}
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    assert "password" in cli("db", "access", "grant", "alice").out
    assert cli("db", "access", "revoke", "alice").out == "Revoked.\n"
    assert cli("db", "access", "revoke", "alice", "--json").document == {"revoked": False}
    assert cli("db", "access", "grant", "mallory").status == ExitCode.NOT_FOUND


def test_without_the_administrator_there_is_none(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_ADMIN_URL")
    told = cli("db", "access", "grant", "alice")
    assert told.status == ExitCode.DATABASE
    assert "Set DATABASE_ADMIN_URL" in told.err


@pytest.mark.slow
def test_the_watchdog_goes_on_until_it_is_told(login: str, app_url: str, admin_url: str, home: Path) -> None:
    urls = {"DATABASE_URL": app_url, "DATABASE_ADMIN_URL": admin_url, "TASTEMAKER_HOME": str(home)}
    watching = subprocess.Popen(
        [*PROGRAM, "db", "access", "watch", "--seconds", "0.2", "--every", "0.1", "--json"],
        env=environment(**urls),
        stdout=subprocess.PIPE,
        text=True,
    )
    with watching:
        try:
            assert watching.stdout
            for _ in range(2):
                with psycopg.connect(login, autocommit=True) as session:
                    session.execute("BEGIN")
                    session.execute("SELECT 1")
                    assert json.loads(watching.stdout.readline()) == {"ended": 1}
                    with pytest.raises(psycopg.OperationalError):
                        session.execute("SELECT 1")
            watching.send_signal(signal.SIGTERM)
            assert watching.wait(20) in {ExitCode.OK, ExitCode.INTERRUPTED}
        finally:
            watching.kill()
