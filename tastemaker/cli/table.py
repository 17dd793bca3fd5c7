"""Tables that keep their columns with any content and on a terminal of any width.

Widths are counted in cells of the terminal, not in characters. What does not fit is cut with an ellipsis;
columns that cannot be had at all are left out, the least important first. `rich.table` is not used: where
columns do not fit it shrinks them below their `min_width`, and it adds no mark after right-to-left text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.text import Text

from tastemaker.cli.plain_text import LRM, is_right_to_left

GAP = 2
ELLIPSIS = "…"
HEAD_STYLE = "bold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Long values may be cut down to `least` cells and take no more than `most`; a high `rank` goes first."""

    title: str
    least: int = 4
    most: int = 40
    right: bool = False
    rank: int = 0
    style: str = ""


Row = Sequence[str]


def table(columns: Sequence[Column], rows: Sequence[Row], *, width: int) -> list[Text]:
    """The head and a line per row. Rows have a text, made safe already, for every column."""
    kept = _kept(columns, rows, width)
    shown = [columns[number] for number in kept]
    texts = [[row[number] for number in kept] for row in rows]
    widths = _widths(shown, texts, width)
    head = _line(shown, [column.title for column in shown], widths, style=HEAD_STYLE)
    return [head, *(_line(shown, text, widths) for text in texts)]


def fits(columns: Sequence[Column], rows: Sequence[Row], width: int) -> bool:
    """Whether every column can have the least it needs."""
    least = (_least(column, wanted) for column, wanted in zip(columns, _wanted(columns, rows), strict=True))
    return sum(least) + GAP * (len(columns) - 1) <= width


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Exactly `width` cells of it."""
    if cell_len(text) > width:
        text = (chop_cells(text, width - 1)[0] if width > 1 else "").rstrip() + ELLIPSIS
    padding = " " * (width - cell_len(text))
    if is_right_to_left(text):
        text = f"{LRM}{text}{LRM}"
    return padding + text if right else text + padding


def _wanted(columns: Sequence[Column], rows: Sequence[Row]) -> list[int]:
    """The widest value of each column, within its bounds."""
    return [
        max(cell_len(column.title), min(column.most, max((cell_len(row[number]) for row in rows), default=0)))
        for number, column in enumerate(columns)
    ]


def _least(column: Column, wanted: int) -> int:
    return max(cell_len(column.title), min(column.least, wanted))


def _kept(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[int]:
    kept = list(range(len(columns)))
    while len(kept) > 1:
        some = [columns[number] for number in kept]
        if fits(some, [[row[number] for number in kept] for row in rows], width):
            break
        kept.remove(max(kept, key=lambda number: (columns[number].rank, number)))
    return kept


def _widths(columns: Sequence[Column], texts: Sequence[Row], width: int) -> list[int]:
    """What each column wants; where that is too much, the one with most to spare gives first."""
    widths = _wanted(columns, texts)
    least = [_least(column, wanted) for column, wanted in zip(columns, widths, strict=True)]
    excess = sum(widths) + GAP * (len(widths) - 1) - width
    while excess > 0 and widths != least:
        spare = [have - need for have, need in zip(widths, least, strict=True)]
        widths[spare.index(max(spare))] -= 1
        excess -= 1
    return widths


def _line(columns: Sequence[Column], texts: Row, widths: Sequence[int], *, style: str = "") -> Text:
    line = Text(style=style, no_wrap=True)
    for number, (column, text, width) in enumerate(zip(columns, texts, widths, strict=True)):
        line.append(" " * GAP if number else "")
        line.append(fit(text, width, right=column.right), style=column.style)
    line.rstrip()
    return line
