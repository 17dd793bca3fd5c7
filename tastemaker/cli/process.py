"""The process itself: Ctrl-C and SIGTERM end it in one way, also while it loads and when it leaves.

Nothing of ours is imported before the signals are handled.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

INTERRUPTED = 130
"""`core.errors.ExitCode.INTERRUPTED`, known before that module is loaded."""

FAILED = 1
"""`ExitCode.FAILED`, as early."""

STOPPED = b"Stopped.\n"
STOPPED_DOCUMENT = b'{\n  "error": "Stopped.",\n  "kind": "interrupted",\n  "exit_code": 130\n}\n'

SHOW_CURSOR = b"\x1b[?25h\n"

Handler = Callable[[int, FrameType | None], object]


def main() -> None:
    """Both signals raise KeyboardInterrupt while the command runs."""
    _on_stop_signals(_stop_loading)
    from tastemaker.cli.program import run
    from tastemaker.cli.streams import let_go

    status = INTERRUPTED
    try:
        _on_stop_signals(signal.default_int_handler)
        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # in the moment before `run` minds it, or after
        _tell_stopped()
    _on_stop_signals(lambda *_: os._exit(status))
    sys.exit(status if let_go() else status or FAILED)


@contextmanager
def stop_signals(stopping: "asyncio.Event") -> Iterator[None]:
    """Within the block the first signal sets the event; a second one ends the process at once."""

    def stop() -> None:
        if stopping.is_set():
            os.write(sys.stderr.fileno(), SHOW_CURSOR if sys.stderr.isatty() else b"\n")
            os._exit(INTERRUPTED)
        stopping.set()

    import asyncio

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _on_stop_signals(handler: Handler) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _stop_loading(_number: int, _frame: FrameType | None) -> None:
    """Nothing is begun yet. An exception here would come out of the module that is loading."""
    _tell_stopped()
    os._exit(INTERRUPTED)


def _tell_stopped() -> None:
    try:
        if "--json" in sys.argv:
            os.write(1, STOPPED_DOCUMENT)
        else:
            os.write(2, STOPPED)
    except OSError:  # nobody listens
        pass
