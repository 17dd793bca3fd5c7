"""`tastemaker db adopt`, as an operator types it."""

import json
from pathlib import Path

import psycopg
import pytest
import typer

from tastemaker.cli.program import run
from tastemaker.core.errors import ExitCode
from tests.adopt.conftest import MakeOriginal


def test_it_plans_works_and_reports(
    make_original: MakeOriginal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, file = make_original("both"), tmp_path / "report.json"
    assert run(["db", "adopt", url, "--dry-run", "--no-rehearsal"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "users are in user_profiles and in the five tables" in shown
    assert "--orphans users|leave, now: users" in shown
    assert "scraping_jobs.platform: Friendster has no place here, 1 rows" in shown

    assert run(["db", "adopt", url, "--json", "--no-rehearsal"]) == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["exit_code"] == ExitCode.USAGE

    assert run(["db", "adopt", url, "--yes", "--no-rehearsal", "--report", str(file)]) == ExitCode.OK
    assert "Adopted. The original is untouched in the schema legacy_" in capsys.readouterr().out
    written = json.loads(file.read_text())
    assert written["already_adopted"] is False

    assert run(["db", "adopt", url, "--yes", "--json"]) == ExitCode.OK
    again = json.loads(capsys.readouterr().out)
    assert (again["already_adopted"], again["report"]) == (True, written["report"])
    assert run(["db", "adopt", url, "--dry-run"]) == ExitCode.OK
    assert "already adopted" in capsys.readouterr().out


@pytest.mark.slow
def test_the_copy_is_adopted_in_a_server_of_its_own(
    make_original: MakeOriginal,
    quick_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TASTEMAKER_HOME", str(quick_folder / "adopting"))
    assert run(["db", "adopt", make_original("both"), "--dry-run"]) == ExitCode.OK
    assert "nothing would stop" in capsys.readouterr().err
    assert not (quick_folder / "adopting" / "rehearsal").exists()


def test_a_no_changes_nothing(
    make_original: MakeOriginal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = make_original("five_only")
    monkeypatch.setattr("typer.confirm", _no)
    assert run(["db", "adopt", url, "--no-rehearsal"]) == ExitCode.INTERRUPTED
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('public.scraping_jobs') IS NOT NULL").fetchone() == (
            True,
        )
    assert "Contents of" in capsys.readouterr().out


def test_a_refusal_is_one_sentence(make_original: MakeOriginal, capsys: pytest.CaptureFixture[str]) -> None:
    url = make_original("five_only")
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE scraping_results DROP COLUMN creators")
    assert run(["db", "adopt", url, "--yes"]) == ExitCode.DATABASE
    refused = "Error: The table scraping_results is not the original product's: it lacks creators.\n"
    assert capsys.readouterr().err == refused


def _no(*_: object, **__: object) -> None:
    raise typer.Abort
