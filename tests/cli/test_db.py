"""`tastemaker db …`, over the embedded server and over one of the operator's own."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tastemaker.core.errors import ExitCode
from tastemaker.db import embedded
from tastemaker.db.access import needed_version
from tastemaker.db.embedded import Server
from tastemaker.db.migrate import HEAD
from tastemaker.sandbox.faults import Faults
from tests.cli.conftest import CommandLine
from tests.cli.launching import launched
from tests.cli.test_live_search import KEY, serving
from tests.conftest import MakeDatabase


@pytest.fixture
def own_server(bare: CommandLine, home: Path) -> Iterator[CommandLine]:
    """The program with a server of its own, not started yet."""
    yield bare
    embedded.stop(home)


def test_the_needed_step_is_the_migrators_last() -> None:
    assert needed_version() == HEAD


def test_a_server_is_started_kept_described_and_stopped(own_server: CommandLine, home: Path) -> None:
    cli = own_server
    assert cli("db", "status", "--json").document["state"] == "stopped"
    assert not (home / "postgres").exists(), "looking starts and makes nothing"
    stopped = cli("db", "url")
    assert (stopped.status, stopped.out) == (ExitCode.CONFLICT, "")
    assert cli("db", "stop").out == "It was not running.\n"

    assert cli("db", "start").status == 0
    assert cli("db", "migrate").out.splitlines()[-1].startswith(f"The schema is at {HEAD}: ")
    document = cli("db", "status", "--json").document
    assert (document["state"], document["schema"], document["kept"]) == ("running", HEAD, True)
    assert "until `tastemaker db stop`" in cli("db", "status").out

    masked = cli("db", "url").out.strip()
    assert masked.startswith("postgresql://tastemaker_app@/tastemaker?host=")
    whole = cli("db", "url", "--show-password", "--json").document["url"]
    assert embedded.app_password(home) in whole
    assert embedded.app_password(home) not in masked

    shell = cli("db", "shell", "--json").document
    assert shell["environment"] == {"PGOPTIONS": '-c request.jwt.claims={"sub":"local"}'}
    assert embedded.app_password(home) not in str(shell)
    assert cli("db", "stop", "--json").document == {"stopped": True}


def _stop_once_asked(address: str, home: Path) -> None:
    """The provider has been asked and takes seconds to answer: the search is in the middle of its page."""
    deadline = monotonic() + 60
    while httpx.get(f"{address}/_sandbox/calls", trust_env=False).json()["total"] == 0:
        assert monotonic() < deadline, "the search never asked"
        sleep(0.05)
    embedded.stop(home)


@pytest.mark.slow
def test_a_server_stopped_under_a_search_is_told_soon_and_nothing_is_lost(
    own_server: CommandLine, home: Path, small_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("search", "chess", "--platform", "tiktok", "--target", "400", "-o", "all.csv")
    with serving(small_corpus, Faults(latency=3)) as address:
        monkeypatch.setenv("SCRAPECREATORS_API_KEY", KEY)
        monkeypatch.setenv("TASTEMAKER_SCRAPECREATORS_BASE_URL", address)
        own_server("db", "start")
        own_server("db", "migrate")
        stopper = threading.Thread(target=_stop_once_asked, args=(address, home))
        stopper.start()
        begun = monotonic()
        told = own_server(*ask)
        stopper.join()
    assert told.status == ExitCode.DATABASE
    assert re.match(
        r"Error: (PostgreSQL is out of reach|The connection to PostgreSQL was lost)",
        told.err.splitlines()[-1],
    )
    assert monotonic() - begun < 40
    with serving(small_corpus, Faults()) as address:
        monkeypatch.setenv("TASTEMAKER_SCRAPECREATORS_BASE_URL", address)
        again = own_server(*ask)
    assert again.status == 0
    assert "Continuing the search" in again.err


@pytest.mark.slow
def test_the_shell_asks_on_behalf_of_the_local_user(own_server: CommandLine) -> None:
    cli, query = own_server, "SELECT current_user, name FROM campaigns"
    cli("search", "chess", "--target", "2", "--campaign", "mine", "--platform", "youtube", "-o", "a.csv")
    for options, answer in (((), "tastemaker_app|mine\n"), (("--admin",), "postgres|mine\n")):
        assert launched("db", "shell", *options, "--", "-Atc", query).stdout == answer
    assert launched("db", "shell", "--", "-c", "SELECT nonsense").returncode == 1


def test_every_command_brings_an_embedded_database_to_the_head(own_server: CommandLine) -> None:
    assert (
        own_server("db", "migrate", "--to", "0012").out.splitlines()[-1].startswith("The schema is at 0012")
    )
    told = own_server("campaigns", "list")
    assert told.status == 0
    assert "Brought the database up to date: " in told.err
    steps = own_server("db", "history", "--json").document["steps"]
    assert all(step["applied_at"] for step in steps)
    assert steps[-1]["number"] == HEAD
    lines = own_server("db", "history").out.splitlines()
    assert lines[1].split()[:2] == ["0000", "sleepy"]
    assert len(lines) == len(steps) + 1


def test_steps_that_are_none_are_refused(cli: CommandLine) -> None:
    for to in ("abc", "12", "9999", "-1"):
        told = cli("db", "migrate", "--to", to)
        assert told.status in {ExitCode.USAGE, ExitCode.DATABASE}, to
        assert told.out == ""
    assert cli("db", "migrate", "--to", "0012").status != 0, "there is no way back"
    assert cli("db", "migrate").out == f"The schema is at {HEAD}: nothing to do.\n"
    assert cli("db", "migrate", "--json").document["applied"] == []


def test_a_database_of_ones_own_is_neither_started_nor_stopped(cli: CommandLine) -> None:
    assert cli("db", "start").status == ExitCode.CONFLICT
    assert cli("db", "stop").status == ExitCode.CONFLICT
    document = cli("db", "status", "--json").document
    assert (document["database"], document["schema"]) == ("DATABASE_URL", HEAD)
    assert "@" in document["url"]
    assert ":" not in document["url"].split("//")[1].split("@")[0]


def test_without_an_administrator_the_schema_is_asked_for_in_one_sentence(
    cli: CommandLine,
    app_url: str,
    admin_url: str,
    monkeypatch: pytest.MonkeyPatch,
    make_database: MakeDatabase,
) -> None:
    monkeypatch.delenv("DATABASE_ADMIN_URL")
    assert cli("campaigns", "list").status == 0
    empty = make_database(None)
    name = app_url.split("/")[3].split("?", maxsplit=1)[0]
    monkeypatch.setenv("DATABASE_URL", app_url.replace(f"/{name}?", f"/{empty}?"))
    told = cli("campaigns", "list")
    assert told.status == ExitCode.DATABASE
    assert told.err == (
        f"Error: The database has no schema yet, this program needs step {HEAD}. "
        "Set DATABASE_ADMIN_URL and run `tastemaker db migrate`.\n"
    )
    assert cli("db", "migrate").status == cli("db", "history").status == ExitCode.DATABASE


@pytest.fixture
def powerless(server: Server, admin_url: str) -> Iterator[str]:
    """A login with no rights in the database, as its URL."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE powerless LOGIN PASSWORD 'nothing'")
        yield make_conninfo(admin_url, user="powerless", password="nothing")
        admin.execute("DROP ROLE powerless")


@pytest.mark.parametrize("also_not", ["nothing more", "the schema"])
def test_a_role_without_rights_is_told_so(
    bare: CommandLine, admin_url: str, powerless: str, monkeypatch: pytest.MonkeyPatch, also_not: str
) -> None:
    if also_not == "the schema":
        with psycopg.connect(admin_url) as admin:
            admin.execute("REVOKE USAGE ON SCHEMA public FROM public")
    monkeypatch.setenv("DATABASE_URL", powerless)
    for command in (("campaigns", "list"), ("db", "status"), ("search", "chess")):
        told = bare(*command)
        assert told.status == ExitCode.DATABASE
        assert "DATABASE_URL logs in as powerless, but" in told.err.splitlines()[-1]
    assert "fail  Database           DATABASE_URL logs in as powerless, but" in bare("doctor").out


def test_another_login_is_refused_by_name_before_anything_migrates(
    bare: CommandLine,
    server: Server,
    make_database: MakeDatabase,
    powerless: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    empty = server.url(database=make_database(None))
    monkeypatch.setenv("DATABASE_ADMIN_URL", empty)
    monkeypatch.setenv("DATABASE_URL", powerless)
    for command in (("campaigns", "list"), ("db", "status"), ("db", "migrate"), ("doctor",)):
        told = bare(*command)
        assert "logs in as powerless, but" in told.err + told.out, command
        assert told.status != 0
    with psycopg.connect(empty) as admin:
        assert admin.execute("SELECT to_regclass('users')").fetchone() == (None,)


@pytest.mark.parametrize(
    "url", ["postgresql://nobody:secret-word@127.0.0.1:1/none", "mysql://x:secret-word@y/z", "nonsense"]
)
def test_an_unusable_url_is_one_sentence_without_its_password(
    bare: CommandLine, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    for command in (("campaigns", "list"), ("db", "status"), ("db", "url"), ("search", "chess")):
        told = bare(*command)
        assert told.status == ExitCode.DATABASE, command
        assert told.err.splitlines()[-1].startswith("Error: ")
        assert "secret-word" not in told.err + told.out
        assert "Traceback" not in told.err
        assert not told.err.rstrip().endswith("?"), "a reason, not a question of the driver's"
