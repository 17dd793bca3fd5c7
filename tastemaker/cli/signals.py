"""Ctrl-C and SIGTERM as a wish: once to stop in good order, twice to stop at once."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tastemaker.core.errors import ExitCode

SHOW_CURSOR = b"\x1b[?25h\n"


@contextmanager
def stop_signals(wish: asyncio.Event) -> Iterator[None]:
    """For the time of the block the first signal sets the event; a second one ends the process there."""

    def came() -> None:
        if wish.is_set():
            os.write(sys.stderr.fileno(), SHOW_CURSOR if sys.stderr.isatty() else b"\n")
            os._exit(ExitCode.INTERRUPTED)
        wish.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, came)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
