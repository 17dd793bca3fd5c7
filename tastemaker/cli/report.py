"""What is printed of creators: the table, what is more. The same for a search just finished and for later."""

import shlex
from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.creators_table import creators_table
from tastemaker.cli.csv_file import Written
from tastemaker.cli.numbers import counted
from tastemaker.cli.plain_text import plain
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import get_settings
from tastemaker.searches.results.queries import FoundCreator
from tastemaker.searches.types import LIVE, Run, Search, Status

SHOWN = 20


def show_creators(creators: Sequence[FoundCreator], *, keywords: int) -> None:
    console = screen.results()
    console.print()
    for line in creators_table(creators, width=console.width, keywords=keywords):
        console.print(line, no_wrap=True, crop=True, overflow="crop")
    console.print()


def show_more(number: int, reference: str, *, options: str, total: int) -> None:
    """How many are not shown, and the command that shows them."""
    if number > 0:
        command = f"tastemaker results {shlex.quote(reference)}{options} --limit {total}"
        screen.show(Text(f"{number:,} more: {command}", style="dim"), wraps=False)


def show_policy_note(searches: Sequence[Search], creators: Sequence[FoundCreator]) -> None:
    """Blank e-mails of a source that was not asked are no finding, and said so."""
    is_live = any(one.platform is Platform.YOUTUBE and one.source == LIVE for one in searches)
    if (
        is_live
        and _withholds_contacts(Platform.YOUTUBE)
        and not any(found.emails for found in creators if found.platform is Platform.YOUTUBE)
    ):
        screen.show(
            Text(
                "YouTube was not asked for e-mail addresses: its policy allows that only with permission.",
                style="dim",
            )
        )


def _withholds_contacts(platform: Platform) -> bool:
    """Whether permission is what the platform's provider waits for; another one has other terms."""
    from tastemaker.providers.registry import live_providers

    adapter = live_providers(get_settings()).get(platform)
    return adapter is not None and not adapter.declaration.policy.contacts


def show_written(written: Written) -> None:
    screen.show(f"{counted(written.creators, 'creator')} written to {written.path}", wraps=False)


def total_line(searches: Sequence[Search]) -> str:
    """How many in all, and on which platforms."""
    total = sum(search.stored for search in searches)
    by_platform = Counter({search.platform: search.stored for search in searches})
    if total == 0:
        return "Nothing was found."
    if len(searches) == 1:
        return f"Found {counted(total, 'creator')} on {searches[0].platform.value}."
    parts = ", ".join(f"{number:,} on {platform.value}" for platform, number in by_platform.items())
    return f"Found {counted(total, 'creator')}: {parts}."


def keyword_count(searches: Sequence[Search]) -> int:
    return len({keyword for search in searches for keyword in search.keywords})


def keyword_lines(runs: Sequence[Run]) -> list[str]:
    """What each keyword gave that did not come to its own end, and why."""
    return [
        f"“{plain(run.keyword)}”: {counted(run.stored, 'creator')} kept, then "
        f"{run.end_reason.value.replace('_', ' ') if run.end_reason else 'cut off'}"
        f"{f'. {plain(run.error)}' if run.error else '.'}"
        for run in runs
        if not run.status.is_open and run.status is not Status.COMPLETED
    ]
