"""`tastemaker results` and `tastemaker export`, with creators who mean harm."""

import csv
import io
from pathlib import Path

import psycopg
import pytest

from tastemaker.cli import streams
from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine

HOSTILE_NAME = "\x1b]0;owned\x07\x1b[2J\u202eevil\n=HYPERLINK(1)"
ACTING = "\x1b\x07\u202e"
HOSTILE_BIO = '=cmd|"/C calc"!A0\r\nsecond "line", with comma'


@pytest.fixture
def hostile(cli: CommandLine, admin_url: str) -> CommandLine:
    """A campaign `c` with twelve creators on three platforms, one of whom is hostile."""
    assert cli("search", "chess", "--campaign", "c", "--target", "4", "-o", "first.csv").status == 0
    with psycopg.connect(admin_url) as connection:
        connection.execute("UPDATE creators SET emails = '{}', followers = 10")
        connection.execute(
            "UPDATE creators SET name = %s, bio = %s, emails = '{evil@example.org}', followers = 5000000000"
            " WHERE id = (SELECT creator_id FROM search_creators"
            " WHERE platform = 'YouTube' AND position = 1)",
            (HOSTILE_NAME, HOSTILE_BIO),
        )
        connection.execute(
            "UPDATE campaign_creators held SET followers = c.followers, has_email = c.emails <> '{}'"
            " FROM creators c WHERE c.id = held.creator_id"
        )
    return cli


def test_no_name_reaches_the_terminal_as_it_is(hostile: CommandLine) -> None:
    told = hostile("results", "c", "--sort", "followers")
    assert told.status == 0
    assert "evil =HYPERLINK(1)" in told.out
    assert not set(told.out) & set("\x1b\x07\u202e\r")
    assert "12 creators in campaign “c”." in told.out
    first = told.out.strip().splitlines()[1]
    assert "5B" in first


def test_filters_say_how_many_pass(hostile: CommandLine) -> None:
    told = hostile("results", "c", "--has-email", "--min-followers", "1000")
    assert "1 of 12 creators in campaign “c”." in told.out
    document = hostile("results", "c", "--max-followers", "10", "--json").document
    assert (document["found"], document["passing"], len(document["creators"])) == (12, 11, 11)
    assert {creator["followers"] for creator in document["creators"]} == {10}


def test_the_filters_are_combined_and_typed_again(hostile: CommandLine) -> None:
    options = ("--text", "chess", "--keyword", "chess", "--posted-within", "36500", "--min-views", "0")
    assert " of 12 creators in campaign" in hostile("results", "c", *options).out
    told = hostile("results", "c", "--keyword", "chess", "--min-views", "0", "--limit", "1").out
    assert "tastemaker results c --keyword chess --min-views 0 --limit" in told
    assert hostile("results", "c", "--text", "evil", "--json").document["passing"] == 0
    nobody = hostile("results", "c", "--language", "tlh", "--country", "unknown", "--verified", "--json")
    assert nobody.document["passing"] == 0
    wrong = hostile("results", "c", "--country", "Atlantis")
    assert (wrong.status, "is no country" in wrong.err) == (ExitCode.USAGE, True)


def test_json_has_what_was_written_exactly(hostile: CommandLine) -> None:
    document = hostile("results", "c", "--sort", "followers", "--limit", "1", "--json").document
    (creator,) = document["creators"]
    assert (creator["name"], creator["bio"], creator["followers"]) == (
        HOSTILE_NAME,
        HOSTILE_BIO,
        5_000_000_000,
    )
    assert document["campaign"]["name"] == "c"
    assert len(document["searches"]) == 3


def test_more_than_are_shown_is_said_with_the_command_that_shows_them(hostile: CommandLine) -> None:
    told = hostile("results", "c", "--limit", "5", "--sort", "likes", "--max-followers", "10")
    assert "6 more: tastemaker results c --sort likes --max-followers 10 --limit 11" in told.out
    search = hostile("searches", "list", "--json").document["searches"][0]
    told = hostile("results", search["id"][:8], "--limit", "2")
    assert f"2 more: tastemaker results {search['id'][:8]} --limit 4" in told.out


@pytest.mark.parametrize("command", ["results", "export"])
def test_what_is_not_there_is_said(cli: CommandLine, command: str) -> None:
    told = cli(command, "nothing")
    assert (told.status, told.out) == (ExitCode.NOT_FOUND, "")
    assert "There is no search or campaign 'nothing'." in told.err
    assert cli(command, "nothing", "--json").document["kind"] == "not_found"


def test_limits_that_exclude_everybody_are_refused(cli: CommandLine) -> None:
    assert cli("results", "c", "--min-followers", "5", "--max-followers", "4").status == ExitCode.USAGE
    assert cli("results", "c", "--min-followers", "-1").status == ExitCode.USAGE
    assert cli("results", "c", "--limit", "0").status == ExitCode.USAGE
    assert cli("results", "c", "--sort", "luck").status == ExitCode.USAGE


def test_an_export_is_safe_exact_and_named_after_the_campaign(hostile: CommandLine, here: Path) -> None:
    told = hostile("export", "c", "--format", "csv")
    assert told.out == f"12 creators written to {here / 'c.csv'}\n"
    rows = read(here / "c.csv")
    assert len(rows) == 12
    (evil,) = (row for row in rows if row["Email"] == "evil@example.org")
    assert evil["Creator/Channel Name"] == HOSTILE_NAME
    assert evil["Followers"] == "5000000000"


def test_an_export_takes_the_filters_order_and_limit_of_results(hostile: CommandLine, here: Path) -> None:
    options = ("--sort", "likes", "--max-followers", "10", "--limit", "5")
    shown = hostile("results", "c", *options, "--json").document["creators"]
    assert hostile("export", "c", *options, "-o", "five.csv").out == "5 creators written to five.csv\n"
    assert [row["Handle"] for row in read(here / "five.csv")] == [one["handle"] or "" for one in shown]
    hostile("export", "c", "--has-email", "--min-followers", "1000", "-o", "evil.csv")
    assert [row["Email"] for row in read(here / "evil.csv")] == ["evil@example.org"]
    assert hostile("export", "c", "--min-followers", "9", "--max-followers", "1").status == ExitCode.USAGE


def test_an_export_of_a_search_has_its_platforms_columns(hostile: CommandLine, here: Path) -> None:
    searches = hostile("searches", "list", "--json").document["searches"]
    tiktok, youtube = (search_on(searches, name) for name in ("TikTok", "YouTube"))
    document = hostile("export", youtube["id"], "-o", "y.csv", "--bom", "--json").document
    assert (document["path"], document["creators"]) == ("y.csv", 4)
    assert document["columns"][0] == "Channel Name"
    assert (here / "y.csv").read_bytes().startswith(b"\xef\xbb\xbfChannel Name,")
    (evil,) = (row for row in read(here / "y.csv") if row["Email"])
    assert evil["Bio"] == f"'{HOSTILE_BIO}"
    hostile("export", tiktok["id"])
    assert next(iter(read(here / "c-tiktok.csv")[0])) == "Username"


def test_an_export_to_standard_output_is_the_file_alone(hostile: CommandLine, here: Path) -> None:
    before = sorted(here.iterdir())
    told = hostile("export", "c", "-o", "-")
    assert len(list(csv.DictReader(io.StringIO(told.out, newline="")))) == 12
    assert (told.err, sorted(here.iterdir())) == ("", before)
    assert hostile("export", "c", "-o", "-", "--json").status == ExitCode.USAGE


def test_a_terminal_is_shown_what_would_act_on_it(
    hostile: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command, kept in ((("export", "c", "-o", "-"), ACTING), (("results", "c", "--json"), "\u202e")):
        with monkeypatch.context() as patch:
            piped = hostile(*command).out
            patch.setattr(streams, "leads_to_terminal", lambda: True)
            shown = hostile(*command).out
        assert set(piped) & set(ACTING) == set(kept), "untouched where no terminal is"
        assert shown == "".join(f"\\u{ord(one):04x}" if one in ACTING else one for one in piped)


def test_an_existing_file_is_replaced_only_when_asked(hostile: CommandLine, here: Path) -> None:
    (here / "x.csv").write_text("mine")
    told = hostile("export", "c", "-o", "x.csv")
    assert (told.status, (here / "x.csv").read_text()) == (ExitCode.CONFLICT, "mine")
    assert hostile("export", "c", "-o", "x.csv", "--overwrite").status == 0
    assert len(read(here / "x.csv")) == 12
    assert not list(here.glob(".*"))


def search_on(searches: list[dict[str, str]], platform: str) -> dict[str, str]:
    return next(search for search in searches if search["platform"] == platform)


def read(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))
