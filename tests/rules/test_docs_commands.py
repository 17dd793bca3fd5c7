"""What the documentation tells a person to type exists: make targets, and our own commands."""

import re
import subprocess
from collections.abc import Iterator

from tests.rules.command_line import PROGRAM, Command, commands, has_command_line
from tests.rules.markdown import code_lines
from tests.rules.source import ROOT, Source, Violation, assert_holds, tracked_sources

MAKE = re.compile(r"(?:^|[\s;&])make\s+((?:[A-Z_]+=\S*\s+)*)(?P<target>[a-z-]+)")
TARGET = re.compile(r"^(?P<name>[a-z-]+):.*## ", re.MULTILINE)
OURS = re.compile(rf"(?:^|\s|/){PROGRAM}(?P<rest>(?:\s+[^\s|;&#]+)*)")


def make_targets() -> set[str]:
    return {found["name"] for found in TARGET.finditer((ROOT / "Makefile").read_text())}


def unknown_targets(page: Source, targets: set[str]) -> Iterator[Violation]:
    for line, code in code_lines(page.text):
        for found in MAKE.finditer(code):
            if found["target"] not in targets:
                yield Violation(page.path, line, f"there is no `make {found['target']}`")


def unknown_commands(page: Source, known: list[Command]) -> Iterator[Violation]:
    """The longest path of plain words after the program's name has to be a command of ours."""
    groups = {command.path for command in known if command.is_group}
    paths = {command.path for command in known}
    options = {command.path: command.options | {"--help"} for command in known}
    for line, code in code_lines(page.text):
        for found in OURS.finditer(code):
            words = found["rest"].split()
            path = PROGRAM
            while path in groups and words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
                path = f"{path} {words.pop(0)}"
            if path not in paths:
                yield Violation(page.path, line, f"there is no `{path}`")
                continue
            for word in words:
                option = word.strip("[]").split("=")[0]
                if option.startswith("--") and len(option) > 2 and option not in options[path]:
                    yield Violation(page.path, line, f"`{path}` has no `{option}`")


def test_every_make_target_exists() -> None:
    targets = make_targets()
    assert_holds(lambda page: unknown_targets(page, targets), _pages())


if has_command_line():

    def test_every_command_exists() -> None:
        known = commands()
        assert_holds(lambda page: unknown_commands(page, known), _pages())


def test_the_makefile_prints_its_own_help() -> None:
    shown = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert {name for name in make_targets() if f"make {name} " in shown.stdout} == make_targets()
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == make_targets()


def test_planted_targets_are_found() -> None:
    page = Source(
        "README.md", "```\nmake search KEYWORDS=x\nPYTHON=x make gone\n```\n`make UV= lost` make it so\n"
    )
    assert [found.line for found in unknown_targets(page, {"search"})] == [3, 5]


def test_planted_commands_are_found() -> None:
    known = [
        Command("tastemaker", frozenset(), is_group=True),
        Command("tastemaker search", frozenset({"--target"}), is_group=False),
        Command("tastemaker lists", frozenset(), is_group=True),
        Command("tastemaker lists show", frozenset({"--json"}), is_group=False),
    ]
    page = Source(
        "README.md",
        "```\n.venv/bin/tastemaker search chess --target 9\ntastemaker search chess --gone\n"
        "tastemaker lists show x --json | less\ntastemaker lists gone\ntastemaker lost --json\n```\n",
    )
    assert [found.line for found in unknown_commands(page, known)] == [3, 5, 6]


def _pages() -> list[Source]:
    return [source for source in tracked_sources() if source.path.endswith(".md")]
