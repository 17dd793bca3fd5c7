"""How a search and its runs stand, in the words of their columns, and what ends mean together."""

from collections.abc import Sequence
from dataclasses import dataclass

from tastemaker.db.enums import RunEndReason, SearchOutcome, SearchStatus

Status = SearchStatus
Outcome = SearchOutcome
EndReason = RunEndReason


@dataclass(frozen=True, slots=True)
class Ending:
    status: Status
    outcome: Outcome


def ending_of(reasons: Sequence[EndReason], *, stored: int, target: int) -> Ending:
    """How a search ended whose runs ended for `reasons`.

    `full` is everything that was to be had: the target, or every page of every keyword. A provider that
    failed is never mistaken for one that found nothing.
    """
    ended = set(reasons)
    if EndReason.CANCELLED in ended:
        return Ending(Status.CANCELLED, Outcome.CANCELLED)
    if stored >= target:
        return Ending(Status.COMPLETED, Outcome.FULL)
    if EndReason.TIMEOUT in ended:
        return Ending(Status.TIMEOUT, Outcome.TIMEOUT)
    if EndReason.PLAN_LIMIT in ended:
        return Ending(Status.COMPLETED, Outcome.PLAN_LIMIT)
    failures = ended & {EndReason.PROVIDER_FAILED, EndReason.QUOTA}
    if not failures:
        return Ending(Status.COMPLETED, Outcome.FULL if stored else Outcome.NOTHING_FOUND)
    if ended - failures:
        return Ending(Status.COMPLETED, Outcome.PARTIAL)
    if stored:
        return Ending(Status.ERROR, Outcome.PARTIAL)
    only_quota = failures == {EndReason.QUOTA}
    return Ending(Status.ERROR, Outcome.QUOTA if only_quota else Outcome.PROVIDER_FAILED)
