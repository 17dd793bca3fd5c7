"""`tastemaker doctor` on sound and on broken installations."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine

SYSTEM = 'SET request.jwt.claims = \'{"role": "tastemaker_system"}\''


def test_a_sound_installation_is_well(cli: CommandLine) -> None:
    told = cli("doctor")
    assert (told.status, told.out.splitlines()[-1]) == (0, "All checks passed.")
    document = cli("doctor", "--json").document
    assert document["healthy"]
    assert {check["state"] for check in document["checks"]} == {"ok"}
    assert {check["name"] for check in document["checks"]} >= {
        "Python",
        "Database",
        "Schema",
        "Role",
        "Row security",
        "Extensions",
        "Work",
        "Sandbox",
    }


@pytest.mark.parametrize(
    ("damage", "name", "found"),
    [
        ("ALTER TABLE campaigns NO FORCE ROW LEVEL SECURITY", "Row security", "off on campaigns"),
        ("ALTER TABLE users DISABLE ROW LEVEL SECURITY", "Row security", "off on users"),
        ("UPDATE alembic_version SET version_num = '9999'", "Schema", "newer"),
    ],
)
def test_a_damaged_database_fails(
    cli: CommandLine, admin_url: str, damage: str, name: str, found: str
) -> None:
    with psycopg.connect(admin_url) as connection:
        connection.execute(damage)  # type: ignore[arg-type]  # psycopg wants literals, these are parameters
    told = cli("doctor")
    assert told.status == 1
    assert any(line.startswith("fail") and name in line and found in line for line in told.out.splitlines())
    assert check(cli("doctor", "--json").document, name)["advice"]


BEHIND = "UPDATE alembic_version SET version_num = '0030'"
NEWER = "UPDATE alembic_version SET version_num = '9999'"


@pytest.mark.parametrize(
    ("damage", "login", "refuses"),
    [
        (None, None, False),
        (BEHIND, None, False),
        (NEWER, None, True),
        (BEHIND, "tastemaker_app", True),
        (NEWER, "tastemaker_app", True),
        ("DROP TABLE alembic_version", "tastemaker_app", True),
        ("REVOKE SELECT ON alembic_version FROM tastemaker_app", "tastemaker_app", True),
        ("ALTER ROLE tastemaker_app NOLOGIN", "tastemaker_app", True),
        (None, "somebody", True),
    ],
)
def test_doctor_status_and_every_command_refuse_the_same(
    damage: str | None,
    login: str | None,
    refuses: bool,  # noqa: FBT001 - a row of the table above
    cli: CommandLine,
    admin_url: str,
    app_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`login`: who DATABASE_URL names, without an administrator beside it."""
    if login:
        monkeypatch.delenv("DATABASE_ADMIN_URL", raising=False)
        monkeypatch.setenv("DATABASE_URL", app_url.replace("tastemaker_app", login))
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if damage:
            connection.execute(damage)  # type: ignore[arg-type]  # psycopg wants literals, these are parameters
        try:
            document, status = cli("doctor", "--json").document, cli("db", "status", "--json")
            failed = {one["name"] for one in document["checks"] if one["state"] == "fail"}
            assert bool(failed & {"Database", "Schema"}) is refuses
            assert (status.status != 0 or status.document["refusal"] is not None) is refuses
            if refuses or damage is None:
                assert (cli("campaigns", "list").status == ExitCode.DATABASE) is refuses
        finally:
            connection.execute("ALTER ROLE tastemaker_app LOGIN")


def test_a_schema_that_is_behind_is_a_warning_and_stays_behind(cli: CommandLine, admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0030'")
    document = cli("doctor", "--json").document
    assert (document["healthy"], check(document, "Schema")["state"]) == (True, "warn")
    assert check(cli("doctor", "--json").document, "Schema")["found"].startswith("at step 0030 of")


def test_a_data_directory_open_to_others_is_a_warning(cli: CommandLine, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    told = check(cli("doctor", "--json").document, "Data directory")
    assert (told["state"], told["advice"]) == ("warn", f"Close it: chmod 700 {home}")
    home.chmod(0o700)
    assert check(cli("doctor", "--json").document, "Data directory")["state"] == "ok"


def test_left_over_work_is_a_warning(cli: CommandLine, admin_url: str) -> None:
    cli("search", "chess", "--target", "2", "--platform", "youtube", "-o", "a.csv")
    with psycopg.connect(admin_url) as connection:
        connection.execute("SET session_replication_role = replica")  # a step that triggers refuse
        connection.execute("UPDATE scraping_jobs SET status = 'pending', outcome = NULL, completed_at = NULL")
    work = check(cli("doctor", "--json").document, "Work")
    assert (work["state"], work["found"]) == ("warn", "unfinished searches: 1, waiting messages: 0")


def test_events_that_were_given_up_or_wait_too_long_are_a_warning(cli: CommandLine, admin_url: str) -> None:
    cli("search", "chess", "--target", "2", "--platform", "youtube", "-o", "a.csv")
    new = check(cli("doctor", "--json").document, "Events")
    assert new["state"] == "ok"
    assert re.fullmatch(r"new ones for the next worker: [1-9]\d*", new["found"])
    with psycopg.connect(admin_url) as connection:
        connection.execute(
            "INSERT INTO event_deliveries (event_id, subscriber, event_timestamp, event_type, due_at,"
            " created_at) SELECT id, 'mail', timestamp, event_type, now() - interval '2 minutes', now()"
            " FROM events LIMIT 1"
        )
    late = check(cli("doctor", "--json").document, "Events")
    assert (late["state"], late["found"]) == ("warn", "deliveries that nobody makes: 1")
    with psycopg.connect(admin_url) as connection:
        connection.execute("UPDATE event_deliveries SET status = 'failed'")
    failed = check(cli("doctor", "--json").document, "Events")
    assert (failed["state"], failed["found"]) == ("warn", "deliveries given up: 1")


def test_a_database_that_is_not_there_fails_and_nothing_more_is_asked(
    bare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:secret-word@127.0.0.1:1/none")
    told = bare("doctor")
    assert told.status == 1
    assert "secret-word" not in told.out + told.err
    assert "fail  Database" in told.out


def test_a_data_directory_that_cannot_be_written_fails(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    (here / "file").write_text("")
    monkeypatch.setenv("TASTEMAKER_HOME", str(here / "file" / "home"))
    document = cli("doctor", "--json").document
    assert check(document, "Data directory")["state"] == "fail"


def test_keys_are_told_and_never_shown(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUTUBE_API_KEY", "very-secret-key")
    told = cli("doctor")
    assert "live, YOUTUBE_API_KEY is set" in told.out
    assert "very-secret-key" not in told.out


def test_mail_is_tried_out_without_sending(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "off, TASTEMAKER_MAIL_URL is not set" in cli("doctor").out
    monkeypatch.setenv("TASTEMAKER_MAIL_URL", "smtp://us:very-secret@localhost:1")
    told = cli("doctor")
    assert "TASTEMAKER_MAIL_FROM has to say" in told.out
    monkeypatch.setenv("TASTEMAKER_MAIL_FROM", "hello@example.com")
    told = cli("doctor")
    assert "localhost:1, starttls" in told.out
    assert "The mail server cannot be reached" in told.out
    assert "very-secret" not in told.out
    monkeypatch.setenv("TASTEMAKER_MAIL_URL", "file:///nowhere/mail")
    assert "written to /nowhere/mail" in cli("doctor").out


def check(document: dict[str, Any], name: str) -> dict[str, str]:
    found: dict[str, str] = next(one for one in document["checks"] if one["name"] == name)
    return found
