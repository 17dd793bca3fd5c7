"""Ctrl-C and SIGTERM, whenever they come: one end, never a traceback."""

import json
import signal
import subprocess
import sys

import pytest

from tastemaker.cli.process import INTERRUPTED
from tastemaker.core.errors import ExitCode
from tests.cli.launching import environment

SIGNALLED = """
import os, sys
number, moment = int(sys.argv.pop()), sys.argv.pop()

class Moment:
    def find_spec(self, name, *_):
        if name == moment:
            os.kill(os.getpid(), number)

sys.meta_path.insert(0, Moment())
from tastemaker.cli import main
main()
"""
"""The program, sent a signal in the moment in which it looks for a module."""

LOADING, WORKING = "tastemaker.cli.program", "tastemaker.core.settings"

LEAVING = """
import os, signal, threading, sys
from tastemaker.cli import main
threading._register_atexit(os.kill, os.getpid(), signal.SIGINT)
sys.argv[1:] = ["version"]
main()
"""


def test_the_status_is_the_documented_one() -> None:
    assert INTERRUPTED == ExitCode.INTERRUPTED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [LOADING, WORKING])
def test_a_signal_at_any_moment_is_the_same_end(number: signal.Signals, moment: str) -> None:
    done = run(SIGNALLED, "results", "anything", moment, str(number.value))
    assert (done.returncode, done.stdout) == (ExitCode.INTERRUPTED, "")
    assert done.stderr in {"", "Stopped.\n"}


def test_a_program_that_is_stopped_while_loading_still_writes_its_document() -> None:
    done = run(SIGNALLED, "results", "anything", "--json", LOADING, str(signal.SIGTERM.value))
    assert json.loads(done.stdout) == {"error": "Stopped.", "kind": "interrupted", "exit_code": 130}
    assert done.stderr == ""


def test_a_signal_after_the_work_is_done_changes_nothing() -> None:
    done = run(LEAVING)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Tastemaker ")


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
    )
