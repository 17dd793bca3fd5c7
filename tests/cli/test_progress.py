"""The lines that show how far searches are."""

from datetime import timedelta

import pytest
from rich.cells import cell_len

from tastemaker.cli.progress import ProgressState, Trouble, bar_lines
from tastemaker.core.platforms import Platform
from tastemaker.searches.types import Outcome, Status
from tests.cli.made_up import NOW, search

GOING = search(status=Status.PROCESSING)
DONE = search(Outcome.FULL, stored=500, platform=Platform.TIKTOK)
PARKED = search(status=Status.PENDING, platform=Platform.INSTAGRAM, stored=0, parked_until=NOW)


def drawn(*searches: object, width: int, **standing: object) -> list[str]:
    lines = bar_lines(ProgressState(searches, **standing), width=width, elapsed=12, fancy=False)  # type: ignore[arg-type]  # by name
    return [line.plain.rstrip() for line in lines]


def test_the_columns_of_all_lines_stand_below_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tastemaker.cli.progress.utc_now", lambda: NOW + timedelta(days=1))
    assert drawn(GOING, DONE, PARKED, width=90) == [
        "  YouTube    ######---------------------  120 of 500  12 s",
        "  TikTok     ###########################  500 of 500  done",
        "  Instagram  ---------------------------    0 of 500  waits until 07:30 UTC on 23 November",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(cell_len, drawn(GOING, DONE, width=width))) <= width


def test_a_narrow_terminal_has_no_bar() -> None:
    assert drawn(GOING, width=40) == ["  YouTube    120 of 500  12 s"]


def test_trouble_is_said_until_it_is_over() -> None:
    for trouble in Trouble:
        assert drawn(GOING, width=60, troubled={GOING.id: trouble})[0].endswith(trouble.value)
        assert drawn(DONE, width=60, troubled={DONE.id: trouble})[0].endswith("done")
