"""How far searches are: lines that stay in place on a terminal, plain lines anywhere else."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from tastemaker.cli import states
from tastemaker.cli.numbers import seconds
from tastemaker.cli.screen import notes
from tastemaker.core.clock import monotonic, utc_now
from tastemaker.searches.types import Search

INDENT = 2
NAME_WIDTH = 9
MOST_BAR, LEAST_BAR = 40, 8
SECONDS_BETWEEN_LINES = 2.0
STOPPING = "Stopping in good order. Ctrl-C again stops at once."


class Progress(Protocol):
    """Is told how the searches stand, as often as one likes; `stopping` once somebody wants to stop."""

    def update(self, searches: Sequence[Search], *, stopping: bool = False) -> None: ...


def progress(*, is_quiet: bool) -> AbstractContextManager[Progress]:
    """On standard error, which is free when the answer goes into a file."""
    console = notes()
    if console.is_terminal and not console.is_dumb_terminal:
        return _live(console)
    return nullcontext(_Silence() if is_quiet else _Lines(console))


class _Silence:
    def update(self, searches: Sequence[Search], *, stopping: bool = False) -> None:
        """JSON was asked for, and nobody watches."""


@contextmanager
def _live(console: Console) -> Iterator[Progress]:
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        yield _Bars(console, live)


@dataclass
class _Bars:
    console: Console
    live: Live
    started: float = field(default_factory=monotonic)

    def update(self, searches: Sequence[Search], *, stopping: bool = False) -> None:
        elapsed = monotonic() - self.started
        lines = [
            bar_line(search, width=self.console.width, elapsed=elapsed, fancy=_is_unicode(self.console))
            for search in searches
        ]
        if stopping:
            lines.append(Text(f"  {STOPPING}", style="dim"))
        self.live.update(Group(*lines), refresh=True)


@dataclass
class _Lines:
    """A line when a search has ended, and now and then while one goes on."""

    console: Console
    said: dict[str, str] = field(default_factory=dict)
    last: float = field(default_factory=monotonic)

    def update(self, searches: Sequence[Search], *, stopping: bool = False) -> None:
        if stopping:
            self.console.print(Text(STOPPING))
            return
        is_due = monotonic() - self.last >= SECONDS_BETWEEN_LINES
        for search in searches:
            line = f"{search.platform.value}: {_count(search)}, {_state(search)}"
            if (is_due or states.is_settled(search)) and self.said.get(search.platform) != line:
                self.said[search.platform] = line
                self.console.print(Text(line))
                self.last = monotonic()


def bar_line(search: Search, *, width: int, elapsed: float, fancy: bool) -> Text:
    """Name, bar, count and state; the bar takes what the rest leaves, or nothing on a narrow terminal."""
    count = _count(search)
    state = _state(search) or seconds(elapsed)
    count_width = len(f"{search.target:,} of {search.target:,}")
    line = Text(" " * INDENT, no_wrap=True, overflow="ellipsis")
    line.append(f"{search.platform.value:<{NAME_WIDTH}}  ")
    room = width - INDENT - NAME_WIDTH - 2 - count_width - 2 - max(len(state), 14) - 2 - 1
    if room >= LEAST_BAR:
        line.append_text(_bar(search, min(room, MOST_BAR), fancy=fancy))
        line.append("  ")
    line.append(f"{count:>{count_width}}  ")
    line.append(state, style=states.style(search) or "dim")
    return line


def _bar(search: Search, width: int, *, fancy: bool) -> Text:
    done = min(width, width * search.stored // search.target)
    full, empty = ("━", "─") if fancy else ("#", "-")
    bar = Text(full * done, style="green" if search.outcome else "cyan")
    return bar.append(empty * (width - done), style="dim")


def _count(search: Search) -> str:
    return f"{search.stored:,} of {search.target:,}"


def _state(search: Search) -> str:
    """Empty while it goes on."""
    return states.word(search, now=utc_now()) if states.is_settled(search) else ""


def _is_unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")
