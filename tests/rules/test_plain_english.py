"""Documentation, docstrings and messages are plain English: none of the words that made readers translate."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.rules.source import Source, Violation, assert_holds, package_sources, strings, tracked_sources

WORSE_AND_BETTER: Final = {
    r"who(?:m|so)?ever": "the caller, the user, any process: name it",
    r"whatever|whichever": "any, every, regardless of; or name the thing",
    r"(?:no|every|some)body's": "no user's, all users', another user's: name the owner",
    r"(?-i:Whose)": "the owner of, the user of",
    r"twins?": "simulator; the same request",
    r"doors?": "function, client, entry point",
    r"knock(?:s|ed|ing)?": "probe",
    r"call(?:s|ed|ing)? off": "cancel",
    r"tend(?:s|ed|ing)?": "maintain",
    r"(?:told|asked) again": "fetched again, retried",
    r"go(?:es|ing)? on": "continue",
    r"it is said|nothing is said|where nothing": "Default: …; if there is no …",
    r"whose time is over": "past their retention, past its time-out",
    r"stands against": "contradicts; or name the limit",
    r"dearest": "the most expensive",
}
WORDS: Final = re.compile(rf"\b(?:{'|'.join(WORSE_AND_BETTER)})\b", re.IGNORECASE)
GUIDES: Final = ("README.md", "CONTRIBUTING.md")
GENERATED: Final = ("docs/reference/schema.md", "docs/reference/imports.md")
LANDED: Final = "tastemaker/db/migrations/versions/"
"""Migrations never change, and neither do their comments, which the schema's page shows."""


def riddles(text: str) -> Iterator[tuple[int, str]]:
    """Lines, counted from 0, with what stands there and what to write instead."""
    for found in WORDS.finditer(text):
        better = next(
            instead
            for pattern, instead in WORSE_AND_BETTER.items()
            if re.fullmatch(pattern, found[0], re.IGNORECASE)
        )
        yield text.count("\n", 0, found.start()), f"{found[0]!r}: write {better}"


def riddles_of_page(page: Source) -> Iterator[Violation]:
    yield from (Violation(page.path, line + 1, what) for line, what in riddles(page.text))


def riddles_of_module(source: Source) -> Iterator[Violation]:
    """In docstrings and in strings of more than one word; a single word is a key or a name."""
    for line, text in _prose(source):
        yield from (Violation(source.path, line + further, what) for further, what in riddles(text))


def test_documentation_is_plain() -> None:
    pages = [
        source
        for source in tracked_sources()
        if source.path in GUIDES
        or (source.path.startswith("docs/") and source.path.endswith(".md") and source.path not in GENERATED)
    ]
    assert_holds(riddles_of_page, pages)


def test_docstrings_and_messages_are_plain() -> None:
    assert_holds(riddles_of_module, [one for one in package_sources() if not one.path.startswith(LANDED)])


def test_planted_riddles_are_found() -> None:
    page = (
        "Whoever asks.\n\nThe door. Whose? A user whose plan ended attends.\nIt is told again and goes on.\n"
    )
    assert [line for line, _ in riddles(page)] == [0, 2, 2, 3, 3]
    module = (
        '"""The providers\' twin."""\nKEY = "twin"\n\ndef run():\n'
        '    """Run.\n\n    Whatever it takes.\n    """\n'
        '    raise ValueError(f"{KEY} is called off")\n'
    )
    found = sorted(riddles_of_module(Source("tastemaker/jobs/x.py", module)))
    assert [violation.line for violation in found] == [1, 7, 9]


def test_each_word_names_its_replacement() -> None:
    assert [what for _, what in riddles("Knocking.")] == ["'Knocking': write probe"]
    assert [what for _, what in riddles("Whose")] == ["'Whose': write the owner of, the user of"]


def _prose(source: Source) -> Iterator[tuple[int, str]]:
    for node in source.nodes():
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text
    yield from ((line, text) for line, text in strings(source) if " " in text.strip())
