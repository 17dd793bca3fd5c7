"""`tastemaker exclusions …` and `tastemaker suppressions …`."""

from pathlib import Path

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine


def test_a_list_of_exclusions_on_the_command_line(cli: CommandLine, tmp_path: Path) -> None:
    assert cli("exclusions", "list").out == "Nobody is left out.\n"
    assert "1 creator added" in cli("exclusions", "add", "youtube", "@Anna", "--note", "ours").out
    people = tmp_path / "people.csv"
    people.write_text("platform,handle\nyoutube,anna\ntiktok,ben\n")
    assert cli("exclusions", "import", str(people), "--json").document == {"added": 1, "known": 1}
    page = cli("exclusions", "list", "--json").document
    assert {(one["platform"], one["value"]) for one in page["exclusions"]} == {
        ("YouTube", "anna"),
        ("TikTok", "ben"),
    }
    assert "anna" in cli("exclusions", "list").out
    assert cli("exclusions", "remove", "youtube", "anna").status == ExitCode.OK
    assert cli("exclusions", "remove", "youtube", "anna").status == ExitCode.NOT_FOUND
    assert cli("exclusions", "import", str(tmp_path / "none.csv")).status == ExitCode.FAILED


def test_a_suppressed_creator_is_gone_and_not_named(cli: CommandLine) -> None:
    search = ("search", "chess", "--target", "5", "--platform", "tiktok", "--json", "--campaign")
    found = cli(*search, "one").document["creators"]
    handle, stable_id = found[0]["handle"], found[0]["stable_id"]
    told = cli("suppressions", "add", "tiktok", handle, "--reason", "asked", "--json").document
    assert told == {"suppressed": True, "searches": 1}
    listed = cli("suppressions", "list").out
    assert "asked" in listed
    assert handle not in listed
    again = cli(*search, "two").document["creators"]
    assert len(again) == 5
    assert stable_id not in {creator["stable_id"] for creator in again}
    assert cli("suppressions", "remove", "tiktok", handle).status == ExitCode.OK
