"""Where creators come from: the live platforms for which there is a key, or the sandbox; never both mixed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.live import Live
from rich.text import Text

from tastemaker.cli.screen import notes, say
from tastemaker.core.clock import monotonic
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.runtime import live_platforms
from tastemaker.sandbox.corpus import active_corpus
from tastemaker.sandbox.store import get_facts, reading
from tastemaker.searches.types import LIVE, SourceChoice, choose_source

SECONDS_BETWEEN_LOOKS = 0.1
BAR = 30
Report = Callable[[int, int], None]

ALL = "all"
PLATFORMS = (Platform.YOUTUBE, Platform.TIKTOK, Platform.INSTAGRAM)


def choose(settings: Settings, platforms: Sequence[str], *, sandbox: bool) -> SourceChoice:
    """`platforms` are names and comma lists of names; none is all.

    Raises InvalidInput for an unknown platform, and for one without a key while others have one.
    """
    names = [name.strip() for given in platforms for name in given.split(",") if name.strip()]
    everything = not names or ALL in map(str.lower, names)
    wanted = PLATFORMS if everything else tuple(dict.fromkeys(map(Platform.parse, names)))
    choice = choose_source(live_platforms(settings), wanted, sandbox=sandbox)
    if not everything and choice.left_out:
        instead = " Set it, or add --sandbox for made-up creators."
        refuse_without_key(settings, choice.left_out[0], instead=instead)
    return choice


def refuse_without_key(settings: Settings, platform: Platform, *, instead: str = " Set it.") -> None:
    """Raises InvalidInput."""
    from tastemaker.providers.registry import load_registry
    from tastemaker.searches.installation import Installation

    Installation(settings, load_registry(settings)).refuse_without_key(platform, instead=instead)


def notice(choice: SourceChoice, settings: Settings, *, is_imported: bool) -> str | None:
    """What a person has to know about where the creators come from."""
    if choice.source == LIVE:
        return _left_out(settings, choice.left_out)
    if is_imported:
        return "Sandbox: these creators come from the imported corpus, not from the live platforms."
    made_up = "Sandbox: these creators are made up."
    if live_platforms(settings):
        return made_up
    by_need: dict[str, list[str]] = {}
    for one in choice.platforms:
        by_need.setdefault(needed_for(settings, one), []).append(one.value)
    ways = [f"{need} to search {' and '.join(names)} live" for need, names in by_need.items()]
    return f"{made_up} Set {', or '.join(ways)}."


def needed_for(settings: Settings, platform: Platform) -> str:
    """What would make the platform live, as a part of a sentence: most often a key's name."""
    from tastemaker.providers.registry import load_registry

    return load_registry(settings).needed_for(platform)


def prepared_corpus(settings: Settings) -> Path:
    """The corpus to search: the active one, or the made-up one, which the first search makes."""
    with corpus_progress("Making up the sandbox's creators, once") as report:
        return active_corpus(settings.home, seed=settings.sandbox_seed, progress=report)


def is_imported(corpus: Path) -> bool:
    with reading(corpus) as connection:
        return get_facts(connection).get("origin") != "synthetic"


@contextmanager
def corpus_progress(what: str) -> Iterator[Report]:
    """A function that is called with (done, all). Shows nothing before its first call."""
    console = notes()
    if not console.is_terminal or console.is_dumb_terminal:
        yield _said_once(what)
        return
    with ExitStack() as stack:
        live: Live | None = None
        last = 0.0

        def report(done: int, total: int) -> None:
            nonlocal live, last
            if live is None:
                live = stack.enter_context(Live(console=console, auto_refresh=False, transient=True))
            if done == total or monotonic() - last >= SECONDS_BETWEEN_LOOKS:
                last = monotonic()
                live.update(_bar(what, done, total), refresh=True)

        yield report


def _left_out(settings: Settings, platforms: Sequence[Platform]) -> str | None:
    if not platforms:
        return None
    names = " and ".join(one.value for one in platforms)
    need = "it needs" if len(platforms) == 1 else "they need"
    needed = " and ".join(dict.fromkeys(needed_for(settings, one) for one in platforms))
    return f"{names} {'is' if len(platforms) == 1 else 'are'} left out: {need} {needed}."


def _bar(what: str, done: int, total: int) -> Text:
    full = BAR * done // max(total, 1)
    line = Text(f"{what}  ", no_wrap=True, overflow="ellipsis")
    line.append("━" * full, style="cyan").append("─" * (BAR - full), style="dim")
    return line.append(f"  {done:,} of {total:,}")


def _said_once(what: str) -> Report:
    said = False

    def report(_done: int, total: int) -> None:
        nonlocal said
        if not said:
            said = True
            say(f"{what} ({total:,}).")

    return report
