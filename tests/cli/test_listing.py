"""`tastemaker campaigns …` and `tastemaker searches …`."""

import psycopg
import pytest

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine


def test_an_empty_installation_says_what_to_do(cli: CommandLine) -> None:
    assert "There is no campaign yet." in cli("campaigns", "list").out
    assert "There is no search yet." in cli("searches", "list").out
    assert cli("campaigns", "list", "--json").document == {"campaigns": [], "next": None}
    assert cli("searches", "list", "--json").document == {"searches": []}


def test_campaigns_and_searches_are_listed_and_shown(cli: CommandLine, admin_url: str) -> None:
    cli("search", "chess", "makeup", "--target", "4", "--campaign", "Autumn", "-o", "a.csv")
    with psycopg.connect(admin_url) as connection:
        connection.execute("UPDATE campaigns SET name = 'Au\x1b[2Jtumn'")
    head, row = cli("campaigns", "list").out.splitlines()
    assert head.split()[:4] == ["Campaign", "Status", "Searches", "Found"]
    assert row.split()[:4] == ["Autumn", "completed", "3", "12"]

    lines = cli("searches", "list").out.splitlines()
    assert len(lines) == 4
    assert all("4 of 4  done" in line and "\x1b" not in line for line in lines[1:])
    (campaign,) = cli("campaigns", "list", "--json").document["campaigns"]
    shown = cli("campaigns", "show", campaign["id"][:8]).out.splitlines()
    assert shown[0] == "Autumn"
    assert shown[1].startswith("completed · 3 searches · id ")
    assert len(shown) == 7

    search = cli("searches", "list", "--campaign", campaign["id"], "--json").document["searches"][0]
    shown = cli("searches", "show", search["id"][:8]).out.splitlines()
    assert shown[0] == f"{search['platform']}: chess, makeup"
    assert [line.split()[0] for line in shown if line.startswith(("chess", "makeup"))] == ["chess", "makeup"]
    document = cli("searches", "show", search["id"], "--json").document
    assert sum(run["stored"] for run in document["runs"]) == document["stored"] == 4
    assert "user_id" not in document


def test_lists_fit_a_narrow_terminal(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("search", "chess", "--target", "2", "--campaign", "A very long name " * 6, "-o", "a.csv")
    for columns in (60, 40):
        monkeypatch.setenv("COLUMNS", str(columns))
        for command in (("campaigns", "list"), ("searches", "list")):
            lines = cli(*command).out.splitlines()
            assert max(map(len, lines)) <= columns
            assert len(lines) == (2 if command[0] == "campaigns" else 4)


def test_cancelling_keeps_what_was_found_and_works_once(cli: CommandLine, admin_url: str) -> None:
    cli("search", "chess", "--target", "3", "--platform", "youtube", "-o", "a.csv")
    with psycopg.connect(admin_url) as connection:
        connection.execute("SET session_replication_role = replica")  # a step that triggers refuse
        connection.execute("UPDATE scraping_jobs SET status = 'pending', outcome = NULL, completed_at = NULL")
        connection.execute("UPDATE scraping_runs SET status = 'pending', end_reason = NULL")
    (search,) = cli("searches", "list", "--json").document["searches"]
    told = cli("searches", "cancel", search["id"][:8])
    assert told.out == f"Cancelled search {search['id'][:8]}. Kept: 3 creators.\n"
    again = cli("searches", "cancel", search["id"], "--json")
    assert (again.status, again.document["kind"]) == (ExitCode.CONFLICT, "conflict")
    shown = cli("searches", "show", search["id"]).out
    assert "The search was cancelled. 3 creators are kept." in shown
    assert "3 creators" in cli("results", search["id"]).out


@pytest.mark.parametrize(
    "command",
    [
        ("campaigns", "show", "x"),
        ("searches", "show", "x"),
        ("searches", "cancel", "deadbeef"),
        ("searches", "resume", "00000000-0000-4000-8000-000000000000"),
        ("searches", "list", "--campaign", "x"),
    ],
)
def test_what_is_not_there_is_said(cli: CommandLine, command: tuple[str, ...]) -> None:
    told = cli(*command)
    assert (told.status, told.out) == (ExitCode.NOT_FOUND, "")
    assert told.err.startswith("Error: There is no such ")
    assert cli(*command, "--json").document["exit_code"] == ExitCode.NOT_FOUND
