"""`tastemaker search` in the sandbox: from the first sentence to the CSV."""

import csv
import io
import os
import shlex
import sys
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest

from tastemaker.core.errors import ExitCode
from tastemaker.searches.run import runner
from tests.cli.conftest import CommandLine


def test_a_search_shows_stores_and_writes_what_it_found(cli: CommandLine, here: Path) -> None:
    told = cli("search", "chess", "--target", "12")
    assert told.status == 0
    assert "Sandbox: these creators are made up. Set YOUTUBE_API_KEY to search YouTube live" in (
        " ".join(told.err.split())
    )
    assert "Searching for “chess”" in told.err
    assert "Found 36 creators: 12 on YouTube, 12 on TikTok, 12 on Instagram." in told.out
    assert "16 more: tastemaker results" in told.out
    (file,) = here.iterdir()
    assert f"36 creators written to {file}" in told.out
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
    assert len(rows) == 36
    assert {row["Platform"] for row in rows} == {"YouTube", "TikTok", "Instagram"}
    assert all(row["Followers"] == "" or row["Followers"].isdigit() for row in rows)


def test_the_table_has_a_row_for_each_of_the_first_twenty(cli: CommandLine) -> None:
    told = cli("search", "makeup", "--platform", "youtube", "--target", "5")
    head, *lines = told.out.strip().splitlines()
    assert head.split() == ["Creator", "Followers", "Views", "Likes"]
    assert sum(line.startswith("  @") for line in lines) == 5
    assert "Found 5 creators on YouTube." in told.out
    assert "more:" not in told.out


def test_json_is_one_document_with_every_creator(cli: CommandLine, here: Path) -> None:
    told = cli("search", "chess", "makeup", "--target", "7", "--json")
    document = told.document
    assert told.status == document["exit_code"] == 0
    assert told.err == ""
    assert (document["source"], document["found"], document["problems"]) == ("sandbox", 21, [])
    assert [search["platform"] for search in document["searches"]] == ["YouTube", "TikTok", "Instagram"]
    assert {search["outcome"] for search in document["searches"]} == {"full"}
    creators = document["creators"]
    assert len(creators) == len({(one["platform"], one["stable_id"]) for one in creators}) == 21
    assert all(one["matched_in"] and one["keyword"] in {"chess", "makeup"} for one in creators)
    assert document["csv"] == {"path": str(next(here.iterdir())), "creators": 21}


def test_nothing_found_is_no_failure_and_no_file(cli: CommandLine, here: Path) -> None:
    told = cli("search", "zyzzyxqwv", "--target", "5")
    assert told.status == 0
    assert told.out.strip().startswith("Nothing was found for “")
    assert "The made-up creators talk about topics such as makeup, " in " ".join(told.err.split())
    assert list(here.iterdir()) == []
    assert cli("search", "zyzzyxqwv", "--json").document["csv"] is None


def test_a_file_that_is_there_is_never_overwritten(cli: CommandLine, here: Path) -> None:
    for _ in range(3):
        assert (
            cli("search", "chess", "--target", "3", "--platform", "tiktok", "--campaign", "A b").status == 0
        )
    assert sorted(path.name for path in here.iterdir()) == ["a-b-2.csv", "a-b-3.csv", "a-b.csv"]
    (here / "mine.csv").write_text("mine")
    told = cli("search", "chess", "--output", "mine.csv")
    assert (told.status, told.out) == (ExitCode.CONFLICT, "")
    assert "mine.csv exists already" in told.err
    assert (here / "mine.csv").read_text() == "mine"


def test_the_file_that_was_named_is_written_also_when_nothing_was_found(cli: CommandLine, here: Path) -> None:
    assert cli("search", "zyzzyxqwv", "--platform", "youtube", "--output", "empty.csv").status == 0
    assert (here / "empty.csv").read_text().startswith("Channel Name,Subscribers")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_file_that_cannot_be_written_after_all_loses_nothing(cli: CommandLine) -> None:
    told = cli("search", "chess", "--target", "3", "--platform", "youtube", "-o", "/dev/full", "--json")
    assert told.status == ExitCode.FAILED
    sentence = told.document["error"]
    assert sentence.startswith("/dev/full cannot be written: No space left on device.")
    command = sentence.partition("use: tastemaker ")[2].replace("FILE", "-").split()
    assert len(list(csv.DictReader(io.StringIO(cli(*command).out, newline="")))) == 3


def test_a_link_to_nothing_is_refused_before_the_search(cli: CommandLine, here: Path) -> None:
    (here / "link.csv").symlink_to(here / "nowhere" / "x")
    assert cli("search", "chess", "--output", "link.csv").status == ExitCode.CONFLICT
    assert cli("searches", "list", "--json").document["searches"] == []


def test_the_name_of_a_file_may_be_as_long_as_names_are(cli: CommandLine, here: Path) -> None:
    name = "n" * 251 + ".csv"
    ask = ("search", "chess", "--target", "2", "--platform", "youtube")
    assert cli(*ask, "-o", name).status == 0
    assert [path.name for path in here.iterdir()] == [name]


def test_a_folder_that_cannot_be_written_does_not_lose_the_search(
    cli: CommandLine, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> IO[Any]:  # noqa: ANN401 - as Path.open has them
        if path.parent == here:
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    told = cli("search", "chess", "--target", "3", "--platform", "youtube")
    assert told.status == 0
    assert "No CSV was written here: Permission denied." in " ".join(told.err.split())
    assert "Found 3 creators" in told.out


def test_searches_of_one_command_share_a_campaign_and_a_second_command_adds_to_it(cli: CommandLine) -> None:
    cli("search", "chess", "--target", "3", "--campaign", "Autumn")
    cli("search", "makeup", "--target", "3", "--campaign", "Autumn", "--platform", "youtube")
    document = cli("campaigns", "show", "autumn", "--json")
    assert document.status == ExitCode.NOT_FOUND, "names are told apart by case"
    campaign = cli("campaigns", "show", "Autumn", "--json").document
    assert (campaign["status"], len(campaign["searches"])) == ("completed", 4)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([""], "A keyword is empty."),
        (["x" * 3000], "A keyword has 3,000 characters; at most 200 are accepted."),
        (["chess", "--platform", "myspace"], "Unknown platform 'myspace'."),
        (["chess", "--target", "0"], "The target is a number of creators from 1 to 50,000."),
        (["chess", "--target", "1000000"], "The target is a number of creators from 1 to 50,000."),
        (["chess", "--target", "many"], "--target"),
        (["chess", "--region", "USA"], "two-letter country code"),
        (["chess", "--output", "nowhere/x.csv"], "There is no folder nowhere."),
        (["chess", "--output", "."], "is a folder"),
        (["chess", "--output", "-"], "A search writes its CSV into a file."),
        (["chess", "--colour"], "No such option: --colour"),
        ([], "Give a keyword to search for, or --like @NAME"),
        (["chess", "--campaign", "x" * 300], "A campaign's name has 1 to 200 characters."),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(cli: CommandLine, arguments: list[str], sentence: str) -> None:
    told = cli("search", *arguments)
    assert (told.status, told.out) == (ExitCode.USAGE, "")
    assert sentence in told.err
    assert "Traceback" not in told.err
    as_json = cli("search", *arguments, "--json")
    assert as_json.status == as_json.document["exit_code"] == ExitCode.USAGE
    assert sentence in as_json.document["error"]


def test_a_plan_without_allowance_is_said_before_anything_is_searched(
    cli: CommandLine, admin_url: str
) -> None:
    cli("search", "chess", "--target", "4", "--platform", "youtube")
    limit_creators(admin_url, 10)
    told = cli("search", "chess", "--target", "30", "--platform", "tiktok")
    assert told.status == ExitCode.LIMIT
    assert "Found 6 creators on TikTok." in told.out
    assert "Your plan's creators of this period are used up. 6 creators are kept of 30." in (
        " ".join(told.err.split())
    )
    refused = cli("search", "makeup", "--json")
    assert (refused.status, refused.document["kind"]) == (ExitCode.LIMIT, "limit_reached")


def test_a_search_that_takes_too_long_keeps_what_it_found(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        runner, "_time_limit", lambda *_: timedelta(0)
    )  # ten seconds is the least one can set
    told = cli("search", "chess", "--target", "200", "--platform", "tiktok", "--json")
    assert told.status == ExitCode.FAILED
    (search,) = told.document["searches"]
    assert search["outcome"] == "timeout"
    assert told.document["found"] == search["stored"] == len(told.document["creators"]) > 0


def limit_creators(admin_url: str, limit: int) -> None:
    with psycopg.connect(admin_url) as connection:
        connection.execute("UPDATE user_usage SET plan_creators_limit = %s", (limit,))


def test_an_interrupt_while_preparing_is_told(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tastemaker.cli.search.prepared_corpus", interrupt)
    told = cli("search", "chess")
    assert (told.status, told.out, told.err) == (ExitCode.INTERRUPTED, "", "Stopped.\n")
    assert cli("search", "chess", "--json").document["exit_code"] == ExitCode.INTERRUPTED


def test_a_folder_whose_name_is_no_text_is_shown_as_well_as_it_can_be(
    cli: CommandLine, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.fsdecode(os.fsencode(here) + b"/caf\xe9"))
    folder.mkdir()
    monkeypatch.chdir(folder)
    document = cli("search", "chess", "--target", "2", "--platform", "youtube", "--json").document
    assert "caf?" in document["csv"]["path"]
    told = cli("search", "chess", "--target", "2", "--platform", "youtube")
    assert "2 creators written to" in told.out
    assert len(list(folder.iterdir())) == 2


def test_the_key_that_is_named_is_that_of_the_platform(cli: CommandLine) -> None:
    told = cli("search", "chess", "--target", "3", "--platform", "tiktok")
    assert "Set SCRAPECREATORS_API_KEY to search TikTok live." in " ".join(told.err.split())
    assert "YOUTUBE_API_KEY" not in told.err


def test_a_region_that_has_no_effect_is_said(cli: CommandLine) -> None:
    search = ("search", "chess", "--target", "3", "--region", "DE")
    told = " ".join(cli(*search).err.split())
    assert "Instagram is searched everywhere: its provider ignores --region." in told
    assert told.count("ignores --region") == 1
    assert cli(*search, "--json").document["region_ignored_by"] == ["Instagram"]
    assert cli("search", "chess", "--target", "3", "--json").document["region_ignored_by"] == []


def test_calls_of_the_sandbox_are_booked_as_such(cli: CommandLine) -> None:
    cli("search", "chess", "--target", "3", "--json")
    assert {one["name"] for one in cli("costs", "show", "--json").document["costs"]} == {"sandbox"}


def test_a_search_that_a_page_cap_cut_says_so(cli: CommandLine) -> None:
    cli("config", "set", "api_limits.max_api_calls_tiktok", "1")
    told = cli("search", "chess", "--target", "500", "--platform", "tiktok", "--campaign", "cut")
    assert told.status == ExitCode.PROVIDER
    sentence = "“chess” has more results than the 1 page that was read."
    assert sentence in " ".join(told.err.split())
    assert "page cap" in cli("results", "cut").out


def test_a_hint_is_a_command_that_this_machine_has(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    beside = shlex.quote(str(Path(sys.executable).with_name("tastemaker")))
    told = cli("search", "chess", "--target", "12")
    assert f"16 more: {beside} results" in told.out
    assert f"`{beside} searches list`" in cli("results", "nowhere").err
