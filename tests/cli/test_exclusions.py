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


def test_last_months_export_is_a_list_of_exclusions(cli: CommandLine) -> None:
    search = ("search", "chess", "--platform", "tiktok,youtube", "--json", "--campaign")
    last = cli(*search, "last month", "--target", "5").document
    held = {(one["platform"], one["stable_id"]) for one in last["creators"]}
    assert (len(held), len(last["searches"])) == (10, 2)
    for reference in ("last month", *(one["id"] for one in last["searches"])):
        file = Path(f"{reference}.csv")
        cli("export", reference, "-o", str(file))
        told = cli("exclusions", "import", str(file), "--json")
        assert (told.status, sum(told.document.values())) == (0, 10 if reference == "last month" else 5)
    assert told.document["added"] == 0
    this = cli(*search, "this month", "--target", "5").document
    assert this["found"] == 10
    assert not held & {(one["platform"], one["stable_id"]) for one in this["creators"]}


def test_a_search_leaves_out_what_another_campaign_found(cli: CommandLine) -> None:
    both = ("--platform", "tiktok", "--platform", "youtube")
    search = ("search", "chess", *both, "--target", "5", "--campaign")
    last = cli(*search, "last month", "--json").document
    this = cli(*search, "this month", "--exclude-campaign", "last month", "--json").document
    held = {(one["platform"], one["stable_id"]) for one in last["creators"]}
    assert (last["excluded"], this["excluded"], this["found"]) == (None, 10, 10)
    assert not held & {(one["platform"], one["stable_id"]) for one in this["creators"]}
    lists = cli("exclusions", "list", "--json").document["exclusions"]
    assert {one["campaign_id"] for one in lists} == {this["campaign"]["id"]}
    told = cli(*search, "next month", "--exclude-campaign", "this month", "--exclude-campaign", "last month")
    assert "20 creators of other campaigns left out." in told.err
    assert cli(*search, "never", "--exclude-campaign", "nothing").status == ExitCode.NOT_FOUND
    assert cli("searches", "list", "--campaign", "never").status == ExitCode.NOT_FOUND


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
