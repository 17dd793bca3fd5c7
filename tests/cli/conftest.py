"""The program in this process, over a fresh database and a small made-up corpus."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tastemaker.cli.program import run
from tastemaker.core.settings import get_settings
from tastemaker.sandbox.corpus import activate, generate

OURS = ("TASTEMAKER_", "DATABASE_", "YOUTUBE_", "SCRAPECREATORS_")


@dataclass(frozen=True)
class Told:
    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.out)


class CommandLine:
    """Runs one command as a person would, and keeps what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Told:
        get_settings.cache_clear()
        self._capsys.readouterr()
        status = run(arguments)
        said = self._capsys.readouterr()
        return Told(status, said.out, said.err)


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "small.sqlite3"
    generate(path, creators=1_500, posts_per_creator=4, seed=1)
    return path


@pytest.fixture
def home(
    tmp_path: Path, quick_folder: Path, monkeypatch: pytest.MonkeyPatch, small_corpus: Path
) -> Iterator[Path]:
    """A data directory of its own, and nothing of ours in the environment but its name."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    with tempfile.TemporaryDirectory(dir=quick_folder) as name:
        home = Path(name, "home")
        activate(home, small_corpus)
        monkeypatch.setenv("TASTEMAKER_HOME", str(home))
        yield home
    get_settings.cache_clear()


@pytest.fixture
def here(home: Path) -> Path:
    """The folder in which commands are typed."""
    return Path.cwd()


@pytest.fixture
def bare(home: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The program without a database at hand."""
    return CommandLine(capsys)


@pytest.fixture
def cli(bare: CommandLine, app_url: str, admin_url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The program over a fresh database."""
    monkeypatch.setenv("DATABASE_URL", app_url)
    monkeypatch.setenv("DATABASE_ADMIN_URL", admin_url)
    return bare
