"""Every link of the documentation has a target, and the paths and names in its guides exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath

from tests.rules.markdown import anchors, links
from tests.rules.source import Source, Violation, assert_holds, tracked_sources

GUIDES = ("docs/architecture.md", "CONTRIBUTING.md")
PATH = re.compile(r"`((?:tastemaker|tests|docs|bench|examples|requirements|\.ci)/[\w./*-]*)`")
PLACE = re.compile(r"((?:`\w+`(?: and )?)+) in\s+`(tastemaker/[\w/]+\.py)`")


def broken_links(page: Source, pages: dict[str, str]) -> Iterator[Violation]:
    """`pages`: path → text of every file that may be linked to."""
    for line, target in links(page.text):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        path = normpath(str(PurePosixPath(page.path).parent / name)) if name else page.path
        folder = path.rstrip("/") + "/"
        if path not in pages and not any(known.startswith(folder) for known in pages):
            yield Violation(page.path, line, f"there is no {path}")
        elif anchor and anchor not in anchors(pages.get(path, "")):
            yield Violation(page.path, line, f"{path} has no heading #{anchor}")


def missing_places(page: Source, files: dict[str, str]) -> Iterator[Violation]:
    """Paths in backticks that do not exist, and names in `` `name` in `path.py` `` that the file lacks."""
    for found in PATH.finditer(page.text):
        path = found[1]
        if path not in files and not any(known.startswith(path.rstrip("/") + "/") for known in files):
            yield Violation(page.path, _line(page.text, found.start()), f"there is no {path}")
    for found in PLACE.finditer(page.text):
        defined = _defined(files.get(found[2], ""))
        for name in re.findall(r"\w+", found[1].replace(" and ", " ")):
            if name not in defined:
                yield Violation(page.path, _line(page.text, found.start()), f"{found[2]} has no {name}")


def test_every_link_leads_somewhere() -> None:
    sources = tracked_sources()
    pages = {source.path: source.text for source in sources}
    documents = [source for source in sources if source.path.endswith(".md")]
    assert_holds(lambda page: broken_links(page, pages), documents)


def test_the_places_that_guides_name_exist() -> None:
    sources = tracked_sources()
    files = {source.path: source.text for source in sources}
    assert_holds(lambda page: missing_places(page, files), [one for one in sources if one.path in GUIDES])


def test_planted_missing_places_are_found() -> None:
    files = {"tastemaker/a.py": "SIZE = 1\ndef run(): ...\nclass Loop: ...\n"}
    text = (
        "`tastemaker/a.py` `tastemaker/` `tastemaker/gone.py`\n"
        "`run` in `tastemaker/a.py`, `SIZE` and `Loop` in\n`tastemaker/a.py`\n`gone` in `tastemaker/a.py`\n"
    )
    found = list(missing_places(Source("docs/architecture.md", text), files))
    assert [violation.line for violation in found] == [1, 4]


def test_planted_broken_links_are_found() -> None:
    pages = {"docs/a.md": "", "docs/b.md": "# The `one` rule\n", "README.md": "# Hello\n"}
    text = (
        "[x](b.md) [x](missing.md)\n[x](b.md#the-one-rule) [x](b.md#gone)\n"
        "[x](../README.md#hello) [x](../docs)\n[x](https://example.com/x)\n```\n[x](nowhere.md)\n```\n"
    )
    found = list(broken_links(Source("docs/a.md", text), pages))
    assert [violation.line for violation in found] == [1, 2]


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _defined(text: str) -> set[str]:
    """The names that a module defines at its top."""
    names = set()
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return names
