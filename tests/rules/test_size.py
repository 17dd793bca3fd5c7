"""Files stop at 400 lines and functions at 60; the aims (150 and 20) are for people to judge."""

import ast
from collections.abc import Iterator

from tests.rules.source import Source, Violation, assert_holds, package_sources, suite_sources

LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def too_long(source: Source) -> Iterator[Violation]:
    if len(source.lines) > LONGEST_FILE:
        yield Violation(source.path, 1, f"{len(source.lines)} lines, more than {LONGEST_FILE}")
    for node in source.nodes():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                what = f"{node.name}() has {length} lines, more than {LONGEST_FUNCTION}"
                yield Violation(source.path, node.lineno, what)


def test_nothing_is_too_long() -> None:
    assert_holds(too_long, [*package_sources(), *suite_sources()])


def test_a_planted_long_file_is_found() -> None:
    assert not list(too_long(Source("tastemaker/a.py", "x = 1\n" * LONGEST_FILE)))
    assert list(too_long(Source("tastemaker/a.py", "x = 1\n" * (LONGEST_FILE + 1))))


def test_a_planted_long_function_is_found() -> None:
    head = "async def f():\n"
    assert not list(too_long(Source("tastemaker/a.py", head + "    x = 1\n" * (LONGEST_FUNCTION - 1))))
    assert list(too_long(Source("tastemaker/a.py", head + "    x = 1\n" * LONGEST_FUNCTION)))
