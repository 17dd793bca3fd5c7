"""`tastemaker import`, and what it brought in results and exports."""

import csv
import io
import json
from pathlib import Path

import pytest

from tastemaker.cli.program import run
from tastemaker.core.errors import ExitCode

Output = pytest.CaptureFixture[str]


def test_an_imported_list_is_shown_and_exported(tmp_path: Path, home: Path, capsys: Output) -> None:
    file, errors = tmp_path / "list.csv", tmp_path / "errors.jsonl"
    file.write_text("platform;who;fans;e-mail\nTikTok;anna;1.2k;anna@example.org\nTikTok;;3;\n")
    columns = ["--column", "handle=who", "--column", "followers=fans"]
    assert run(["import", "creators", str(file), "--campaign", "c", "--dry-run", *columns]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "who: Handle or profile address (anna)" in shown
    assert "The first rows: 1 creator, 1 error." in shown
    command = ["import", "creators", str(file), "--campaign", "old list", "--rejected", str(errors), *columns]
    assert run(command) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "1 creator imported into “old list”; 1 row not taken." in shown
    assert json.loads(errors.read_text())["line"] == 3
    assert run(["results", "old list", "--json"]) == ExitCode.OK
    (creator,) = json.loads(capsys.readouterr().out)["creators"]
    assert (creator["handle"], creator["followers"], creator["search_id"]) == ("anna", 1200, None)
    assert run(["results", "old list"]) == ExitCode.OK
    assert "imported" in capsys.readouterr().out
    assert run(["export", "old list", "-o", "-"]) == ExitCode.OK
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["Handle"], row["E-mail"], row["Keywords"]) == ("anna", "anna@example.org", "")
    assert run(["import", "results", str(tmp_path / "no.csv"), "--campaign", "c"]) == ExitCode.USAGE
