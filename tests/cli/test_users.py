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
