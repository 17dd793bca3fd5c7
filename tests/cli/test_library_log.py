"""What a library logs goes to the log file, never to the terminal."""

import logging
from pathlib import Path

import pytest

from tastemaker.cli.session import logging_to_file
from tastemaker.core.settings import Settings


def test_a_library_does_not_flood_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TASTEMAKER_HOME", str(tmp_path))
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with logging_to_file(Settings()):
        for _ in range(100):
            logging.getLogger("psycopg.pool").warning("error connecting in 'pool-1'")
    assert capsys.readouterr().err == ""
    assert "psycopg.pool" in (tmp_path / "log" / "tastemaker.log").read_text()
