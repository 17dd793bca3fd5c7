import os
import subprocess
import sys
from pathlib import Path

from tests.rules.source import ROOT

SUITE = """
import pytest

def test_passes(): pass

def test_skips(): pytest.skip("no data here")

@pytest.mark.skipif(True, reason="never here")
def test_is_marked(): pass

@pytest.mark.xfail(reason="known", strict=True)
def test_is_known(): assert False
"""


def test_a_skipped_test_fails_and_says_why(tmp_path: Path) -> None:
    outcome = _run(tmp_path, SUITE)
    assert outcome.returncode == 1
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in outcome.stdout
    assert "no data here" in outcome.stdout
    assert "never here" in outcome.stdout


def test_a_skipped_module_fails_too(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "import pytest\npytest.skip('whole module', allow_module_level=True)\n")
    assert outcome.returncode != 0
    assert "whole module" in outcome.stdout


def test_nothing_changes_where_nothing_is_skipped(tmp_path: Path) -> None:
    assert _run(tmp_path, "def test_passes(): pass\n").returncode == 0


def _run(folder: Path, suite: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_suite.py").write_text(suite)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.rules.no_skips",
            "-p",
            "no:cacheprovider",
            "test_suite.py",
        ],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
