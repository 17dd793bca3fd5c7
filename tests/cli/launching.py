"""The program as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.rules.source import ROOT

PROGRAM = (sys.executable, "-m", "tastemaker.cli")


def environment(**more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **more}


def launched(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run to its end, with its output kept; `more` goes into its environment."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        encoding="utf-8",
    )
