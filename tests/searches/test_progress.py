"""What a person is told about a search: in each state, at each end, and about each keyword."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tastemaker.core.ids import ExternalUserId, RunId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.searches.progress import Tone, progress_of, standing_of
from tastemaker.searches.types import SANDBOX, EndReason, Outcome, Run, Search, Status

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SEARCH = Search(
    id=SearchId(uuid4()),
    user_id=ExternalUserId("local"),
    campaign_id=None,
    campaign_name=None,
    platform=Platform.TIKTOK,
    keywords=("chess", "speed chess"),
    source=SANDBOX,
    status=Status.PROCESSING,
    outcome=None,
    target=50,
    stored=0,
    pages=0,
    skipped=0,
    progress=0,
    error=None,
    parked_until=None,
    parked_reason=None,
    created_at=NOW.replace(tzinfo=None),
    started_at=None,
    completed_at=None,
)
RUN = Run(
    id=RunId(uuid4()),
    keyword="chess",
    status=Status.PROCESSING,
    end_reason=None,
    pages=0,
    found=0,
    skipped=0,
    stored=0,
    failures=0,
    error=None,
)


def ended(outcome: Outcome, **changed: Any) -> Search:  # noqa: ANN401 - of any field
    return replace(SEARCH, status=Status.COMPLETED, outcome=outcome, **changed)


def said(search: Search, *runs: Run) -> str:
    standing = standing_of(search, runs, now=NOW)
    return " ".join(filter(None, (standing.word, standing.sentence, standing.advice)))


@pytest.mark.parametrize(
    ("search", "sentence"),
    [
        (ended(Outcome.FULL, stored=50), "Full"),
        (ended(Outcome.FULL, stored=7), "Complete All pages of all keywords are read"),
        (ended(Outcome.PARTIAL, stored=7, error="TikTok did not answer"), "Partial TikTok did not answer. 7"),
        (ended(Outcome.PLAN_LIMIT, stored=1), "used up. 1 creator is kept. Search again in the next period"),
        (ended(Outcome.QUOTA, error="No credits left."), "No credits left. Nothing was found before."),
        (ended(Outcome.PROVIDER_FAILED), "Failed The provider did not say why. Nothing was found before."),
        (
            ended(Outcome.TIMEOUT, stored=3),
            "Out of time The search took longer than it may. 3 creators are kept.",
        ),
        (ended(Outcome.CANCELLED, stored=3), "Cancelled You stopped this search. 3 creators are kept."),
    ],
)
def test_an_end_says_why_what_is_kept_and_what_to_do(search: Search, sentence: str) -> None:
    assert sentence in said(search)


def test_nothing_found_says_what_might_find_something() -> None:
    search = ended(Outcome.NOTHING_FOUND)
    assert "A more common keyword" in said(search, RUN)
    assert "One word of a keyword" in said(search, replace(RUN, keyword="speed chess"))
    assert "12 creators matched, and all of them are excluded." in said(search, replace(RUN, found=12))


def test_an_open_search_says_what_it_waits_for() -> None:
    assert said(SEARCH) == "Searching"
    parked = replace(
        SEARCH, parked_until=NOW + timedelta(hours=2), parked_reason="The day's quota is used up"
    )
    assert "The day's quota is used up. The search continues by itself after 10:00 UTC." in said(parked)
    failing = replace(RUN, failures=2, error="HTTP 500")
    assert said(SEARCH, failing) == "Trying again HTTP 500."
    new = replace(SEARCH, status=Status.PENDING)
    assert said(new) == "Starting"
    old = replace(new, created_at=new.created_at - timedelta(minutes=1))
    assert "No worker has taken up this search yet." in said(old)
    assert standing_of(old, (), now=NOW).can_resume


def test_keywords_share_one_scale_and_say_how_they_are() -> None:
    runs = (
        replace(RUN, pages=2, found=30, stored=20),
        replace(RUN, status=Status.ERROR, end_reason=EndReason.PROVIDER_FAILED),
        replace(RUN, status=Status.PENDING),
    )
    shown = progress_of(SEARCH, runs)
    assert (shown.scale, shown.seen) == (30, 30)
    assert [line.state for line in shown.lines] == ["reading page 3", "the provider failed", "begins soon"]
    assert [line.is_wrong for line in shown.lines] == [False, True, False]
    assert shown.standing.tone is Tone.LIVE
    assert progress_of(SEARCH, (RUN, RUN)).scale == 25
