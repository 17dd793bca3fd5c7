"""Whether a call may go out now: pace, pause, trouble and company, decided on one locked row.

The pace is a token bucket in its virtual-scheduling form (GCRA, ITU-T I.371): instead of counting tokens it
keeps the time at which the bucket would be full again. The breaker opens after failures in a row, lets one
call through when its time is over, and closes when that one succeeds.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

PATIENCE_SECONDS: Final = 2.0
"""A pause up to that long is waited for with the slot taken; for a longer one the caller comes again."""

CONCURRENCY_WAIT_SECONDS: Final = 1.0
FIRST_OPEN_SECONDS: Final = 30.0
LONGEST_OPEN_SECONDS: Final = 600.0
MOST_DOUBLINGS: Final = 16
"""Far beyond the longest rest; a number that may grow for ever is no exponent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How fast and how many at once. After `trips_after` failures in a row nobody calls for a while.

    `burst` calls may go at once after a rest; `deadline` is how long one call may take, in seconds.
    """

    calls_per_second: float
    burst: int
    at_once: int
    deadline: float
    trips_after: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limiter:
    """One provider's account as its locked row says. `under_way` calls have not been settled yet."""

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
        """Why nobody calls before `open_until`."""
        if self.failures:
            return f"the provider failed {self.failures} times in a row"
        return self.held_reason or "the provider rests"


@dataclass(frozen=True, slots=True)
class Permit:
    """The call may go out `after` seconds; `gate` is the row as it is from now on."""

    gate: Limiter
    after: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: come again in `seconds`. `reason` is for the person who waits.

    `is_used_up`: a quota or a budget has nothing left; infinite seconds are for what never comes back.
    """

    seconds: float
    reason: str
    is_used_up: bool = False


def decide(gate: Limiter, limits: Limits) -> Permit | Wait:
    """Take a slot, or say how long to wait. Changes nothing but the returned gate."""
    if (pause := _seconds_until(gate, gate.held_until)) > 0:
        return Wait(pause, gate.held_reason or "the provider asked for a pause")
    probing = gate.open_until is not None
    if probing:
        if (pause := max(_seconds_until(gate, gate.open_until), _seconds_until(gate, gate.probe_until))) > 0:
            return Wait(pause, gate.open_reason)
        gate = replace(gate, probe_until=gate.now + timedelta(seconds=limits.deadline))
    if gate.under_way >= limits.at_once:
        return Wait(
            CONCURRENCY_WAIT_SECONDS, f"{gate.under_way} calls are under way, the most allowed at once"
        )
    return _in_turn(gate, limits)


def after_failure(gate: Limiter, limits: Limits) -> Limiter:
    """One more in a row. Enough of them, or a failed probe, close the way for a time that doubles.

    What fails while the way is closed was under way before, and says nothing new.
    """
    failures = gate.failures + 1
    is_resting = _seconds_until(gate, gate.open_until) > 0
    if is_resting or (failures < limits.trips_after and gate.open_until is None):
        return replace(gate, failures=failures)
    rest = min(LONGEST_OPEN_SECONDS, FIRST_OPEN_SECONDS * 2.0 ** min(gate.trips, MOST_DOUBLINGS))
    return replace(
        gate,
        failures=failures,
        trips=gate.trips + 1,
        open_until=gate.now + timedelta(seconds=rest),
        probe_until=None,
    )


def _in_turn(gate: Limiter, limits: Limits) -> Permit | Wait:
    interval = 1.0 / limits.calls_per_second
    due = max(gate.free_at, gate.now)
    ahead = (due - gate.now).total_seconds()
    pause = max(0.0, ahead - (limits.burst - 1) * interval)
    if pause > PATIENCE_SECONDS:
        return Wait(pause, "other calls to the provider go first")
    return Permit(replace(gate, free_at=due + timedelta(seconds=interval)), after=pause)


def _seconds_until(gate: Limiter, moment: datetime | None) -> float:
    return 0.0 if moment is None else (moment - gate.now).total_seconds()
