"""What the sandbox does wrong when told to: by counting calls, so that the same calls fail every time."""

import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from tastemaker.core.errors import InvalidInput

Every = Field(default=0, ge=0)


@checked_dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Faults:
    """Every switch is off by default. `…_every` N: every Nth call; calls are counted over all endpoints."""

    latency: float = Field(default=0, ge=0, le=600)
    """Seconds that each answer waits."""

    rate_limit_every: int = Every
    retry_after: int | None = Field(default=1, ge=0)
    """What a 429 says in Retry-After; None leaves the header out."""

    retry_after_as_date: bool = False
    """The header is an HTTP date instead of seconds."""

    server_error_every: int = Every
    """500 and 503 alternately."""

    garbage_every: int = Every
    """An HTML page, cut-off JSON and an empty body alternately, each with status 200."""

    drop_every: int = Every
    """The connection closes in the middle of the body."""

    quota_after: int | None = Field(default=None, ge=0)
    """So many calls are answered; from then on the quota (or the credits) are used up."""

    duplicate_rate: float | None = Field(default=None, ge=0, lt=1)
    """Which part of the rows of a search repeats a creator, instead of each platform's own rate."""

    overlap: int = Field(default=0, ge=0)
    """So many rows of a page come again at the beginning of the next one."""

    cursor_loop: bool = False
    """A page's next cursor leads to the same page again, for ever."""


class Fault(StrEnum):
    NONE = "none"
    DROP = "drop"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    QUOTA = "quota"
    GARBAGE = "garbage"


@dataclass(frozen=True, slots=True)
class FaultOutcome:
    """What happens to one call. `number` counts from 1; `occasion` how often this fault came before."""

    number: int
    fault: Fault
    occasion: int = 0


class FaultInjector:
    """The switches as they are now, and the count of calls."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.calls: Counter[str] = Counter()
        self._count = 0
        self._lock = threading.Lock()

    def set_faults(self, faults: Faults) -> None:
        """Counting for the faults begins anew; the calls made so far stay counted."""
        with self._lock:
            self.faults = faults
            self._count = 0

    def next_outcome(self, path: str) -> tuple[Faults, FaultOutcome]:
        """Counts a call; the switches as they are for it, and what happens to it."""
        with self._lock:
            self.calls[path] += 1
            self._count += 1
            return self.faults, _outcome(self.faults, self._count)


def parse_faults(body: bytes) -> Faults:
    """From JSON. Raises InvalidInput that names the switch."""
    try:
        return TypeAdapter(Faults).validate_json(body)
    except ValidationError as error:
        names = ", ".join(".".join(map(str, detail["loc"])) or "body" for detail in error.errors())
        raise InvalidInput(f"These switches cannot be understood: {names}.") from None


def _outcome(faults: Faults, number: int) -> FaultOutcome:
    if faults.quota_after is not None and number > faults.quota_after:
        return FaultOutcome(number, Fault.QUOTA)
    for fault, every in (
        (Fault.DROP, faults.drop_every),
        (Fault.RATE_LIMIT, faults.rate_limit_every),
        (Fault.SERVER_ERROR, faults.server_error_every),
        (Fault.GARBAGE, faults.garbage_every),
    ):
        if every and number % every == 0:
            return FaultOutcome(number, fault, number // every - 1)
    return FaultOutcome(number, Fault.NONE)
