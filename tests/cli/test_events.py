"""`tastemaker events …`."""

import json
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine
from tests.cli.launching import PROGRAM, environment

GIVEN_UP = """
INSERT INTO event_deliveries (event_id, subscriber, event_timestamp, event_type, status, attempts, due_at,
                              error, created_at)
SELECT id, 'mail', "timestamp", event_type, 'failed', 8, now(), 'RuntimeError: no', now() FROM events
WHERE event_type = 'search_finished'
"""


@pytest.fixture
def searched(cli: CommandLine) -> str:
    """The id of a search that was made."""
    cli("search", "chess", "--target", "3", "--platform", "youtube", "-o", "a.csv")
    found: str = cli("searches", "list", "--json").document["searches"][0]["id"]
    return found


def test_events_are_listed_and_shown(cli: CommandLine, searched: str) -> None:
    these = ("--type", "search_finished", "--type", "search_started", "--type", "user_registered")
    events = cli("events", "list", *these, "--type", "campaign_created", "--json").document["events"]
    assert [event["event_type"] for event in events] == [
        "search_finished",
        "search_started",
        "campaign_created",
        "user_registered",
    ]
    lines = cli("events", "list", "--type", "search_started", "--since", "2020-01-01").out.splitlines()
    assert len(lines) == 2
    assert "search_started" in lines[1]
    assert f"job {searched[:6]}" in lines[1]
    first = cli("events", "list", *these, "--limit", "2", "--json").document
    rest = cli("events", "list", *these, "--after", first["next"], "--json").document
    assert [event["event_type"] for event in rest["events"]] == ["user_registered"]
    assert cli("events", "list", "--until", "2020-01-01").out == "There is no such event.\n"

    document = cli("events", "show", events[0]["id"], "--json").document
    assert document["event"]["event_data"]["stored"] == 3
    told = [event["event_type"] for tree in document["correlation"] for event in tree["events"]]
    assert told[0] == "search_started"
    assert "search_finished" in told
    shown = cli("events", "show", events[0]["id"]).out
    assert f"search_finished of job {searched}" in shown
    assert "search_started" in cli("events", "show", searched).out


def test_what_is_not_there_is_said(cli: CommandLine) -> None:
    assert cli("events", "show", "nothing").status == ExitCode.NOT_FOUND
    for wrong in (
        ("list", "--type", "made_up"),
        ("tail", "--type", "made_up"),
        ("replay", "--which", "some"),
        ("replay", "--event", "x"),
        ("replay", "--which", "all"),
    ):
        told = cli("events", *wrong)
        assert told.status == ExitCode.USAGE, wrong
        assert "Traceback" not in told.err


def test_what_was_given_up_is_shown_and_replayed(cli: CommandLine, searched: str, admin_url: str) -> None:
    assert cli("events", "failed").out == "No delivery has failed.\n"
    with psycopg.connect(admin_url) as connection:
        connection.execute(GIVEN_UP)
    assert "RuntimeError: no" in cli("events", "failed").out
    [delivery] = cli("events", "failed", "--json").document["failed"]
    assert (delivery["subscriber"], delivery["attempts"]) == ("mail", 8)
    assert "mail" in cli("events", "show", delivery["event_id"]).out
    with psycopg.connect(admin_url) as connection:
        connection.execute(
            "UPDATE system_configurations SET value = 'false' WHERE key = 'enable_event_replay'"
        )
    refused = cli("events", "replay", "--json")
    assert (refused.status, refused.document["kind"]) == (ExitCode.CONFLICT, "replay_disabled")
    with psycopg.connect(admin_url) as connection:
        connection.execute(
            "UPDATE system_configurations SET value = 'true' WHERE key = 'enable_event_replay'"
        )
    assert cli("events", "replay", "--correlation", "other", "--json").document == {"deliveries": 0}
    assert cli("events", "replay", "--correlation", searched).out.startswith("1 delivery will be")
    assert cli("events", "failed", "--json").document == {"failed": [], "next": None}


@pytest.mark.slow
def test_the_tail_is_a_document_a_line_until_ctrl_c(
    searched: str, app_url: str, admin_url: str, home: Path
) -> None:
    urls = {"DATABASE_URL": app_url, "DATABASE_ADMIN_URL": admin_url, "TASTEMAKER_HOME": str(home)}
    told = subprocess.Popen(
        [*PROGRAM, "events", "tail", "--after", "0", "--type", "search_finished", "--json"],
        env=environment(**urls),
        stdout=subprocess.PIPE,
        text=True,
    )
    with told:
        assert told.stdout
        assert json.loads(told.stdout.readline())["aggregate_id"] == searched
        told.send_signal(signal.SIGINT)
        assert told.wait(20) in {ExitCode.OK, ExitCode.INTERRUPTED}


def test_the_log_is_checked_against_the_rows(cli: CommandLine, searched: str, admin_url: str) -> None:
    told = cli("events", "check")
    assert told.status == ExitCode.OK
    assert "1 search and 1 subscription compared: 0 differences." in told.out
    with psycopg.connect(admin_url) as connection:
        connection.execute("UPDATE scraping_jobs SET processed_results = 2")
    told = cli("events", "check")
    assert told.status == ExitCode.FAILED
    assert f"job {searched}" in told.out
    [difference] = cli("events", "check", "--json").document["differences"]
    assert (difference["field"], difference["rebuilt"], difference["stored"]) == ("stored", 3, 2)
    with psycopg.connect(admin_url) as connection:
        connection.execute("SET LOCAL tastemaker.events_door = 'archive'")
        connection.execute("DELETE FROM events")
    assert "2 without history." in cli("events", "check").out
    assert "Wrote 2 snapshots." in cli("events", "check", "--snapshot").out
    assert cli("events", "check", "--json").document["unrecorded"] == []
