"""Found creators as a table: one line each where the terminal is wide, two where it is not."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from tastemaker.cli.numbers import UNKNOWN, short
from tastemaker.cli.plain_text import plain
from tastemaker.cli.table import Column, fit, fits, table
from tastemaker.searches.results.queries import FoundCreator

NAME = Column(title="Creator", least=14, most=30)
NAME_ALONE = Column(title="Creator", least=14, most=44)
HANDLE = Column(title="Handle", least=14, most=26, style="dim")
PLATFORM = Column(title="Platform", least=9)
FOLLOWERS = Column(title="Followers", right=True)
VIEWS = Column(title="Views", least=5, right=True)
LIKES = Column(title="Likes", least=5, right=True)
EMAIL = Column(title="E-mail", least=18, most=44)
MATCHED = Column(title="Matched in", least=22, most=40)

INDENT = "  "


def creators_table(creators: Sequence[FoundCreator], *, width: int, keywords: int) -> list[Text]:
    """`keywords`: how many were searched for; with more than one, each row says which it matched."""
    several = len({found.platform for found in creators}) > 1
    platform = [PLATFORM] if several else []
    columns = [NAME, HANDLE, *platform, FOLLOWERS, VIEWS, LIKES, EMAIL, MATCHED]
    cells = [_cells(found, keywords=keywords, several=several) for found in creators]
    if fits(columns, cells, width):
        return table(columns, cells, width=width)
    return _in_two_lines(creators, cells, width=width, several=several)


def _in_two_lines(
    creators: Sequence[FoundCreator], cells: Sequence[Sequence[str]], *, width: int, several: bool
) -> list[Text]:
    """The numbers, and below them how to reach the creator and why it was found."""
    columns = [NAME_ALONE, *([PLATFORM] if several else []), FOLLOWERS, VIEWS, LIKES]
    head, *lines = table(columns, [[name, *rest[:-2]] for name, _, *rest in cells], width=width)
    shown = [head]
    for found, texts, line in zip(creators, cells, lines, strict=True):
        why = f"matched in {texts[-1]}" if found.matched_in and ": " not in texts[-1] else texts[-1]
        parts = [part for part in (texts[1], texts[-2], why) if part != UNKNOWN]
        shown += [line, *_below(parts, width - len(INDENT))]
    return shown


def _below(parts: Sequence[str], width: int) -> Iterator[Text]:
    """As many lines as they need, broken between the parts."""
    line = ""
    for part in parts:
        longer = f"{line} · {part}" if line else part
        if line and cell_len(longer) > width:
            yield Text(INDENT + fit(line, width).rstrip(), style="dim")
            longer = part
        line = longer
    if line:
        yield Text(INDENT + fit(line, width).rstrip(), style="dim")


def matched(found: FoundCreator, *, keywords: int) -> str:
    """Why it was found. Where no field carries the keyword, only the provider knows."""
    fields = ", ".join(found.matched_in) or f"only {found.platform.value} knows why"
    return f"{plain(found.keyword)}: {fields}" if keywords > 1 else fields


def _cells(found: FoundCreator, *, keywords: int, several: bool) -> list[str]:
    return [
        plain(found.name) or _handle(found),
        _handle(found),
        *([found.platform.value] if several else []),
        short(found.followers),
        short(found.views),
        short(found.likes),
        _email(found),
        matched(found, keywords=keywords),
    ]


def _handle(found: FoundCreator) -> str:
    handle = plain(found.handle)
    return f"@{handle}" if handle else UNKNOWN


def _email(found: FoundCreator) -> str:
    if not found.emails:
        return UNKNOWN
    others = len(found.emails) - 1
    return plain(found.emails[0]) + (f" +{others}" if others else "")
