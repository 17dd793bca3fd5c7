"""No drawer for odds and ends: a module is named for what lives in it."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from tests.rules.source import Source, Violation, assert_holds, package_sources, suite_sources

DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "stuff", "scripts"}


def drawers(source: Source) -> Iterator[Violation]:
    for part in PurePosixPath(source.path).with_suffix("").parts:
        words = set(part.lower().split("_"))
        if named := words & DRAWERS:
            yield Violation(source.path, 1, f"a name with {min(named)!r} does not say what lives there")


def test_every_module_says_what_lives_in_it() -> None:
    assert_holds(drawers, [*package_sources(), *suite_sources()])


def test_planted_drawers_are_found() -> None:
    planted = ["tastemaker/lists/utils.py", "tastemaker/common/text.py", "tests/web/form_helpers.py"]
    assert all(list(drawers(Source(path, ""))) for path in planted)
    assert not list(drawers(Source("tastemaker/lists/sharing.py", "")))


def repeated_classes(sources: Iterable[Source]) -> list[str]:
    """Public class names that stand in more than one module."""
    places: dict[str, list[str]] = {}
    for source in sources:
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(source.path)
    return [f"{name}: {', '.join(paths)}" for name, paths in sorted(places.items()) if len(paths) > 1]


def test_one_class_name_means_one_thing() -> None:
    assert repeated_classes(package_sources()) == []


def test_planted_namesakes_are_found() -> None:
    first, second = (
        Source("a.py", "class Answer: ...\nclass _Mine: ...\n"),
        Source("b.py", "class Answer: ...\nclass _Mine: ..."),
    )
    assert repeated_classes([first, second]) == ["Answer: a.py, b.py"]
    assert repeated_classes([first, Source("b.py", "class Reply: ...")]) == []
