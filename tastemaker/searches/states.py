"""The words of a search and of its runs, and what ends mean together."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        return self in {Status.PENDING, Status.PROCESSING}


class Outcome(StrEnum):
    FULL = "full"
    PARTIAL = "partial"
    NOTHING_FOUND = "nothing_found"
    PLAN_LIMIT = "plan_limit"
    QUOTA = "quota"
    PROVIDER_FAILED = "provider_failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


class EndReason(StrEnum):
    """Why the paging of one keyword ended."""

    EXHAUSTED = "exhausted"
    TARGET_REACHED = "target_reached"
    PLAN_LIMIT = "plan_limit"
    QUOTA = "quota"
    PAGE_CAP = "page_cap"
    CURSOR_LOOP = "cursor_loop"
    NO_NEW_CREATORS = "no_new_creators"
    PROVIDER_FAILED = "provider_failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"

    @property
    def run_status(self) -> Status:
        return {
            EndReason.PROVIDER_FAILED: Status.ERROR,
            EndReason.QUOTA: Status.ERROR,
            EndReason.TIMEOUT: Status.TIMEOUT,
            EndReason.CANCELLED: Status.CANCELLED,
        }.get(self, Status.COMPLETED)


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
