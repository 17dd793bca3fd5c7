"""How far searches are: lines that stay in place on a terminal, plain lines anywhere else."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from tastemaker.cli import states
from tastemaker.cli.screen import notes
from tastemaker.core.clock import monotonic, utc_now
from tastemaker.core.display import seconds
from tastemaker.core.ids import SearchId
from tastemaker.searches.types import Search

INDENT, GAP, NAME_WIDTH = 2, 2, 9
MOST_BAR, LEAST_BAR = 40, 8
STATE_WIDTH = 13
SECONDS_BETWEEN_LINES = 2.0
STOPPING = "Stopping in good order. Ctrl-C again stops at once."


class Trouble(StrEnum):
    """What keeps an open search: a failure after which it asks again, or a provider that says nothing."""

    AGAIN = "trying again"
    SILENCE = "no answer yet"


@dataclass(frozen=True, slots=True)
class ProgressState:
    """`stopping`: somebody asked to stop. `enriching`: how far the profiles of ended searches are."""

    searches: Sequence[Search]
    troubled: Mapping[SearchId, Trouble] = field(default_factory=dict)
    enriching: Mapping[SearchId, str] = field(default_factory=dict)
    stopping: bool = False

    @property
    def is_over(self) -> bool:
        """Nothing will happen soon."""
        return not self.enriching and all(map(states.is_settled, self.searches))

    def state_of(self, search: Search) -> str:
        """Empty while it runs normally."""
        if said := self.enriching.get(search.id):
            return said
        if states.is_settled(search):
            return states.word(search, now=utc_now())
        return self.troubled.get(search.id, "")


class Progress(Protocol):
    """Shows the state of the searches, as often as it is called."""

    def update(self, standing: ProgressState) -> None: ...


def progress(*, is_quiet: bool) -> AbstractContextManager[Progress]:
    """On standard error, which is free when the answer goes into a file."""
    console = notes()
    if console.is_terminal and not console.is_dumb_terminal:
        return _live(console)
    return nullcontext(_Silence() if is_quiet else _Lines(console))


class _Silence:
    def update(self, standing: ProgressState) -> None:
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

    def update(self, standing: ProgressState) -> None:
        elapsed = monotonic() - self.started
        is_unicode = self.console.encoding.lower().startswith("utf")
        lines = bar_lines(standing, width=self.console.width, elapsed=elapsed, fancy=is_unicode)
        if standing.stopping:
            lines.append(Text(f"  {STOPPING}", style="dim"))
        self.live.update(Group(*lines), refresh=True)


@dataclass
class _Lines:
    """A line when a search has ended, and now and then while one runs."""

    console: Console
    said: dict[str, str] = field(default_factory=dict)
    last: float = field(default_factory=monotonic)

    def update(self, standing: ProgressState) -> None:
        if standing.stopping:
            self.console.print(Text(STOPPING))
            return
        is_due = monotonic() - self.last >= SECONDS_BETWEEN_LINES
        for search in standing.searches:
            parts = (f"{search.platform.value}: {_count(search)}", standing.state_of(search))
            line = ", ".join(part for part in parts if part)
            if (is_due or states.is_settled(search)) and self.said.get(search.platform) != line:
                self.said[search.platform] = line
                self.console.print(Text(line))
                self.last = monotonic()


def bar_lines(standing: ProgressState, *, width: int, elapsed: float, fancy: bool) -> list[Text]:
    """Name, bar, count and state; the bar takes what the rest leaves, or nothing on a narrow terminal."""
    said = [standing.state_of(search) or seconds(elapsed) for search in standing.searches]
    counts = [f"{search.target:,} of {search.target:,}" for search in standing.searches]
    count_width = max(map(len, [*counts, *map(_count, standing.searches)]))
    state_width = max(STATE_WIDTH, *map(len, said))
    room = width - INDENT - NAME_WIDTH - count_width - state_width - 3 * GAP
    lines = []
    for search, state in zip(standing.searches, said, strict=True):
        line = Text(" " * INDENT, no_wrap=True, overflow="ellipsis")
        line.append(f"{search.platform.value:<{NAME_WIDTH}}{' ' * GAP}")
        if room >= LEAST_BAR:
            line.append_text(_bar(search, min(room, MOST_BAR), fancy=fancy)).append(" " * GAP)
        line.append(f"{_count(search):>{count_width}}{' ' * GAP}")
        lines.append(line.append(state, style=_style(search, state)))
    return lines


def _bar(search: Search, width: int, *, fancy: bool) -> Text:
    done = min(width, width * search.stored // search.target)
    full, empty = ("\u2501", "\u2500") if fancy else ("#", "-")
    bar = Text(full * done, style="green" if search.outcome else "cyan")
    return bar.append(empty * (width - done), style="dim")


def _count(search: Search) -> str:
    looked = f" ({search.looked_at:,} looked at)" if search.has_criteria else ""
    return f"{search.stored:,} of {search.target:,}{looked}"


def _style(search: Search, state: str) -> str:
    return "yellow" if state in set(Trouble) else states.style(search) or "dim"
