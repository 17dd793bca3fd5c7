"""What the documentation rules read of a Markdown page: headings, links, tables and commands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^\s*(```|~~~)")
HEADING = re.compile(r"^(#{1,6})\s+(?P<title>.+?)\s*#*$")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
INLINE_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Section:
    """A heading (its title without backticks) and the text up to the next heading of any level."""

    title: str
    text: str


def prose_lines(page: str) -> Iterator[tuple[int, str]]:
    """Numbered lines outside fenced code."""
    fenced = False
    for number, line in enumerate(page.splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def code_lines(page: str) -> Iterator[tuple[int, str]]:
    """Numbered lines inside fenced code, and each inline code on its own."""
    fenced = False
    for number, line in enumerate(page.splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif fenced:
            yield number, line
        else:
            yield from ((number, code) for code in INLINE_CODE.findall(line))


def sections(page: str) -> list[Section]:
    starts = [
        (number, heading["title"].replace("`", ""))
        for number, line in prose_lines(page)
        if (heading := HEADING.match(line))
    ]
    lines = page.splitlines()
    ends = [number - 1 for number, _ in starts[1:]] + [len(lines)]
    return [
        Section(title, "\n".join(lines[start:end])) for (start, title), end in zip(starts, ends, strict=True)
    ]


def anchors(page: str) -> set[str]:
    """The ids that a heading gets where the page is shown."""
    return {re.sub(r"[^\w\- ]", "", section.title.lower()).replace(" ", "-") for section in sections(page)}


def links(page: str) -> Iterator[tuple[int, str]]:
    for number, line in prose_lines(page):
        yield from ((number, found["target"]) for found in LINK.finditer(line))


def table_rows(page: str) -> list[tuple[str, ...]]:
    """The cells of every table row, header and rule left out; backticks stay."""
    rows = [line for _, line in prose_lines(page) if line.startswith("|")]
    cells = [tuple(cell.strip() for cell in row.strip().strip("|").split("|")) for row in rows]
    rules = [index for index, row in enumerate(cells) if set("".join(row)) <= set("-: ")]
    skipped = {index for rule in rules for index in (rule - 1, rule)}
    return [row for index, row in enumerate(cells) if index not in skipped]
