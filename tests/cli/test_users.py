"""`tastemaker users …`."""

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine


def test_deleting_a_user_is_asked_for_and_done(cli: CommandLine) -> None:
    cli("campaigns", "create", "Mine")
    assert cli("users", "delete", "local", "--json").status == ExitCode.USAGE
    assert "Mine" in cli("campaigns", "list").out
    assert cli("users", "delete", "local", "--yes", "--json").document == {"user": "local", "deleted": True}
    assert "Mine" not in cli("campaigns", "list").out, "the local user is made anew, with nothing"


def test_nobody_cannot_be_deleted(cli: CommandLine) -> None:
    assert cli("users", "delete", "nobody", "--yes").status == ExitCode.NOT_FOUND


def test_an_administrator_by_command(cli: CommandLine) -> None:
    link = cli("users", "invite", "--first", "--json").document
    assert link["link"].startswith("http://127.0.0.1:8000/account-links/")
    assert link["purpose"] == "first"
    assert "/account-links/" in cli("users", "create", "Robin@example.com", "--name", "Robin").out
    assert cli("users", "create", "robin@example.com").status == ExitCode.CONFLICT
    assert "robin@example.com" in cli("users", "search", "robin").out
    shown = cli("users", "show", "robin@example.com", "--json").document
    assert shown["profile"]["full_name"] == "Robin"
    assert cli("users", "grant-admin", "robin@example.com", "--json").document["changed"] is True
    assert cli("users", "revoke-admin", "robin@example.com", "--json").document["changed"] is True
    assert cli("users", "revoke-admin", "local").status == ExitCode.CONFLICT
    cli("--user", "robin@example.com", "campaigns", "create", "Hers")
    assert "Hers" not in cli("campaigns", "list").out
    assert "Hers" in cli("--user", "robin@example.com", "campaigns", "list").out
    assert cli("--user", "nobody", "campaigns", "list").status == ExitCode.NOT_FOUND
    assert len(cli("users", "list", "--json").document["users"]) == 2
