"""Every link inside the documentation leads somewhere."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath

from tests.rules.markdown import anchors, links
from tests.rules.source import Source, Violation, assert_holds, tracked_sources


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


def test_every_link_leads_somewhere() -> None:
    sources = tracked_sources()
    pages = {source.path: source.text for source in sources}
    documents = [source for source in sources if source.path.endswith(".md")]
    assert_holds(lambda page: broken_links(page, pages), documents)


def test_planted_broken_links_are_found() -> None:
    pages = {"docs/a.md": "", "docs/b.md": "# The `one` rule\n", "README.md": "# Hello\n"}
    text = (
        "[x](b.md) [x](missing.md)\n[x](b.md#the-one-rule) [x](b.md#gone)\n"
        "[x](../README.md#hello) [x](../docs)\n[x](https://example.com/x)\n```\n[x](nowhere.md)\n```\n"
    )
    found = list(broken_links(Source("docs/a.md", text), pages))
    assert [violation.line for violation in found] == [1, 2]
