"""A terminal that the program believes in, and what stands on its screen."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable

from tests.cli.launching import PROGRAM, environment

SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the terminal whose Ctrl-C is a signal, and becomes the program."""


class Terminal:
    """The program in a terminal of so many columns. `written` is everything it wrote."""

    def __init__(self, *arguments: str, columns: int, **more: str) -> None:
        self.written = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        variables = environment(TERM="xterm-256color", **more)
        variables.pop("COLUMNS", None)
        self._process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *PROGRAM, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=variables,
            start_new_session=True,
        )
        os.close(slave)

    def press(self, key: bytes) -> None:
        os.write(self._master, key)

    def until(self, is_there: Callable[[str], bool], *, within: float = 30.0) -> float:
        """Read until the text without control sequences is as wanted; how long it took."""
        began = time.monotonic()
        while not is_there(self.text):
            assert time.monotonic() - began < within, self.text
            if not self._read(0.2) and self._process.poll() is not None:
                assert is_there(self.text), self.text
        return time.monotonic() - began

    def end(self, *, within: float = 30.0) -> int:
        """Read on until the program has ended; its status."""
        began = time.monotonic()
        while self._process.poll() is None or self._read(0):
            assert time.monotonic() - began < within, self.text
            self._read(0.2)
        os.close(self._master)
        return self._process.returncode

    @property
    def text(self) -> str:
        """What was written, without what moves and colours."""
        return SEQUENCES.sub("", self.written).replace("\r\n", "\n")

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            self.written += os.read(self._master, 65536).decode(errors="replace")
        except OSError:  # nobody holds the other side any more
            return False
        return True
