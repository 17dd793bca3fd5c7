"""docs/reference/cli.md has a heading for every command, and under it each of its options."""

import re
from collections.abc import Iterator, Sequence

import typer

from tests.rules.command_line import PROGRAM, Command, commands, has_command_line
from tests.rules.markdown import INLINE_CODE, Section, code_lines, sections
from tests.rules.source import ROOT

PAGE = "docs/reference/cli.md"
LONG_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
EVERYWHERE = {"--help", "--install-completion", "--show-completion"}  # the same for all, described once


def differences(page: str, known: Sequence[Command]) -> Iterator[str]:
    """A heading names one command as it is typed, arguments may follow: `tastemaker search KEYWORD...`."""
    written = {_typed(section): section for section in sections(page) if section.title.startswith(PROGRAM)}
    for command in known:
        section = written.pop(command.path, None)
        if section is None:
            if not command.is_group or command.options - EVERYWHERE:
                yield _missing(command)
            continue
        shown = _options_in(section)
        for option in sorted(command.options - EVERYWHERE - shown):
            yield f"{PAGE}, {command.path}: `{option}` is missing"
        for option in sorted(shown - EVERYWHERE - command.options):
            yield f"{PAGE}, {command.path}: there is no `{option}`"
    yield from (f"{PAGE}: there is no command `{path}`" for path in written)


if has_command_line():

    def test_every_command_is_documented() -> None:
        found = list(differences((ROOT / PAGE).read_text(), commands()))
        assert not found, "\n" + "\n".join(found)


def test_planted_differences_are_found() -> None:
    known = commands(_planted())
    page = (
        "# Commands\n## `tastemaker search KEYWORD...`\n`--target N` and `--json`\n"
        "## tastemaker lists show LIST\n`--json`\n"
    )
    assert list(differences(page, known)) == []
    assert len(list(differences(page.replace("`--target N`", ""), known))) == 1
    assert len(list(differences(page + "`--gone`\n", known))) == 1
    assert len(list(differences(page + "## tastemaker gone\n", known))) == 1
    missing = list(differences(page.replace("lists show", "lists"), known))
    assert any("## `tastemaker lists show`\n" in line for line in missing)


def _planted() -> typer.Typer:
    app, lists = typer.Typer(), typer.Typer()

    @app.command()
    def search(keyword: list[str], target: int = 100, *, json: bool = False) -> None: ...

    @lists.command()
    def show(name: str, *, json: bool = False) -> None: ...

    app.add_typer(lists, name="lists")
    _ = search, show
    return app


def _typed(section: Section) -> str:
    words = section.title.split()
    kept = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
    return " ".join(kept)


def _options_in(section: Section) -> set[str]:
    codes = [*(code for _, code in code_lines(section.text)), *INLINE_CODE.findall(section.text)]
    return {option for code in codes for option in LONG_OPTION.findall(code)}


def _missing(command: Command) -> str:
    rows = "".join(f"\n| `{option}` | … |" for option in sorted(command.options - EVERYWHERE))
    return f"{PAGE} lacks:\n## `{command.path}`\n{rows}"
