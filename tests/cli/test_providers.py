"""`tastemaker providers list` and `tastemaker profile`."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest

from tastemaker.core.errors import ExitCode
from tastemaker.core.platforms import Platform
from tastemaker.sandbox.faults import Faults
from tastemaker.sandbox.library import Library
from tests.cli.conftest import CommandLine
from tests.cli.test_live_search import serving

KEY = "sandbox"


@pytest.fixture
def live(cli: CommandLine, small_corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """The program with a ScrapeCreators key, whose service is the sandbox."""
    with serving(small_corpus, Faults()) as address:
        monkeypatch.setenv("SCRAPECREATORS_API_KEY", KEY)
        monkeypatch.setenv("TASTEMAKER_SCRAPECREATORS_BASE_URL", address)
        yield cli


@pytest.fixture
def handle(small_corpus: Path) -> str:
    """Of somebody public on TikTok."""
    rows = Library(small_corpus).creators(range(1, 1_501))
    found = next(row for row in rows if row.platform == Platform.TIKTOK and row.state == "public")
    assert found.handle is not None
    return found.handle


def ledger(admin_url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(admin_url) as connection:
        return connection.execute(
            "SELECT provider, operation, status, calls, units, micros_usd, error_kind"
            " FROM provider_calls ORDER BY started_at"
        ).fetchall()


def test_the_list_says_who_answers_what_and_what_is_missing(
    bare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("SCRAPECREATORS_API_KEY", "very-secret-key")
    monkeypatch.setenv("TASTEMAKER_PROVIDERS", "-scrapecreators_tiktok")
    told = bare("providers", "list")
    assert told.status == 0
    lines = {line.split()[0]: " ".join(line.split()) for line in told.out.splitlines()}
    assert "nothing: needs YOUTUBE_API_KEY" in lines["youtube"]
    assert "keyword search, profile $0.0019 built in" in lines["scrapecreators_youtube"]
    assert "nothing: excluded" in lines["scrapecreators_tiktok"]
    document = bare("providers", "list", "--json").document
    found = {one["name"]: one for one in document["providers"]}
    assert found["scrapecreators_instagram"]["used_for"] == {
        "Instagram": ["keyword_search", "profile", "similar"]
    }
    assert found["scrapecreators_instagram"]["declaration"]["deadline_seconds"] == 90
    assert found["instagram_graph"]["missing"] == ["INSTAGRAM_GRAPH_TOKEN", "INSTAGRAM_GRAPH_USER_ID"]
    assert "very-secret-key" not in told.out + bare("providers", "list", "--json").out


def test_an_unknown_provider_in_the_preference_is_a_sentence(
    bare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASTEMAKER_PROVIDERS", "yotube")
    for command in (("providers", "list"), ("search", "chess")):
        told = bare(*command)
        assert told.status == ExitCode.USAGE
        assert "TASTEMAKER_PROVIDERS names 'yotube'" in told.err


def test_an_excluded_provider_is_named_as_what_keeps_its_platform_back(
    live: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASTEMAKER_PROVIDERS", "-scrapecreators_tiktok,-scrapecreators_youtube")
    said = " ".join(live("search", "chess", "--target", "2").err.split())
    assert (
        "YouTube and TikTok are left out: they need TASTEMAKER_PROVIDERS without -scrapecreators_youtube"
        " and TASTEMAKER_PROVIDERS without -scrapecreators_tiktok."
    ) in said
    told = live("search", "chess", "--platform", "tiktok")
    assert told.status == ExitCode.USAGE
    assert "TASTEMAKER_PROVIDERS without -scrapecreators_tiktok is needed." in " ".join(told.err.split())
    checks = {one["name"]: one["found"] for one in live("doctor", "--json").document["checks"]}
    assert checks["Instagram"] == "live, SCRAPECREATORS_API_KEY is set"
    assert checks["TikTok"] == "not live, needs TASTEMAKER_PROVIDERS without -scrapecreators_tiktok"


def test_a_live_profile_is_shown_and_charged(live: CommandLine, handle: str, admin_url: str) -> None:
    told = live("profile", "tiktok", f"@{handle}")
    assert told.status == 0
    assert f"@{handle}" in told.out
    assert "Asked scrapecreators_tiktok: $0.0019." in told.err
    document = live("profile", "tiktok", handle, "--max-age", "0s", "--json").document
    assert (document["source"], document["creator"]["handle"]) == ("live", handle)
    assert document["cost"] == {"calls": 1, "units": 1, "micros_usd": 1_880}
    again = live("profile", "TikTok", document["creator"]["stable_id"], "--by-id", "--json").document
    assert again["creator"] == document["creator"]
    paid = ("scrapecreators_tiktok", "fetch_profile", "charged", 1, 1, 1_880, None)
    assert ledger(admin_url) == [paid] * 3


def test_what_was_told_within_the_age_asked_for_is_not_asked_again(
    live: CommandLine, handle: str, admin_url: str
) -> None:
    first = live("profile", "tiktok", handle, "--json").document
    again = live("profile", "tiktok", f"@{handle.upper()}", "--json").document
    assert again["creator"] == first["creator"]
    assert again["fetched_at"] == first["fetched_at"]
    assert again["cost"] == {"calls": 0, "units": 0, "micros_usd": 0}
    assert "told on" in live("profile", "tiktok", handle).err
    assert len(ledger(admin_url)) == 1
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("UPDATE clock_offset SET shift = interval '3 days'")
    assert live("profile", "tiktok", handle, "--max-age", "7d", "--json").document["cost"]["calls"] == 0
    assert live("profile", "tiktok", handle, "--json").document["cost"]["calls"] == 1, "a day is the default"
    live("config", "set", "providers.keep_profiles_for", "0s")
    assert live("profile", "tiktok", handle, "--json").document["cost"]["calls"] == 1
    assert live("profile", "tiktok", handle, "--max-age", "soon").status == ExitCode.USAGE


def test_a_lookup_keeps_to_the_budget_and_to_the_pauses(
    live: CommandLine, handle: str, admin_url: str
) -> None:
    live("costs", "budget", "--per-user", "0.001")
    told = live("profile", "tiktok", handle)
    assert told.status == ExitCode.PROVIDER
    assert "Your budget for providers this month, $0.001, is used up." in " ".join(told.err.split())
    live("costs", "budget", "--per-user", "none")
    live("profile", "tiktok", handle)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE provider_gates SET held_until = now() + interval '50 s', held_reason = 'busy'"
        )
    told = live("profile", "tiktok", handle, "--max-age", "0s")
    assert "scrapecreators_tiktok: Busy. Try again in" in told.err
    assert len(ledger(admin_url)) == 1


def test_nobody_is_not_found_and_the_call_is_in_the_ledger(live: CommandLine, admin_url: str) -> None:
    told = live("profile", "tiktok", "nobody.has.this.handle")
    assert told.status == ExitCode.NOT_FOUND
    assert told.err.startswith("Error: ScrapeCreators does not know")
    assert ledger(admin_url) == [("scrapecreators_tiktok", "fetch_profile", "failed", 1, 0, 0, "not_found")]


def test_without_a_key_the_profile_is_made_up_and_costs_nothing(
    cli: CommandLine, handle: str, admin_url: str
) -> None:
    told = cli("profile", "tiktok", handle)
    assert told.status == 0
    assert "Sandbox: this creator is made up." in told.err
    document = cli("profile", "tiktok", handle, "--json").document
    assert (document["source"], document["cost"]) == ("sandbox", None)
    assert ledger(admin_url) == []


def test_made_up_and_real_are_not_mixed(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUTUBE_API_KEY", "made-up-key")
    told = cli("profile", "tiktok", "mira")
    assert told.status == ExitCode.USAGE
    assert "SCRAPECREATORS_API_KEY is needed. Set it, or add --sandbox." in " ".join(told.err.split())
    assert cli("profile", "friendster", "mira").status == ExitCode.USAGE
    assert cli("profile", "tiktok", "not a handle!", "--sandbox").status == ExitCode.USAGE


def test_a_lookup_whose_process_died_is_abandoned_by_the_next(
    live: CommandLine, handle: str, admin_url: str
) -> None:
    live("profile", "tiktok", handle)
    with psycopg.connect(admin_url) as connection:
        connection.execute(
            "UPDATE provider_calls SET status = 'estimated', finished_at = NULL,"
            " started_at = started_at - interval '11 minutes'"
        )
    live("profile", "tiktok", handle, "--max-age", "0s")
    assert [row[2] for row in ledger(admin_url)] == ["abandoned", "charged"]


def test_youtube_can_be_searched_through_scrapecreators_under_its_terms(live: CommandLine) -> None:
    told = live("search", "chess", "--platform", "youtube", "--target", "8")
    assert told.status == 0
    assert "Found 8 creators on YouTube." in told.out
    assert "YouTube was not asked for e-mail addresses" not in " ".join(told.out.split())
    creators = live("search", "chess", "--platform", "youtube", "--target", "8", "--json").document[
        "creators"
    ]
    assert len({creator["stable_id"] for creator in creators}) == 8


class _Roster(BaseHTTPRequestHandler):
    """An agency's service with two pages of three creators each."""

    def do_GET(self) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query))
        page = int(asked["page"])
        results = [
            {
                "account": {
                    "id": f"27000000{page}{number}",
                    "handle": f"chess.{page}{number}",
                    "followers": "1K",
                },
                "best_post": {"id": f"35000{page}{number}", "caption": f"{asked['q']} #Chess"},
            }
            for number in range(3)
        ]
        results += [{"account": None}] * (page if asked["q"] == "gaps" else 0)
        body = json.dumps({"results": results, "next_page": 2 if page == 1 else None}).encode()
        self.send_response(200 if self.headers["Authorization"] == "Bearer roster-key" else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is said about requests."""


@pytest.fixture
def roster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example's package as pip leaves it, and its service."""
    about = tmp_path / "tastemaker_roster-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tastemaker-roster\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[tastemaker.providers]\nroster = tastemaker_roster:PROVIDER\n")
    monkeypatch.syspath_prepend(tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Roster) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        monkeypatch.setenv("ROSTER_API_KEY", "roster-key")
        monkeypatch.setenv("ROSTER_URL", f"http://127.0.0.1:{server.server_address[1]}")
        yield
        server.shutdown()
        serving.join()


def test_a_search_is_answered_by_another_package_s_provider(
    cli: CommandLine, roster: None, admin_url: str
) -> None:
    document = cli("search", "endgames", "--platform", "instagram", "--target", "50", "--json").document
    assert (document["source"], document["found"]) == ("live", 6)
    assert {one["handle"] for one in document["creators"]} == {
        f"chess.{page}{number}" for page in (1, 2) for number in range(3)
    }
    assert all(one["followers"] == 1_000 for one in document["creators"])
    assert [row[0] for row in ledger(admin_url)] == ["roster", "roster"]
    with psycopg.connect(admin_url) as connection:
        kept = connection.execute("SELECT DISTINCT source, policy FROM creators").fetchall()
    assert kept == [("roster", "our_own_roster")]


def test_items_that_are_not_understood_are_counted_on_the_screen_and_in_json(
    cli: CommandLine, roster: None
) -> None:
    ask = ("search", "gaps", "--platform", "instagram", "--target", "50")
    assert "3 items of Instagram's answers could not be understood and were skipped." in cli(*ask).out
    again = cli(*ask, "--json").document
    (search,) = again["searches"]
    assert (again["found"], again["skipped"], search["skipped"]) == (6, 3, 3)
    shown = cli("searches", "show", search["id"], "--json").document
    assert [run["skipped"] for run in shown["runs"]] == [3]
    assert "were skipped" in cli("results", search["id"]).out


def test_a_package_that_cannot_be_used_is_a_warning_of_the_doctor(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[tastemaker.providers]\nbroken = tastemaker.core.clock:utc_now\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    checks = cli("doctor", "--json").document["checks"]
    (found,) = (one for one in checks if one["name"] == "Providers")
    assert found["state"] == "warn"
    assert found["found"] == "broken is not used: tastemaker.core.clock:utc_now is no ProviderPlugin"
    monkeypatch.setenv("COLUMNS", "160")
    told = cli("providers", "list")
    assert "broken is not used: tastemaker.core.clock:utc_now is no ProviderPlugin." in told.err


def test_what_nobody_understood_is_shown_to_the_operator(
    cli: CommandLine, small_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert cli("providers", "samples").out == "In the last 7 days every answer could be understood.\n"
    monkeypatch.setattr("tastemaker.providers.limits.BACKOFF_SECONDS", 0.01)
    with serving(small_corpus, Faults(garbage_every=1)) as address:
        monkeypatch.setenv("SCRAPECREATORS_API_KEY", KEY)
        monkeypatch.setenv("TASTEMAKER_SCRAPECREATORS_BASE_URL", address)
        assert cli("search", "chess", "--platform", "tiktok", "--target", "3").status == ExitCode.PROVIDER
    samples = cli("providers", "samples", "--json").document["samples"]
    assert len(samples) == 5, "of one page that was asked for so often"
    listed = samples[-1]
    assert (listed["provider"], listed["http_status"]) == ("scrapecreators_tiktok", 200)
    table = cli("providers", "samples")
    assert listed["id"][:8] in table.out
    assert listed["said"] in table.out
    told = cli("providers", "samples", listed["id"][:8])
    about = "scrapecreators_tiktok search_keyword · HTTP 200 · text/html"
    assert told.out.startswith(f"{listed['said']}\n{about}")
    assert told.out.endswith(f"\n\n{listed['beginning']}\n")
    assert cli("providers", "samples", listed["id"], "--json").document == listed
    assert cli("providers", "samples", "--provider", "youtube").out.startswith("In the last 7 days")
    missing = cli("providers", "samples", "0000")
    assert (missing.status, "There is no sample '0000'" in missing.err) == (ExitCode.NOT_FOUND, True)
