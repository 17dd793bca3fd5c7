"""`tastemaker emails …`."""

import psycopg
import pytest

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine

ENTRY = """{"welcome": {"status": "sent", "messageId": "m1", "timestamp": "2026-06-01T09:30:00.000Z"},
            "abandonment": {"status": "scheduled", "messageId": "m2", "timestamp": "2026-06-01T09:20"},
            "trial_day2": {"status": "failed\\u001b[2J", "messageId": "m3"}, "trial_day5": "odd"}"""


@pytest.fixture
def known(cli: CommandLine, admin_url: str) -> None:
    """The local user, with e-mails in several states."""
    cli("emails", "list")
    with psycopg.connect(admin_url) as owner:
        owner.execute("UPDATE user_system_data SET email_schedule_status = %s", (ENTRY,))
        owner.execute(
            "INSERT INTO background_jobs (job_type, payload, tenant_id, dedupe_key, scheduled_for)"
            " VALUES ('send_email', '{}', 'local', 'email:m2', '2027-01-02 03:04:00')"
        )
        owner.execute(
            "INSERT INTO outbox_messages (channel, body, dedupe_key, tenant_id, status, error, available_at,"
            " created_at) VALUES ('email', '{}', 'm3', 'local', 'unknown', 'The line broke.', now(), now())"
        )


def test_every_email_is_listed_with_its_time_as_configured(cli: CommandLine) -> None:
    cli("config", "set", "email.welcome_delay", "90s")
    lines = cli("emails", "list").out.splitlines()
    assert len(lines) == 9
    assert lines[1].split()[:3] == ["welcome", "sign-up", "90s"]
    (abandonment, *_) = [one for one in cli("emails", "list", "--json").document["emails"]
                         if one["type"] == "abandonment"]  # fmt: skip
    assert (abandonment["due_seconds"], abandonment["marketing"]) == (7200, True)


@pytest.mark.usefixtures("known")
def test_where_a_users_emails_stand(cli: CommandLine) -> None:
    shown = cli("emails", "show", "local")
    rows = {line.split()[0]: line for line in shown.out.splitlines()[1:]}
    assert "2026-06-01 09:30" in rows["welcome"]
    assert "2027-01-02 03:04" in rows["abandonment"]
    assert "unknown" in rows["trial_day2"]
    assert "\x1b" not in shown.out
    document = cli("emails", "show", "local", "--json").document
    assert [one["status"] for one in document["emails"][:2]] == ["sent", "scheduled"]
    assert document["emails"][2]["why"] == "The line broke."
    assert cli("emails", "show", "nobody").status == ExitCode.NOT_FOUND


@pytest.mark.usefixtures("known")
def test_an_operator_unsubscribes_a_user_and_takes_it_back(cli: CommandLine) -> None:
    document = cli("emails", "unsubscribe", "local", "--json").document
    assert document["unsubscribed"] == "operator"
    assert document["emails"][1]["status"] == "cancelled"
    assert "Receives no marketing" in cli("emails", "show", "local").out
    assert cli("emails", "resubscribe", "local", "--json").document["unsubscribed"] is None
    assert cli("emails", "unsubscribe", "nobody").status == ExitCode.NOT_FOUND


def test_a_preview_is_printed_in_both_forms(cli: CommandLine) -> None:
    text = cli("emails", "preview", "trial_day5").out
    assert text.startswith("Subject: Your trial ends on 8 June 2026\n\nHello Robin Example,\n")
    assert cli("emails", "preview", "trial_day5", "--html").out.startswith("<!doctype html>")
    assert set(cli("emails", "preview", "welcome", "--json").document) == {"subject", "text", "html"}
    wrong = cli("emails", "preview", "newsletter")
    assert (wrong.status, "welcome, abandonment" in wrong.err) == (ExitCode.USAGE, True)


def test_a_test_email_leaves_as_it_is_configured(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert cli("emails", "test", "me@example.org").status == ExitCode.CONFLICT
    folder = tmp_path_factory.mktemp("mail")
    monkeypatch.setenv("TASTEMAKER_MAIL_URL", f"file://{folder}")
    monkeypatch.setenv("TASTEMAKER_MAIL_FROM", "hello@example.com")
    assert "accepted it" in cli("emails", "test", "me@example.org").out
    (written,) = folder.iterdir()
    assert b"To: me@example.org" in written.read_bytes()
    assert cli("emails", "test", "nowhere").status == ExitCode.USAGE
    monkeypatch.setenv("TASTEMAKER_MAIL_URL", "smtp://localhost:1")
    failed = cli("emails", "test", "me@example.org")
    assert (failed.status, "cannot be reached" in failed.err) == (ExitCode.FAILED, True)
    assert "me@example.org" not in failed.err
