"""The command line as the documentation rules see it: every command's path and its options."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

PROGRAM = "tastemaker"


@dataclass(frozen=True)
class Command:
    """`path` is what is typed (`tastemaker campaigns list`); `options` are its long names."""

    path: str
    options: frozenset[str]
    is_group: bool


def has_command_line() -> bool:
    return hasattr(importlib.import_module("tastemaker.cli"), "main")


def commands(app: typer.Typer | None = None) -> list[Command]:
    """Every command and group that is not hidden; by default of the real application."""
    if app is None:
        app = importlib.import_module("tastemaker.cli.program").app
    return list(_walk(typer.main.get_command(app), PROGRAM))


def _walk(command: Any, path: str) -> Iterator[Command]:  # noqa: ANN401 - Typer's or click's, by version
    children = getattr(command, "commands", {})
    yield Command(path, frozenset(_options(command)), is_group=bool(children))
    for name, child in children.items():
        if not child.hidden:
            yield from _walk(child, f"{path} {name}")


def _options(command: Any) -> Iterator[str]:  # noqa: ANN401 - Typer's or click's, by version
    for parameter in command.params:
        is_option = parameter.param_type_name == "option" and not getattr(parameter, "hidden", False)
        if is_option and parameter.name != "help":
            yield max(parameter.opts, key=len)
