import pytest

from tastemaker.searches.types import EndReason, Outcome, Status, ending_of

R = EndReason


@pytest.mark.parametrize(
    ("reasons", "stored", "status", "outcome"),
    [
        ([R.TARGET_REACHED], 100, Status.COMPLETED, Outcome.FULL),
        ([R.EXHAUSTED], 40, Status.COMPLETED, Outcome.FULL),
        ([R.EXHAUSTED], 0, Status.COMPLETED, Outcome.NOTHING_FOUND),
        ([R.NO_NEW_CREATORS, R.CURSOR_LOOP], 40, Status.COMPLETED, Outcome.FULL),
        ([R.NO_NEW_CREATORS, R.PAGE_CAP], 40, Status.COMPLETED, Outcome.PARTIAL),
        ([R.PAGE_CAP], 0, Status.COMPLETED, Outcome.PARTIAL),
        ([R.PAGE_CAP, R.TARGET_REACHED], 100, Status.COMPLETED, Outcome.FULL),
        ([R.PROVIDER_FAILED, R.PAGE_CAP], 40, Status.COMPLETED, Outcome.PARTIAL),
        ([R.PLAN_LIMIT, R.EXHAUSTED], 40, Status.COMPLETED, Outcome.PLAN_LIMIT),
        ([R.PROVIDER_FAILED], 0, Status.ERROR, Outcome.PROVIDER_FAILED),
        ([R.PROVIDER_FAILED], 40, Status.ERROR, Outcome.PARTIAL),
        ([R.PROVIDER_FAILED, R.EXHAUSTED], 0, Status.COMPLETED, Outcome.PARTIAL),
        ([R.PROVIDER_FAILED, R.EXHAUSTED], 40, Status.COMPLETED, Outcome.PARTIAL),
        ([R.PROVIDER_FAILED, R.TARGET_REACHED], 100, Status.COMPLETED, Outcome.FULL),
        ([R.QUOTA], 0, Status.ERROR, Outcome.QUOTA),
        ([R.QUOTA, R.PROVIDER_FAILED], 0, Status.ERROR, Outcome.PROVIDER_FAILED),
        ([R.TIMEOUT, R.EXHAUSTED], 40, Status.TIMEOUT, Outcome.TIMEOUT),
        ([R.CANCELLED, R.TARGET_REACHED], 100, Status.CANCELLED, Outcome.CANCELLED),
    ],
)
def test_how_runs_end_says_how_the_search_ended(
    reasons: list[EndReason], stored: int, status: Status, outcome: Outcome
) -> None:
    ending = ending_of(reasons, stored=stored, target=100)
    assert (ending.status, ending.outcome) == (status, outcome)


def test_every_reason_has_a_status_that_is_an_end() -> None:
    assert not any(reason.run_status.is_open for reason in EndReason)
