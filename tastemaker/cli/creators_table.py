"""What is printed of found creators: a table, one line each or two where the terminal is narrow."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.plain_text import plain
from tastemaker.cli.table import Column, fit, fits, table
from tastemaker.core.display import UNKNOWN, counted, short
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import get_settings
from tastemaker.db.enums import RunEndReason
from tastemaker.searches.types import LIVE, Outcome, Run, Search, Status

if TYPE_CHECKING:
    from tastemaker.cli.csv_file import Written
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
SHOWN = 20
SUGGESTED = 8
"""Topics of the sandbox that are named where a search found nothing."""


def show_creators(creators: Sequence["FoundCreator"], *, keywords: int) -> None:
    console = screen.results()
    console.print()
    for line in creators_table(creators, width=console.width, keywords=keywords):
        console.print(line, no_wrap=True, crop=True, overflow="crop")
    console.print()


def creators_table(creators: Sequence["FoundCreator"], *, width: int, keywords: int) -> list[Text]:
    """`keywords`: how many were searched for; with more than one, each row says which it matched."""
    several = len({found.platform for found in creators}) > 1
    platform = [PLATFORM] if several else []
    columns = [NAME, HANDLE, *platform, FOLLOWERS, VIEWS, LIKES, EMAIL, MATCHED]
    cells = [_cells(found, keywords=keywords, several=several) for found in creators]
    if fits(columns, cells, width):
        return table(columns, cells, width=width)
    return _in_two_lines(creators, cells, width=width, several=several)


def _in_two_lines(
    creators: Sequence["FoundCreator"], cells: Sequence[Sequence[str]], *, width: int, several: bool
) -> list[Text]:
    """The numbers, and below them how to reach the creator and why it was found."""
    columns = [NAME_ALONE, *([PLATFORM] if several else []), FOLLOWERS, VIEWS, LIKES]
    head, *lines = table(columns, [[name, *rest[:-2]] for name, _, *rest in cells], width=width)
    shown = [head]
    for found, texts, line in zip(creators, cells, lines, strict=True):
        is_match = found.matched_in and found.alike_in is None
        why = f"matched in {texts[-1]}" if is_match and ": " not in texts[-1] else texts[-1]
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


def matched(found: "FoundCreator", *, keywords: int) -> str:
    """Why it was found. Where no field carries the keyword, only the provider knows."""
    if found.search_id is None:
        return "imported"
    if found.alike_in is not None:
        return plain(found.alike_in)
    fields = ", ".join(found.matched_in) or f"only {found.platform.value} knows why"
    return f"{plain(found.keyword)}: {fields}" if keywords > 1 else fields


def _cells(found: "FoundCreator", *, keywords: int, several: bool) -> list[str]:
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


def _handle(found: "FoundCreator") -> str:
    handle = plain(found.handle)
    return f"@{handle}" if handle else UNKNOWN


def _email(found: "FoundCreator") -> str:
    if not found.emails:
        return UNKNOWN
    others = len(found.emails) - 1
    return plain(found.emails[0]) + (f" +{others}" if others else "")


def show_more(number: int, reference: str, *, options: str, total: int) -> None:
    """How many are not shown, and the command that shows them."""
    if number > 0:
        command = f"tastemaker results {shlex.quote(reference)}{options} --limit {total}"
        screen.show(Text(f"{number:,} more: {command}", style="dim"), wraps=False)


def show_policy_note(searches: Sequence[Search], creators: Sequence["FoundCreator"]) -> None:
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


def show_written(written: "Written") -> None:
    screen.show(f"{counted(written.creators, 'creator')} written to {written.path}", wraps=False)


def total_line(searches: Sequence[Search]) -> str:
    """How many in all, and on which platforms."""
    total = sum(search.stored for search in searches)
    by_platform = Counter({search.platform: search.stored for search in searches})
    if total == 0:
        places = _listed([platform.value for platform in by_platform])
        return f"Nothing was found for {quoted_keywords(searches)} on {places}."
    if len(searches) == 1:
        return f"Found {counted(total, 'creator')} on {searches[0].platform.value}."
    parts = ", ".join(f"{number:,} on {platform.value}" for platform, number in by_platform.items())
    return f"Found {counted(total, 'creator')}: {parts}."


def quoted_keywords(searches: Sequence[Search]) -> str:
    return ", ".join(f"“{plain(keyword)}”" for keyword in searches[0].keywords)


def _listed(names: Sequence[str]) -> str:
    """`YouTube, TikTok and Instagram`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def suggestion(searches: Sequence[Search], *, is_made_up: bool) -> str | None:
    """A suggestion for a search without results whose provider did not fail."""
    if any(search.outcome is not Outcome.NOTHING_FOUND for search in searches):
        return None
    if is_made_up:
        from tastemaker.sandbox.synthetic.vocabulary import get_vocabulary

        topics = [niche.words["en"][0] for niche in get_vocabulary().niches[:SUGGESTED]]
        return f"The made-up creators talk about topics such as {_listed(topics)}."
    fewer = "fewer words, " if any(" " in keyword for keyword in searches[0].keywords) else ""
    return f"Try {fewer}a more general word, another spelling or language, or another --platform."


def show_skipped(searches: Sequence[Search]) -> None:
    """What the pages had that is in no result."""
    for search in searches:
        if search.skipped:
            verb = "was" if search.skipped == 1 else "were"
            what = f"{counted(search.skipped, 'item')} of {search.platform.value}'s answers"
            screen.show(Text(f"{what} could not be understood and {verb} skipped.", style="yellow"))


def keyword_count(searches: Sequence[Search]) -> int:
    return len({keyword for search in searches for keyword in search.keywords})


def keyword_lines(runs: Sequence[Run]) -> list[str]:
    """What each keyword gave that did not come to its own end, and why."""
    return [
        f"“{plain(run.keyword)}”: {counted(run.stored, 'creator')} kept, then "
        f"{run.end_reason.value.replace('_', ' ') if run.end_reason else 'cut off'}"
        f"{f'. {plain(run.error)}' if run.error else '.'}"
        for run in runs
        if not run.status.is_open
        and (run.status is not Status.COMPLETED or run.end_reason is RunEndReason.PAGE_CAP)
    ]
