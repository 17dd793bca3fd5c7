"""`tastemaker campaigns …`, where something is changed."""

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine


def test_a_campaigns_life_on_the_command_line(cli: CommandLine) -> None:
    made = cli("campaigns", "create", "Spring", "--description", "flowers", "--json").document
    assert (made["name"], made["description"], made["status"]) == ("Spring", "flowers", "draft")
    assert cli("campaigns", "rename", "Spring", "Summer").out.startswith("Renamed campaign “Summer”")
    assert cli("campaigns", "describe", "Summer", "sun").status == ExitCode.OK
    assert "sun" in cli("campaigns", "show", "Summer").out
    assert cli("campaigns", "archive", made["id"], "--json").document["status"] == "archived"
    refused = cli("search", "chess", "--campaign", "Summer", "--target", "2", "-o", "a.csv")
    assert refused.status == ExitCode.OK, "an archived name is free: another campaign takes it"
    assert cli("campaigns", "unarchive", made["id"], "--json").document["status"] == "draft"
    first = cli("campaigns", "list", "--limit", "1", "--json").document
    rest = cli("campaigns", "list", "--after", first["next"], "--json").document
    assert [len(first["campaigns"]), len(rest["campaigns"]), rest["next"]] == [1, 1, None]


def test_deleting_asks_first_and_takes_everything(cli: CommandLine) -> None:
    cli("search", "chess", "--campaign", "Old", "--target", "3", "--platform", "youtube", "-o", "a.csv")
    refused = cli("campaigns", "delete", "Old")
    assert (refused.status, cli("campaigns", "show", "Old").status) == (ExitCode.USAGE, ExitCode.OK)
    told = cli("campaigns", "delete", "Old", "--yes")
    assert told.out == "Deleted campaign “Old” with 1 search and 3 results.\n"
    assert cli("campaigns", "show", "Old").status == ExitCode.NOT_FOUND
    assert cli("searches", "list", "--json").document == {"searches": []}
