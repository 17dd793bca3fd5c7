"""Where things are printed: results on standard output, everything said about them on standard error."""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any, NoReturn

import orjson
from rich.console import Console, RenderableType
from rich.text import Text

from tastemaker.cli.streams import runnable, stop_writing, write

WIDTH_OF_A_FILE = 140
"""Columns where standard output is no terminal and COLUMNS is not set: one line per row, for grep."""


class _Console(Console):
    """A reader that has seen enough (`| head`) is no failure: stop quietly."""

    def on_broken_pipe(self) -> NoReturn:
        self.quiet = True
        stop_writing()


def results() -> Console:
    return _console(stderr=False)


def notes() -> Console:
    return _console(stderr=True)


def say(text: str | Text, *, style: str = "") -> None:
    """A sentence about what happens, wrapped at words."""
    notes().print(_with_commands(text if isinstance(text, Text) else Text(text)), style=style or None)


def show(renderable: RenderableType, *, wraps: bool = True) -> None:
    """Part of the answer. `wraps` False keeps a path or a command in one piece for copying."""
    results().print(_with_commands(renderable), soft_wrap=not wraps)


def write_json(document: object) -> None:
    write(_dumps(document) + "\n")


def write_line(document: object) -> None:
    """One document of a stream, on a line of its own."""
    write(orjson.dumps(document, default=_text, option=_OPTIONS).decode() + "\n")


async def write_json_with_rows(document: Mapping[str, Any], name: str, rows: AsyncIterator[object]) -> None:
    """One document whose last member is a long list, written while it is read."""
    write(f"{_dumps(document)[:-1].rstrip()},\n{_dumps(name)}: [")
    separator = "\n"
    async for row in rows:
        write(separator + orjson.dumps(row, default=_text, option=_OPTIONS).decode())
        separator = ",\n"
    write("\n]}\n")


def _with_commands(renderable: RenderableType) -> RenderableType:
    """A sentence with its commands as this machine runs them; anything else as it is."""
    if isinstance(renderable, str):
        return runnable(renderable)
    if isinstance(renderable, Text) and not renderable.spans:
        return Text(runnable(renderable.plain), style=renderable.style)
    return renderable


_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def _text(value: object) -> str:
    """A path may hold bytes that are no text; what is printed may not."""
    return str(value).encode(errors="replace").decode()


def _dumps(document: object) -> str:
    return orjson.dumps(document, default=_text, option=_OPTIONS | orjson.OPT_INDENT_2).decode()


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    is_file = not stream.isatty() and not os.environ.get("COLUMNS")
    return _Console(
        stderr=stderr,
        width=WIDTH_OF_A_FILE if is_file else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
