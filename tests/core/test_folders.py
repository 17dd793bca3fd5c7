"""The data directory is closed to others, whatever the umask and whichever part is made first."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tastemaker.core.private_files import private_folder


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_both_folders_are_closed_to_others(umask: None, tmp_path: Path) -> None:
    folder = tmp_path / "share" / "home" / "log"
    private_folder(folder)
    assert mode(folder) == mode(folder.parent) == 0o700


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o750)
    private_folder(home / "corpus")
    private_folder(home / "corpus")
    assert (mode(home), mode(home / "corpus")) == (0o750, 0o700)


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)
