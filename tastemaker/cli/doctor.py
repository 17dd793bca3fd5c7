"""`tastemaker doctor` and `tastemaker version`: what is installed here, and whether it works."""

import platform
from dataclasses import asdict

from rich.text import Text

import tastemaker
from tastemaker.cli import screen
from tastemaker.cli.groups import single
from tastemaker.cli.listing import answer
from tastemaker.cli.options import Json
from tastemaker.cli.plain_text import plain
from tastemaker.core.errors import ExitCode
from tastemaker.core.settings import get_settings
from tastemaker.db import access
from tastemaker.ops.doctor import Check, State, examine

doctor_app = single()
version_app = single()

STYLES = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}

NAME_WIDTH = 17

INDENT = 6 + NAME_WIDTH + 2


@doctor_app.command()
def doctor(*, as_json: Json = False) -> int:
    """Check this machine and this installation, and give advice."""
    checks = []
    for check in examine(get_settings()):
        checks.append(check)
        if not as_json:
            _show(check)
    failed = sum(check.state is State.FAIL for check in checks)
    if as_json:
        screen.write_json({"healthy": failed == 0, "checks": [asdict(check) for check in checks]})
    else:
        _sum_up(checks, failed)
    return ExitCode.FAILED if failed else ExitCode.OK


@version_app.command()
def version(*, as_json: Json = False) -> None:
    """Print the version of Tastemaker, and of Python and the schema it needs."""
    facts = {
        "tastemaker": tastemaker.__version__,
        "python": platform.python_version(),
        "schema": access.needed_version(),
    }
    sentence = f"Tastemaker {facts['tastemaker']} (Python {facts['python']}, schema {facts['schema']})"
    answer(facts, sentence, as_json=as_json)


def _show(check: Check) -> None:
    line = Text.assemble((f"{check.state.value:<4}  ", STYLES[check.state]), f"{check.name:<{NAME_WIDTH}}  ")
    screen.show(line.append(plain(check.found)), wraps=False)
    if check.advice:
        screen.show(Text(" " * INDENT + check.advice, style="dim"), wraps=False)


def _sum_up(checks: list[Check], failed: int) -> None:
    warned = sum(check.state is State.WARN for check in checks)
    if failed:
        screen.show(Text(f"{failed} of {len(checks)} checks failed.", style=STYLES[State.FAIL]))
    elif warned:
        screen.show(Text(f"It works; {warned} of {len(checks)} checks have a warning.", style="yellow"))
    else:
        screen.show(Text("All checks passed.", style=STYLES[State.OK]))
