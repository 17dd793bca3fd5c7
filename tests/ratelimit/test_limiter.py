"""RateLimit, pause, trouble and company, as decided on a row; no database is needed to see it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tastemaker.ratelimit.limiter import Limiter, Limits, Permit, Wait, after_failure, decide

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits(calls_per_second=2, burst=3, at_once=4, deadline=30, trips_after=3)
GATE = Limiter(name="one", now=NOON, free_at=NOON)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def test_a_burst_goes_at_once_and_the_rest_in_the_pace() -> None:
    gate, after = GATE, []
    for _ in range(7):
        decision = decide(gate, LIMITS)
        assert isinstance(decision, Permit)
        gate = decision.limiter
        after.append(decision.after)
    assert after == [0, 0, 0, 0.5, 1, 1.5, 2]
    told = decide(gate, LIMITS)
    assert isinstance(told, Wait), "whoever would wait for longer comes again instead of holding a slot"
    assert told.seconds == 2.5


def test_a_rest_gives_the_burst_back_and_no_more() -> None:
    rested = replace(GATE, now=NOON + seconds(3600))
    after = []
    for _ in range(4):
        decision = decide(rested, LIMITS)
        assert isinstance(decision, Permit)
        rested = decision.limiter
        after.append(decision.after)
    assert after == [0, 0, 0, 0.5]


def test_a_pause_that_the_provider_asked_for_holds_everybody() -> None:
    held = replace(GATE, held_until=NOON + seconds(90), held_reason="asked to come again later")
    assert decide(held, LIMITS) == Wait(90, "asked to come again later")
    assert isinstance(decide(replace(held, now=NOON + seconds(90)), LIMITS), Permit)


def test_no_more_calls_are_under_way_than_allowed() -> None:
    assert isinstance(decide(replace(GATE, under_way=3), LIMITS), Permit)
    told = decide(replace(GATE, under_way=4), LIMITS)
    assert isinstance(told, Wait)
    assert "4 calls are under way" in told.reason


def test_failures_in_a_row_close_the_way_and_one_call_tries_it_again() -> None:
    gate = GATE
    for _ in range(2):
        gate = after_failure(gate, LIMITS)
    assert isinstance(decide(gate, LIMITS), Permit), "two failures are bad luck"
    gate = after_failure(gate, LIMITS)
    told = decide(gate, LIMITS)
    assert told == Wait(30, "the provider failed 3 times in a row")

    gate = replace(gate, now=NOON + seconds(30))
    probe = decide(gate, LIMITS)
    assert isinstance(probe, Permit)
    assert decide(probe.limiter, LIMITS) == Wait(30, "the provider failed 3 times in a row"), "one, not two"
    late = after_failure(replace(gate, now=NOON + seconds(29)), LIMITS)
    assert (late.open_until, late.trips) == (gate.open_until, 1), "it was under way when the way was closed"
    lost = replace(probe.limiter, now=NOON + seconds(61))
    assert isinstance(decide(lost, LIMITS), Permit), "a probe whose worker died is not waited for forever"


@pytest.mark.parametrize(("trips", "rest"), [(1, 30), (2, 60), (3, 120), (6, 600), (5000, 600)])
def test_each_failed_probe_doubles_the_rest_up_to_ten_minutes(trips: int, rest: float) -> None:
    gate = replace(GATE, failures=9, trips=trips - 1, open_until=NOON)
    opened = after_failure(gate, LIMITS)
    assert opened.open_until == NOON + seconds(rest)
    assert opened.probe_until is None
