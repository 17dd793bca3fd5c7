"""The sandbox's corpus on the command line: made when first needed, with a line that shows how far it is."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.live import Live
from rich.text import Text

from tastemaker.cli.screen import notes, say
from tastemaker.core.clock import monotonic
from tastemaker.core.settings import Settings
from tastemaker.sandbox.corpus import active_corpus
from tastemaker.sandbox.store import get_facts, reading

SECONDS_BETWEEN_LOOKS = 0.1
BAR = 30

Told = Callable[[int, int], None]


def prepared_corpus(settings: Settings) -> Path:
    """The corpus to search: the active one, or the made-up one, which the first search makes."""
    with corpus_progress("Making up the sandbox's creators, once") as told:
        return active_corpus(settings.home, seed=settings.sandbox_seed, progress=told)


def is_imported(corpus: Path) -> bool:
    with reading(corpus) as connection:
        return get_facts(connection).get("origin") != "synthetic"


@contextmanager
def corpus_progress(what: str) -> Iterator[Told]:
    """A function to be told (done, all). Shows nothing before it is told something."""
    console = notes()
    if not console.is_terminal or console.is_dumb_terminal:
        yield _said_once(what)
        return
    with ExitStack() as stack:
        live: Live | None = None
        last = 0.0

        def told(done: int, total: int) -> None:
            nonlocal live, last
            if live is None:
                live = stack.enter_context(Live(console=console, auto_refresh=False, transient=True))
            if done == total or monotonic() - last >= SECONDS_BETWEEN_LOOKS:
                last = monotonic()
                live.update(_bar(what, done, total), refresh=True)

        yield told


def _bar(what: str, done: int, total: int) -> Text:
    full = BAR * done // max(total, 1)
    line = Text(f"{what}  ", no_wrap=True, overflow="ellipsis")
    line.append("━" * full, style="cyan").append("─" * (BAR - full), style="dim")
    return line.append(f"  {done:,} of {total:,}")


def _said_once(what: str) -> Told:
    said = False

    def told(_done: int, total: int) -> None:
        nonlocal said
        if not said:
            said = True
            say(f"{what} ({total:,}).")

    return told
