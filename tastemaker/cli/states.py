"""What a search's state is called on the screen, and what is said about its end."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from tastemaker.cli.plain_text import plain
from tastemaker.core.display import counted, time_of_day
from tastemaker.core.errors import ExitCode
from tastemaker.searches.types import Outcome, Search, Status

SHORT_ID = 8

_WORDS = {
    Outcome.FULL: "done",
    Outcome.PARTIAL: "partial",
    Outcome.NOTHING_FOUND: "nothing found",
    Outcome.PLAN_LIMIT: "plan limit",
    Outcome.QUOTA: "quota used up",
    Outcome.PROVIDER_FAILED: "failed",
    Outcome.TIMEOUT: "timed out",
    Outcome.CANCELLED: "cancelled",
}

_STYLES = {
    Outcome.FULL: "green",
    Outcome.PARTIAL: "yellow",
    Outcome.PLAN_LIMIT: "yellow",
    Outcome.QUOTA: "yellow",
    Outcome.TIMEOUT: "yellow",
    Outcome.PROVIDER_FAILED: "red",
}

_EXIT_CODES = {
    Outcome.PARTIAL: ExitCode.PROVIDER,
    Outcome.PROVIDER_FAILED: ExitCode.PROVIDER,
    Outcome.QUOTA: ExitCode.QUOTA,
    Outcome.PLAN_LIMIT: ExitCode.LIMIT,
    Outcome.TIMEOUT: ExitCode.FAILED,
    Outcome.CANCELLED: ExitCode.FAILED,
}

_WORST_FIRST = (ExitCode.PROVIDER, ExitCode.QUOTA, ExitCode.LIMIT, ExitCode.FAILED)


def search_document(search: Search) -> dict[str, Any]:
    """A search in the JSON of `--json`."""
    document = asdict(search)
    del document["user_id"]
    return document


def short_id(search: Search) -> str:
    return str(search.id)[:SHORT_ID]


def is_parked(search: Search) -> bool:
    return search.status.is_open and search.parked_until is not None


def is_settled(search: Search) -> bool:
    """Nothing will happen to it soon: it has ended, or waits for its provider."""
    return not search.status.is_open or is_parked(search)


def word(search: Search, *, now: datetime) -> str:
    """Its state in a word or two: `done`, `unfinished`, `waits until 08:00 UTC`."""
    if search.parked_until is not None and search.status.is_open:
        return f"waits until {time_of_day(search.parked_until, now=now)}"
    if search.outcome is Outcome.FULL and search.stored < search.target:
        return "no more found"
    if search.outcome is not None:
        return _WORDS[search.outcome]
    return {Status.PENDING: "waiting", Status.PROCESSING: "unfinished"}.get(
        search.status, search.status.value
    )


def style(search: Search) -> str:
    if is_parked(search):
        return "yellow"
    return _STYLES.get(search.outcome, "") if search.outcome else ""


def exit_code(searches: Iterable[Search]) -> ExitCode:
    """The worst of theirs."""
    codes = {_exit_code(search) for search in searches}
    return next((code for code in _WORST_FIRST if code in codes), ExitCode.OK)


def problem(search: Search, *, now: datetime) -> str | None:
    """One sentence or two, where there is something to know or to do about how it ended."""
    kept = f"{counted(search.stored, 'creator')} {'is' if search.stored == 1 else 'are'} kept"
    of_all = f"{kept} of {search.target:,}"
    if is_parked(search) and search.parked_until is not None:
        return _named(
            search,
            f"{plain(search.parked_reason) or 'The provider asks to wait.'} {kept}; the search continues "
            f"after {time_of_day(search.parked_until, now=now)}, by itself where `tastemaker work` runs, or "
            f"with `tastemaker searches resume {short_id(search)}`.",
        )
    reason = plain(search.error) or "The provider did not say why."
    match search.outcome:
        case Outcome.PARTIAL | Outcome.QUOTA:
            return _named(search, f"{reason} {of_all}.")
        case Outcome.PROVIDER_FAILED:
            return _named(search, f"{reason} Nothing was found before.")
        case Outcome.PLAN_LIMIT:
            return _named(search, f"Your plan's creators of this period are used up. {of_all}.")
        case Outcome.TIMEOUT:
            return _named(search, f"The search took longer than it may. {of_all}.")
        case Outcome.CANCELLED:
            return _named(search, f"The search was cancelled. {kept}.")
    return None


def _named(search: Search, sentence: str) -> str:
    """Every sentence says which platform it is about."""
    name = search.platform.value
    return sentence if name in sentence else f"{name}: {sentence}"


def _exit_code(search: Search) -> ExitCode:
    if is_parked(search):
        return ExitCode.QUOTA
    return _EXIT_CODES.get(search.outcome, ExitCode.OK) if search.outcome else ExitCode.OK
