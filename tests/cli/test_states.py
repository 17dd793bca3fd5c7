"""How each end of a search is told, and what its exit status is."""

from datetime import timedelta

import pytest

from tastemaker.cli import states
from tastemaker.core.errors import ExitCode
from tastemaker.searches.types import Outcome, Search, Status
from tests.cli.made_up import NOW, search

PARKED = search(
    status=Status.PENDING,
    parked_until=NOW + timedelta(minutes=30),
    parked_reason="YouTube's daily quota is used up.",
)
PARTIAL = search(Outcome.PARTIAL, error="YouTube could not be reached.")
FAILED = search(Outcome.PROVIDER_FAILED, Status.ERROR, error="The key was refused.", stored=0)


@pytest.mark.parametrize(
    ("one", "code", "word"),
    [
        (search(Outcome.FULL, stored=500), ExitCode.OK, "done"),
        (search(Outcome.FULL), ExitCode.OK, "no more found"),
        (search(Outcome.NOTHING_FOUND, stored=0), ExitCode.OK, "nothing found"),
        (PARTIAL, ExitCode.PROVIDER, "partial"),
        (FAILED, ExitCode.PROVIDER, "failed"),
        (search(Outcome.QUOTA, Status.ERROR), ExitCode.QUOTA, "quota used up"),
        (PARKED, ExitCode.QUOTA, "waits until 08:00 UTC"),
        (search(Outcome.PLAN_LIMIT), ExitCode.LIMIT, "plan limit"),
        (search(Outcome.TIMEOUT, Status.TIMEOUT), ExitCode.FAILED, "timed out"),
        (search(Outcome.CANCELLED, Status.CANCELLED), ExitCode.FAILED, "cancelled"),
        (search(status=Status.PENDING), ExitCode.OK, "waiting"),
        (search(status=Status.PROCESSING), ExitCode.OK, "unfinished"),
    ],
)
def test_every_end_has_its_word_and_exit_status(one: Search, code: ExitCode, word: str) -> None:
    assert states.exit_code([one]) == code
    assert states.word(one, now=NOW) == word
    assert (states.problem(one, now=NOW) is None) == (code == ExitCode.OK)


def test_of_several_the_worst_counts() -> None:
    limit, full = search(Outcome.PLAN_LIMIT), search(Outcome.FULL)
    assert states.exit_code([full, limit, PARKED, PARTIAL]) == ExitCode.PROVIDER
    assert states.exit_code([full, limit, PARKED]) == ExitCode.QUOTA
    assert states.exit_code([full, limit]) == ExitCode.LIMIT


def test_a_parked_search_says_when_and_how_it_goes_on() -> None:
    sentence = states.problem(PARKED, now=NOW)
    assert sentence == (
        "YouTube's daily quota is used up. 120 creators are kept; the search continues after 08:00 UTC, by "
        "itself where `tastemaker work` runs, or with "
        f"`tastemaker searches resume {str(PARKED.id)[:8]}`."
    )


def test_the_platform_is_named_once_and_what_was_found_is_counted() -> None:
    assert states.problem(PARTIAL, now=NOW) == "YouTube could not be reached. 120 creators are kept of 500."
    assert states.problem(FAILED, now=NOW) == "YouTube: The key was refused. Nothing was found before."


def test_a_provider_cannot_write_on_the_terminal() -> None:
    hostile = search(Outcome.PROVIDER_FAILED, Status.ERROR, error="\x1b[2Jgone\nnext line")
    assert states.problem(hostile, now=NOW) == "YouTube: gone next line Nothing was found before."


def test_only_what_will_not_change_soon_is_settled() -> None:
    assert [states.is_settled(one) for one in (PARKED, PARTIAL, search(status=Status.PENDING))] == [
        True,
        True,
        False,
    ]
