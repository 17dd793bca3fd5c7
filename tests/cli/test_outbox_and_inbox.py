"""`tastemaker outbox …` and `tastemaker inbox …`."""

from base64 import b64decode

import psycopg
import pytest

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine
from tests.inbox.test_inbox import RAW, TEST
from tests.outbox.relaying import AGAIN, ONCE


@pytest.fixture
def messages(cli: CommandLine, admin_url: str) -> None:
    """One of each state on a channel that sends once, and an unknown one on a channel that may repeat."""
    cli("outbox", "list")
    with psycopg.connect(admin_url) as connection:
        for status in ("pending", "sent", "failed", "unknown"):
            _plant(connection, ONCE.name, status)
        _plant(connection, AGAIN.name, "unknown")


def _plant(connection: psycopg.Connection, channel: str, status: str) -> None:
    connection.execute(
        "INSERT INTO outbox_messages (channel, body, dedupe_key, status, error, available_at, created_at)"
        ' VALUES (%s, \'{"said": "a\\u001b[2Jb"}\', %s, %s, %s, now(), now())',
        (channel, f"key of {status}", status, None if status == "sent" else "Because\x1b[2J."),
    )


def _id_of(cli: CommandLine, status: str, channel: str = ONCE.name) -> str:
    (found,) = cli("outbox", "list", "--status", status, "--channel", channel, "--json").document["messages"]
    return str(found["id"])


@pytest.mark.usefixtures("messages")
def test_messages_are_listed_and_shown_without_control_sequences(cli: CommandLine) -> None:
    lines = cli("outbox", "list").out.splitlines()
    assert len(lines) == 6
    assert [line.split()[2] for line in lines[1:]] == ["unknown", "unknown", "failed", "sent", "pending"]
    assert len(cli("outbox", "list", "--limit", "2").out.splitlines()) == 3
    shown = cli("outbox", "show", _id_of(cli, "failed"))
    assert "Because." in shown.out
    assert "key of failed" in shown.out
    assert "\x1b" not in shown.out + "".join(lines)


@pytest.mark.usefixtures("messages")
def test_an_operator_decides(cli: CommandLine) -> None:
    unknown = _id_of(cli, "unknown")
    refused = cli("outbox", "retry", unknown)
    assert refused.status == ExitCode.CONFLICT
    assert "--may-double" in refused.err
    assert cli("outbox", "resolve", unknown, "--as", "sent", "--json").document["status"] == "sent"
    assert cli("outbox", "resolve", unknown, "--as", "failed").status == ExitCode.CONFLICT
    assert cli("outbox", "retry", _id_of(cli, "failed"), "--json").document["status"] == "pending"
    other = _id_of(cli, "unknown", AGAIN.name)
    assert cli("outbox", "retry", other, "--json").document["status"] == "pending"


@pytest.mark.usefixtures("messages")
def test_what_cannot_be_is_said_in_one_sentence(cli: CommandLine) -> None:
    assert cli("outbox", "show", "999").status == ExitCode.NOT_FOUND
    assert cli("outbox", "retry", "999").status == ExitCode.NOT_FOUND
    assert "sending, sent" in cli("outbox", "list", "--status", "lost").err
    wrong = cli("outbox", "resolve", _id_of(cli, "unknown"), "--as", "perhaps")
    assert (wrong.status, "sent or failed" in wrong.err) == (ExitCode.USAGE, True)
    assert cli("inbox", "show", "999").status == ExitCode.NOT_FOUND
    assert cli("inbox", "replay", "999").status == ExitCode.NOT_FOUND


def test_what_came_in_is_listed_shown_and_replayed(cli: CommandLine, admin_url: str) -> None:
    assert cli("inbox", "list").out == "There is no such message in the inbox.\n"
    with psycopg.connect(admin_url) as connection:
        for source in (TEST.name, "gone"):
            connection.execute(
                "INSERT INTO inbox_messages"
                " (source, message_id, headers, raw, verified, status, error, received_at)"
                " VALUES (%s, 'm1', '{\"user-agent\": \"theirs\"}', %s, true, 'failed', 'Wrong.', now())",
                (source, RAW),
            )
    (entry,) = cli("inbox", "list", "--source", TEST.name, "--json").document["messages"]
    assert "raw" not in entry
    assert len(cli("inbox", "list", "--status", "failed").out.splitlines()) == 3
    document = cli("inbox", "show", str(entry["id"]), "--json").document
    assert b64decode(document["base64"]) == RAW
    assert document["text"] is None
    shown = cli("inbox", "show", str(entry["id"])).out
    assert "user-agent: theirs" in shown
    assert "\x00" not in shown
    assert cli("inbox", "replay", str(entry["id"]), "--json").document["status"] == "received"
    with psycopg.connect(admin_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM background_jobs WHERE job_type = 'announced'"
        ).fetchone()
    assert row == (1,)
    (stray,) = cli("inbox", "list", "--source", "gone", "--json").document["messages"]
    assert "no source 'gone'" in cli("inbox", "replay", str(stray["id"])).err
