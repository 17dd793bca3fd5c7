"""A set of words is an enum once: two that say the same drift apart."""

import ast
from collections.abc import Iterable, Iterator

from tests.rules.source import Source, package_sources


def twins(sources: Iterable[Source]) -> list[str]:
    known: dict[frozenset[str], str] = {}
    found = []
    for source in sources:
        for name, words in _enums(source):
            where = f"{source.path}: {name}"
            if words in known:
                found.append(f"{where} says the same as {known[words]}")
            known.setdefault(words, where)
    return found


def test_no_two_enums_say_the_same() -> None:
    assert twins(package_sources()) == []


def test_planted_twins_are_found() -> None:
    first = Source("a.py", 'class Status(StrEnum):\n    """Said."""\n    ON = "on"\n    OFF = "off"\n')
    second = Source("b.py", 'class State(enum.StrEnum):\n    OFF = "off"\n    ON = "on"\n')
    third = Source("c.py", 'class Other(StrEnum):\n    ON = "on"\n')
    assert twins([first, second, third]) == ["b.py: State says the same as a.py: Status"]


def _enums(source: Source) -> Iterator[tuple[str, frozenset[str]]]:
    for node in source.nodes():
        if isinstance(node, ast.ClassDef) and any(
            ast.unparse(base).endswith("StrEnum") for base in node.bases
        ):
            words = {ast.unparse(part.value) for part in node.body if isinstance(part, ast.Assign)}
            if words:
                yield node.name, frozenset(words)
