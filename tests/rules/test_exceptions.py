"""Every exception to a lint, a type or the coverage has its reason beside it."""

import io
import re
import tokenize
from collections.abc import Iterator

from tests.rules.source import ROOT, Source, Violation, assert_holds, package_sources, suite_sources

EXCEPTION = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no cover)")
NOQA = re.compile(r"#\s*noqa:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*\s+-\s+\S")
TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore\[[a-z-]+(,\s*[a-z-]+)*\]\s+(#|-)\s*\S")
NO_COVER = re.compile(r"#\s*pragma:\s*no cover\s+-\s+\S")


def silent_exceptions(source: Source) -> Iterator[Violation]:
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT and EXCEPTION.search(token.string):
            for kind, form in (("noqa", NOQA), ("type", TYPE_IGNORE), ("pragma", NO_COVER)):
                if re.search(rf"#\s*{kind}", token.string) and not form.search(token.string):
                    what = f"{token.string!r} does not name its rule and give a reason after ' - '"
                    yield Violation(source.path, token.start[0], what)


def unexplained_ignores(pyproject: Source) -> Iterator[Violation]:
    """Lines of the lists under [tool.ruff.lint] and its per-file ignores that carry no comment."""
    section, inside = "", False
    for number, line in enumerate(pyproject.lines, 1):
        if line.startswith("["):
            section, inside = line, False
        elif section.startswith("[tool.ruff.lint") and line.rstrip().endswith("["):
            inside = True
        elif line.startswith("]"):
            inside = False
        elif inside and '"' in line and "#" not in line:
            yield Violation(pyproject.path, number, f"{line.strip()} has no reason beside it")


def test_every_exception_has_a_reason() -> None:
    assert_holds(silent_exceptions, [*package_sources(), *suite_sources()])


def test_every_rule_that_is_off_has_a_reason() -> None:
    pyproject = Source("pyproject.toml", (ROOT / "pyproject.toml").read_text())
    assert_holds(unexplained_ignores, [pyproject])


def test_planted_silent_exceptions_are_found() -> None:
    hush = "# no" + "qa"  # put together here, so that the linter does not read it as one of ours
    code = (
        f"a = 1  {hush}\nb = 1  {hush}: S105\nc = 1  {hush}: S105, E501 - a kind of cursor\n"
        "d = f()  # type: ignore\ne = f()  # type: ignore[arg-type]\n"
        "f = f()  # type: ignore[arg-type]  # the stub is wrong\ng = 1  # pragma: no cover\n"
    )
    found = [violation.line for violation in silent_exceptions(Source("tastemaker/a.py", code))]
    assert found == [1, 2, 4, 5, 7]


def test_a_planted_unexplained_ignore_is_found() -> None:
    planted = '[tool.ruff.lint]\nignore = [\n  "D100",  # reason\n  "D101",\n]\n'
    assert [found.line for found in unexplained_ignores(Source("pyproject.toml", planted))] == [4]
