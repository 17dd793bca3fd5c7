"""The limiter of a provider account: rate, pause, circuit breaker and concurrency, decided on a locked row.

The rate is a token bucket in the form of GCRA (ITU-T I.371): instead of counting tokens it keeps the time at
which the bucket would be full again. The breaker opens after failures in a row, lets one call probe when its
time is over, and closes when the probe succeeds.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

PATIENCE_SECONDS: Final = 2.0
"""The longest wait with the slot taken. For a longer wait the caller retries later."""

CONCURRENCY_WAIT_SECONDS: Final = 1.0
FIRST_OPEN_SECONDS: Final = 30.0
LONGEST_OPEN_SECONDS: Final = 600.0
MOST_DOUBLINGS: Final = 16
"""Keeps the exponent bounded; the result is capped anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Rate and concurrency. The breaker opens after `trips_after` failures in a row.

    `burst` calls may start at once after an idle time; `deadline` is the longest a call may take, in seconds.
    """

    calls_per_second: float
    burst: int
    at_once: int
    deadline: float
    trips_after: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limiter:
    """The locked row of one provider account. `under_way`: calls that are not settled yet."""

    name: str
    now: datetime
    free_at: datetime
    held_until: datetime | None = None
    held_reason: str | None = None
    failures: int = 0
    trips: int = 0
    open_until: datetime | None = None
    probe_until: datetime | None = None
    under_way: int = 0

    @property
    def open_reason(self) -> str:
        """Why no call is made before `open_until`."""
        if self.failures:
            return f"the provider failed {self.failures} times in a row"
        return self.held_reason or "the provider rests"


@dataclass(frozen=True, slots=True)
class Permit:
    """The call may start in `after` seconds; `limiter` is the new state of the row."""

    limiter: Limiter
    after: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Retry in `seconds`. `reason` is for the person who waits.

    `is_used_up`: a quota or a budget has nothing left. Infinite seconds: a retry will never succeed.
    """

    seconds: float
    reason: str
    is_used_up: bool = False


def decide(limiter: Limiter, limits: Limits) -> Permit | Wait:
    """Take a slot, or return how long to wait. The input is not changed."""
    if (pause := _seconds_until(limiter, limiter.held_until)) > 0:
        return Wait(pause, limiter.held_reason or "the provider asked for a pause")
    probing = limiter.open_until is not None
    if probing:
        if (
            pause := max(
                _seconds_until(limiter, limiter.open_until), _seconds_until(limiter, limiter.probe_until)
            )
        ) > 0:
            return Wait(pause, limiter.open_reason)
        limiter = replace(limiter, probe_until=limiter.now + timedelta(seconds=limits.deadline))
    if limiter.under_way >= limits.at_once:
        return Wait(
            CONCURRENCY_WAIT_SECONDS, f"{limiter.under_way} calls are under way, the most allowed at once"
        )
    return _next_slot(limiter, limits)


def after_failure(limiter: Limiter, limits: Limits) -> Limiter:
    """Count one more failure. Enough of them, or a failed probe, open the breaker for a time that doubles.

    A call that fails while the breaker is open began before, and does not extend it.
    """
    failures = limiter.failures + 1
    is_resting = _seconds_until(limiter, limiter.open_until) > 0
    if is_resting or (failures < limits.trips_after and limiter.open_until is None):
        return replace(limiter, failures=failures)
    rest = min(LONGEST_OPEN_SECONDS, FIRST_OPEN_SECONDS * 2.0 ** min(limiter.trips, MOST_DOUBLINGS))
    return replace(
        limiter,
        failures=failures,
        trips=limiter.trips + 1,
        open_until=limiter.now + timedelta(seconds=rest),
        probe_until=None,
    )


def _next_slot(limiter: Limiter, limits: Limits) -> Permit | Wait:
    interval = 1.0 / limits.calls_per_second
    due = max(limiter.free_at, limiter.now)
    ahead = (due - limiter.now).total_seconds()
    pause = max(0.0, ahead - (limits.burst - 1) * interval)
    if pause > PATIENCE_SECONDS:
        return Wait(pause, "other calls to the provider go first")
    return Permit(replace(limiter, free_at=due + timedelta(seconds=interval)), after=pause)


def _seconds_until(limiter: Limiter, moment: datetime | None) -> float:
    return 0.0 if moment is None else (moment - limiter.now).total_seconds()
