"""How commands answer: a list of rows, the facts of one thing, or a sentence. Each has a form in JSON."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, Protocol, TypeVar

from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.table import Column, table

Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)


class RowPage(Protocol[Row_co]):
    """Rows, and the place after which the next page begins."""

    @property
    def rows(self) -> Sequence[Row_co]: ...
    @property
    def next(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """Rows of one kind: a table with a line each, or the member `name` of a JSON document."""

    name: str
    columns: Sequence[Column]
    cells: Callable[[Row], Sequence[str]]
    empty: str
    """Shown where there is no row."""

    document: Callable[[Any], object] = asdict

    def show(self, rows: Sequence[Row], *, as_json: bool) -> None:
        if as_json:
            screen.write_json({self.name: [self.document(row) for row in rows]})
        else:
            self._show(rows)

    def show_page(self, page: RowPage[Row], *, command: str, as_json: bool) -> None:
        """`command` shows the next page, with its place behind it."""
        if as_json:
            screen.write_json({self.name: [self.document(row) for row in page.rows], "next": page.next})
            return
        self._show(page.rows)
        if page.next:
            screen.say(f"There are more: {command} {page.next}", style="dim")

    def show_table(self, rows: Iterable[Row]) -> None:
        show_table(self.columns, [self.cells(row) for row in rows])

    def _show(self, rows: Sequence[Row]) -> None:
        if rows:
            self.show_table(rows)
        else:
            screen.show(self.empty)


def show_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    console = screen.results()
    for line in table(columns, rows, width=console.width):
        console.print(line, no_wrap=True, overflow="crop")


def show_facts(facts: Iterable[tuple[str, str]], *, width: int = 10) -> None:
    """A line each: the name in `width` columns, then the value."""
    for name, value in facts:
        screen.show(Text.assemble((f"{name:<{width}}", "dim"), value), wraps=False)


def answer(document: object, sentence: str, *, as_json: bool) -> None:
    """What a command did."""
    if as_json:
        screen.write_json(document)
    else:
        screen.show(sentence)
