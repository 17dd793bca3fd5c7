"""`tastemaker costs …` and what a search may cost, as they are typed."""

from pathlib import Path

import psycopg
import pytest

from tastemaker.core.errors import ExitCode
from tastemaker.sandbox.faults import Faults
from tests.cli.conftest import CommandLine
from tests.cli.test_live_search import KEY, serving

CREDIT = 1880


def said(text: str) -> str:
    """Without the terminal's line breaks."""
    return " ".join(text.split())


@pytest.fixture
def tiktok(cli: CommandLine, small_corpus: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The program with a key for TikTok, whose pages cost a credit each."""
    with serving(small_corpus, Faults()) as url:
        monkeypatch.setenv("SCRAPECREATORS_API_KEY", KEY)
        monkeypatch.setenv("TASTEMAKER_SCRAPECREATORS_BASE_URL", url)
        yield cli


SEARCH = ("search", "chess", "--platform", "tiktok", "--target", "60")


def test_an_estimate_asks_for_nothing_and_knows_what_was_paid_for(tiktok: CommandLine) -> None:
    first = tiktok(*SEARCH, "--estimate", "--json").document
    (one,) = first["estimates"]
    assert (one["least_pages"], one["pages"], one["paid"], one["by_experience"]) == (2, 4, 0, False)
    assert first["micros_usd"] == one["micros_usd"] == 4 * CREDIT
    assert tiktok("searches", "list", "--json").document["searches"] == []

    found = tiktok(*SEARCH, "--json").document["found"]
    spent = tiktok("costs", "show", "--json").document["costs"][0]
    (again,) = tiktok(*SEARCH, "--estimate", "--json").document["estimates"]
    assert again["by_experience"] is True
    assert again["pages"] == -(-60 * spent["pages"] // found) if found < 60 else again["pages"] >= 2
    assert again["paid"] == min(spent["pages"], again["pages"])
    assert "No request was sent." in tiktok(*SEARCH, "--estimate").out


def test_the_sandbox_says_what_it_would_cost_live(cli: CommandLine) -> None:
    told = cli("search", "chess", "--target", "30", "--estimate")
    assert (told.status, "The sandbox costs nothing. A live search would cost about $" in told.out) == (
        0,
        True,
    )
    assert cli("search", "chess", "--estimate", "--json").document["micros_usd"] == 0


def test_a_search_costs_no_more_than_it_may_and_says_so(tiktok: CommandLine) -> None:
    told = tiktok("search", "chess", "--platform", "tiktok", "--target", "100", "--max-cost", "0.002")
    assert told.status == ExitCode.PROVIDER
    assert "This search may cost $0.002, which the next page would pass." in said(told.err)
    (spent,) = tiktok("costs", "show", "--json").document["costs"]
    assert (spent["name"], spent["pages"], spent["micros_usd"]) == ("scrapecreators_tiktok", 1, CREDIT)
    for wrong in ("much", "-1", "0.0000001"):
        assert tiktok(*SEARCH, "--max-cost", wrong).status == ExitCode.USAGE


def test_budgets_are_set_seen_and_kept(tiktok: CommandLine) -> None:
    assert "This installation has spent $0.00 this month. There is no limit." in tiktok("costs", "budget").out
    told = tiktok("costs", "budget", "--installation", "0.002", "--per-user", "5")
    assert told.out.splitlines() == [
        "This installation has spent $0.00 of $0.002 this month.",
        "You have spent $0.00 of $5.00 this month. Each user has this budget.",
    ]
    tiktok("config", "set", "searches.park_on_quota", "false")
    ended = tiktok("search", "chess", "--platform", "tiktok", "--target", "100")
    assert "This installation's budget for providers this month, $0.002, is used up." in said(ended.err)
    budgets = tiktok("costs", "budget", "--per-user", "none", "--json").document["budgets"]
    assert budgets == [
        {"whose": "installation", "micros_usd": 2000, "spent_micros_usd": CREDIT, "left_micros_usd": 120},
        {"whose": "user", "micros_usd": None, "spent_micros_usd": CREDIT, "left_micros_usd": None},
    ]
    for wrong in ("lots", "1e14", "nan"):
        assert tiktok("costs", "budget", "--installation", wrong).status == ExitCode.USAGE


def test_a_user_may_have_a_budget_of_their_own(tiktok: CommandLine, admin_url: str) -> None:
    told = tiktok("costs", "budget", "--per-user", "0.002", "--user", "local", "--own", "0.005")
    assert (
        told.out.splitlines()[1] == "local has spent $0.00 of $0.005 this month. This budget is individual."
    )
    tiktok("config", "set", "searches.park_on_quota", "false")
    ended = tiktok("search", "chess", "--platform", "tiktok", "--target", "100")
    assert "Your budget for providers this month, $0.005, is used up." in said(ended.err)
    for amount, limit in (("none", None), ("default", 2000)):
        budgets = tiktok("costs", "budget", "--user", "local", "--own", amount, "--json").document["budgets"]
        assert budgets[1]["micros_usd"] == limit
    with psycopg.connect(admin_url) as admin:
        told_events = admin.execute(
            "SELECT event_data -> 'before' ->> 'micros_usd', event_data -> 'after' ->> 'micros_usd'"
            " FROM events WHERE event_type = 'admin_action' AND aggregate_id = 'local' ORDER BY seq"
        ).fetchall()
    assert told_events == [(None, "5000"), ("5000", "-1"), ("-1", None)]


def test_a_budget_is_somebodys(tiktok: CommandLine) -> None:
    assert tiktok("costs", "budget", "--own", "5").status == ExitCode.USAGE
    assert tiktok("costs", "budget", "--user", "local", "--own", "lots").status == ExitCode.USAGE
    assert tiktok("costs", "budget", "--user", "nobody").status == ExitCode.NOT_FOUND
    assert tiktok("costs", "budget", "--user", "nobody", "--own", "5").status == ExitCode.NOT_FOUND
    assert tiktok("costs", "budget", "--user", "nobody", "--own", "default").status == ExitCode.NOT_FOUND


def test_the_books_are_summed_by_what_is_asked(tiktok: CommandLine) -> None:
    assert "No provider was called." in tiktok("costs", "show").out
    tiktok(*SEARCH, "--campaign", "Spring", "--json")
    (total,) = tiktok("costs", "show", "--json").document["costs"]
    names = {}
    for by in ("user", "campaign", "search", "day", "month"):
        (row,) = tiktok("costs", "show", "--by", by, "--json").document["costs"]
        names[by] = row["name"]
        assert {**row, "name": total["name"]} == total
    assert (names["user"], names["campaign"]) == ("local", "Spring")
    assert names["day"].startswith(names["month"])
    assert tiktok("costs", "show", "--user", "nobody", "--json").document["costs"] == []
    assert tiktok("costs", "show", "--until", "2020-01-01", "--json").document["costs"] == []
    today = ("--since", names["day"], "--until", names["day"])
    assert tiktok("costs", "show", *today, "--json").document["costs"] == [total]
    assert "The calls cost $0." in tiktok("costs", "show").out
    for wrong in (("--by", "mood"), ("--since", "yesterday")):
        assert tiktok("costs", "show", *wrong).status == ExitCode.USAGE


def test_a_held_account_is_shown_and_released(
    cli: CommandLine, small_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("costs", "limits").out == "No provider was called live yet.\n"
    with serving(small_corpus, Faults(quota_after=2)) as url:
        monkeypatch.setenv("YOUTUBE_API_KEY", KEY)
        monkeypatch.setenv("TASTEMAKER_YOUTUBE_BASE_URL", url)
        assert cli("search", "chess", "--target", "200").status == ExitCode.QUOTA
    (account,) = cli("costs", "limits", "--json").document["accounts"]
    assert account["account"].startswith("youtube:")
    assert account["held_until"] is not None
    assert {quota["quota"] for quota in account["quotas"]} == {"searches", "units"}
    assert "waits until" in cli("costs", "limits").out
    assert cli("costs", "release", account["account"]).status == 0
    (account,) = cli("costs", "limits", "--json").document["accounts"]
    assert account["held_until"] is None
    assert cli("costs", "release", "nobody").status == ExitCode.NOT_FOUND
