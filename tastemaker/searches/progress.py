"""What a person is told about a search: how far it is, how it ended, what is kept, and what to do."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from tastemaker.core.clock import utc_now
from tastemaker.core.display import counted, seconds, time_of_day
from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.db.transaction import Transaction
from tastemaker.searches.cost_queries import SearchCost, list_search_costs
from tastemaker.searches.types import LIVE, EndReason, Outcome, Run, Search, Status
from tastemaker.searches.watching_queries import LIST_WATCHED_RUNS

SLOW_START: Final = timedelta(seconds=20)
"""A search that has not begun by then has no worker."""

SEARCH_AGAIN: Final = "Search again in a while, or on another platform."

NO_COST: Final = SearchCost(calls=0, micros_usd=0)


class Tone(StrEnum):
    """How the first word of a state looks."""

    GOOD = "good"
    LIVE = "live"
    CAREFUL = "careful"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A search in a word, what happened to it, and what could be done. `can_resume`: it waits."""

    word: str
    tone: Tone
    sentence: str | None = None
    advice: str | None = None
    can_resume: bool = False


FULL: Final = Standing(word="Full", tone=Tone.GOOD)
COMPLETE: Final = Standing(
    word="Complete",
    tone=Tone.GOOD,
    sentence="All pages of all keywords are read: there are no more creators for them.",
    advice="Another keyword or another platform finds further creators.",
)
FAILED: Final = ("Failed", Tone.WRONG, "{why} {kept}", None)
ENDS: Final[Mapping[Outcome, tuple[str, Tone, str, str | None]]] = {
    Outcome.PARTIAL: ("Partial", Tone.CAREFUL, "{why} {kept}", None),
    Outcome.PLAN_LIMIT: (
        "Stopped by the plan",
        Tone.CAREFUL,
        "Your plan's creators of this period are used up. {kept}",
        "Search again in the next period, or with a larger plan.",
    ),
    Outcome.QUOTA: (
        "Quota used up",
        Tone.WRONG,
        "{why} {kept}",
        "Search again when the provider's quota begins anew.",
    ),
    Outcome.TIMEOUT: ("Out of time", Tone.CAREFUL, "The search took longer than it may. {kept}", None),
    Outcome.CANCELLED: ("Cancelled", Tone.CAREFUL, "You stopped this search. {kept}", None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordLine:
    """One keyword: `seen` creators on its pages with repeats, `stored` those it brought first."""

    keyword: str
    state: str
    seen: int
    stored: int
    pages: int
    is_open: bool
    is_wrong: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """A search as its pages show it. `scale`: what a full bar of a keyword stands for."""

    search: Search
    standing: Standing
    lines: Sequence[KeywordLine]
    seen: int
    scale: int
    cost: SearchCost
    duration: str | None

    @property
    def is_open(self) -> bool:
        return self.search.status.is_open

    @property
    def name(self) -> str:
        return ", ".join(self.search.keywords)

    @property
    def is_live(self) -> bool:
        """Of a provider that is paid."""
        return self.search.source == LIVE


def progress_of(search: Search, runs: Sequence[Run], cost: SearchCost = NO_COST) -> SearchProgress:
    lines = [_line(run, search) for run in runs]
    share = math.ceil(search.target / max(len(runs), 1))
    return SearchProgress(
        search=search,
        standing=standing_of(search, runs, now=utc_now()),
        lines=lines,
        seen=sum(run.found for run in runs),
        scale=max([share, *(line.seen for line in lines)]),
        cost=cost,
        duration=_duration(search),
    )


async def read_progress(
    tx: Transaction, user_id: ExternalUserId, searches: Sequence[Search]
) -> list[SearchProgress]:
    """With their keywords and costs, in two queries for all of them."""
    ids = [search.id for search in searches]
    costs = await list_search_costs(tx, user_id, ids)
    runs: dict[SearchId, list[Run]] = {search_id: [] for search_id in ids}
    for run in await tx.many(LIST_WATCHED_RUNS, user_ids=[user_id] * len(ids), search_ids=ids):
        runs[run.search_id].append(run)
    return [progress_of(search, runs[search.id], costs.get(search.id, NO_COST)) for search in searches]


def standing_of(search: Search, runs: Sequence[Run], *, now: datetime) -> Standing:
    if search.status.is_open:
        return _open(search, runs, now=now)
    if search.outcome is Outcome.FULL:
        return FULL if search.stored >= search.target else COMPLETE
    if search.outcome is Outcome.NOTHING_FOUND:
        return _nothing_found(runs)
    word, tone, sentence, advice = ENDS.get(search.outcome or Outcome.PROVIDER_FAILED, FAILED)
    why = _sentence(search.error) or "The provider did not say why."
    kept = f"{counted(search.stored, 'creator')} {'is' if search.stored == 1 else 'are'} kept."
    again = None if search.stored else SEARCH_AGAIN
    return Standing(
        word=word,
        tone=tone,
        sentence=sentence.format(why=why, kept=kept if search.stored else "Nothing was found before."),
        advice=advice or again,
    )


def _open(search: Search, runs: Sequence[Run], *, now: datetime) -> Standing:
    if search.parked_until is not None:
        until = time_of_day(search.parked_until, now=now)
        why = _sentence(search.parked_reason) or "The provider asks to wait."
        return Standing(
            word="Waiting",
            tone=Tone.CAREFUL,
            sentence=f"{why} The search continues by itself after {until}. What was found is kept.",
            can_resume=True,
        )
    failing = next((run for run in runs if run.status.is_open and run.failures), None)
    if failing is not None:
        why = _sentence(failing.error) or "The provider did not answer."
        return Standing(word="Trying again", tone=Tone.CAREFUL, sentence=why, can_resume=True)
    if search.status is Status.PROCESSING:
        return Standing(word="Searching", tone=Tone.LIVE)
    if now - _utc(search.created_at) > SLOW_START and not search.pages:
        return Standing(
            word="Not started",
            tone=Tone.CAREFUL,
            sentence="No worker has taken up this search yet. It starts by itself when one runs.",
            can_resume=True,
        )
    return Standing(word="Starting", tone=Tone.LIVE)


def _nothing_found(runs: Sequence[Run]) -> Standing:
    if seen := sum(run.found for run in runs):
        return Standing(
            word="Nothing new",
            tone=Tone.CAREFUL,
            sentence=f"{counted(seen, 'creator')} matched, and all of them are excluded.",
            advice="Search without an exclusion, or with other keywords.",
        )
    is_long = any(len(run.keyword.split()) > 1 for run in runs)
    shorter = "One word of a keyword, " if is_long else "A more common keyword, "
    return Standing(
        word="Nothing found",
        tone=Tone.CAREFUL,
        sentence="All pages of all keywords are read, and no creator is on them.",
        advice=f"{shorter}a hashtag without its #, or another platform might find creators.",
    )


_KEYWORD_ENDS: Final = {
    EndReason.EXHAUSTED: "all pages read",
    EndReason.TARGET_REACHED: "target reached",
    EndReason.PLAN_LIMIT: "plan limit reached",
    EndReason.QUOTA: "quota used up",
    EndReason.PAGE_CAP: "stopped at the limit of pages",
    EndReason.CURSOR_LOOP: "the provider repeats its pages",
    EndReason.NO_NEW_CREATORS: "no new creators on the last pages",
    EndReason.PROVIDER_FAILED: "the provider failed",
    EndReason.TIMEOUT: "out of time",
    EndReason.CANCELLED: "stopped",
}


def _line(run: Run, search: Search) -> KeywordLine:
    ended = _KEYWORD_ENDS.get(run.end_reason or EndReason.EXHAUSTED, "")
    has_failed = run.end_reason in {EndReason.PROVIDER_FAILED, EndReason.QUOTA}
    return KeywordLine(
        keyword=run.keyword,
        state=_open_state(run, search) if run.status.is_open else ended,
        seen=run.found,
        stored=run.stored,
        pages=run.pages,
        is_open=run.status.is_open,
        is_wrong=has_failed or (run.status.is_open and run.failures > 0),
    )


def _open_state(run: Run, search: Search) -> str:
    if search.parked_until is not None:
        return "waits for the provider"
    if run.failures:
        return f"trying page {run.pages + 1} again"
    if run.status is Status.PROCESSING:
        return f"reading page {run.pages + 1}"
    return "begins soon"


def _duration(search: Search) -> str | None:
    if search.started_at is None or search.completed_at is None:
        return None
    return seconds((search.completed_at - search.started_at).total_seconds())


def _sentence(text: str | None) -> str:
    """What a provider's error says, ended by a full stop."""
    text = (text or "").strip()
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def _utc(when: datetime) -> datetime:
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when
