"""No drawer for odds and ends: a module is named for what lives in it."""

from collections.abc import Iterator
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
