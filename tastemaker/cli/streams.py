"""Standard output and standard error, for terminals, pipes and files."""

import os
import re
import shlex
import shutil
import sys
import textwrap
from pathlib import Path
from typing import NoReturn

from tastemaker.cli.plain_text import spelled_out
from tastemaker.core.errors import AppError

LEAST_WIDTH = 20
PROGRAM = "tastemaker"
_COMMAND = re.compile(rf"(?<![\w/.-]){PROGRAM} (?=[a-z])")


class Unwritable(AppError):
    """Standard output takes nothing: the disk under it is full, or its device is gone."""


def make_streams_safe() -> None:
    """They always exist, and never fail on a character that they cannot encode."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - lives as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def write(text: str) -> None:
    """Text as it is, to standard output; to a terminal with what would act on it spelled out.

    Raises Unwritable. A reader that has seen enough (`| head`) is no failure.
    """
    try:
        sys.stdout.write(spelled_out(text) if leads_to_terminal() else text)
        sys.stdout.flush()
    except BrokenPipeError:
        stop_writing()
    except OSError as error:
        _lead_nowhere()
        raise Unwritable(f"Standard output cannot be written: {error.strerror}.") from None


def leads_to_terminal() -> bool:
    """Whether a person's terminal obeys what is written to standard output."""
    return sys.stdout.isatty()


def runnable(sentence: str) -> str:
    """The sentence with its commands as this machine runs them, where the program is not on the PATH."""
    return _COMMAND.sub(lambda _: f"{_program()} ", sentence)


def complain(sentence: str) -> None:
    """One sentence to standard error; on a terminal wrapped at words."""
    sentence = runnable(sentence)
    if sys.stderr.isatty():
        width = max(LEAST_WIDTH, shutil.get_terminal_size().columns)
        lines = textwrap.wrap(sentence, width, break_long_words=False, break_on_hyphens=False)
        sentence = "\n".join(lines)
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def _program() -> str:
    """`tastemaker`, or the path of the program that is installed beside this Python."""
    if shutil.which(PROGRAM):
        return PROGRAM
    beside = Path(sys.executable).with_name(PROGRAM)
    if not beside.is_file():
        return f"{shlex.quote(sys.executable)} -m tastemaker.cli"
    here = Path.cwd()
    return shlex.quote(str(beside.relative_to(here) if beside.is_relative_to(here) else beside))


def stop_writing() -> NoReturn:
    """Nobody reads standard output any more: leave quietly."""
    _lead_nowhere()
    raise SystemExit(0)


def let_go() -> bool:
    """Write out what standard output still holds, and expect no more of it. False: it could not be written.

    The printing code has reported it already; the interpreter would say it again, with a status of its own.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _lead_nowhere()
    except OSError:
        _lead_nowhere()
        return False
    return True


def _lead_nowhere() -> None:
    """What standard output still holds would fail again at the interpreter's own last flush."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device, not a file of ours
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
