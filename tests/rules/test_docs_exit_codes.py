"""docs/reference/exit-codes.md is the enum `ExitCode` with a meaning for each."""

from collections.abc import Iterator
from enum import IntEnum

from tastemaker.core.errors import ExitCode
from tests.rules.markdown import table_rows
from tests.rules.source import ROOT

PAGE = "docs/reference/exit-codes.md"


def differences(page: str, codes: type[IntEnum]) -> Iterator[str]:
    written = {row[:2]: row[2] for row in table_rows(page)}
    expected = {(str(code.value), f"`{code.name}`") for code in codes}
    yield from (f"{PAGE} lacks | {' | '.join(row)} | …" for row in sorted(expected - written.keys()))
    yield from (f"no such exit code: {' '.join(row)}" for row in sorted(written.keys() - expected))
    yield from (f"no meaning for {' '.join(row)}" for row, meaning in written.items() if not meaning)


def test_every_exit_code_is_documented() -> None:
    found = list(differences((ROOT / PAGE).read_text(), ExitCode))
    assert not found, "\n" + "\n".join(found)


def test_planted_differences_are_found() -> None:
    head = "| Status | Name | Meaning |\n|---|---|---|\n"
    rows = [f"| {code.value} | `{code.name}` | something |\n" for code in ExitCode]
    assert not list(differences(head + "".join(rows), ExitCode))
    assert list(differences(head + "".join(rows[1:]), ExitCode))
    assert list(differences(head + "".join(rows) + "| 99 | `GONE` | x |\n", ExitCode))
    assert list(differences(head + "".join(rows).replace("something", "", 1), ExitCode))
