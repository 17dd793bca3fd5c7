"""Searching live: the real adapters with a key, against the providers' formats on this machine."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from tastemaker.cli import progress, progress_queries
from tastemaker.core.errors import ExitCode
from tastemaker.sandbox.faults import Faults
from tastemaker.sandbox.server import serve
from tests.cli.conftest import CommandLine

KEY = "sandbox"  # the one that the sandbox's server accepts

Provide = Callable[[Faults], str]


@pytest.fixture
def provide(small_corpus: Path) -> Iterator[Provide]:
    """Starts a server that speaks like the providers, with these faults; its address."""
    with ExitStack() as stack:
        yield lambda faults: stack.enter_context(serving(small_corpus, faults))


@pytest.fixture
def youtube(cli: CommandLine, provide: Provide, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The program with a key for YouTube."""
    monkeypatch.setenv("YOUTUBE_API_KEY", KEY)
    monkeypatch.setenv("TASTEMAKER_YOUTUBE_BASE_URL", provide(Faults()))
    return cli


def test_only_the_platforms_with_a_key_are_searched(youtube: CommandLine) -> None:
    told = youtube("search", "chess", "--platform", "all", "--target", "5")
    assert told.status == 0
    assert "made up" not in told.err
    assert "TikTok and Instagram are left out: they need SCRAPECREATORS_API_KEY." in " ".join(
        told.err.split()
    )
    assert "Found 5 creators on YouTube." in told.out
    document = youtube("search", "chess", "--target", "5", "--json").document
    assert (document["source"], [one["platform"] for one in document["left_out"]]) == (
        "live",
        ["TikTok", "Instagram"],
    )


def test_one_platform_without_its_key_is_refused(youtube: CommandLine) -> None:
    told = youtube("search", "chess", "--platform", "tiktok")
    assert told.status == ExitCode.USAGE
    assert told.err == (
        "Error: To search TikTok live, SCRAPECREATORS_API_KEY is needed."
        " Set it, or add --sandbox for made-up creators.\n"
    )


def test_the_sandbox_can_be_had_although_there_is_a_key(youtube: CommandLine) -> None:
    told = youtube("search", "chess", "--sandbox", "--target", "3")
    assert told.status == 0
    assert "Sandbox: these creators are made up.\n" in told.err
    assert "Found 9 creators" in told.out


def test_youtube_is_not_asked_for_addresses_without_permission(youtube: CommandLine, admin_url: str) -> None:
    told = youtube("search", "chess", "--target", "50")
    assert "YouTube was not asked for e-mail addresses" in " ".join(told.out.split())
    assert "@example." not in told.out
    with psycopg.connect(admin_url) as connection:
        connection.execute(
            "INSERT INTO system_configurations (category, key, value, value_type)"
            " VALUES ('providers', 'youtube_contacts_confirmed', 'true', 'boolean')"
        )
    told = youtube("search", "chess", "--target", "50")
    assert "YouTube was not asked" not in told.out
    creators = youtube("search", "chess", "--target", "50", "--json").document["creators"]
    assert any(creator["emails"] for creator in creators)


def test_a_refused_key_is_a_provider_failure_and_never_shown(
    youtube: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("wrong-key-1234567", "malformed key\u2028"):
        monkeypatch.setenv("YOUTUBE_API_KEY", key)
        told = youtube("search", "chess", "--target", "5")
        assert told.status == ExitCode.PROVIDER
        assert told.out.strip().startswith("Nothing was found for “")
        assert "YOUTUBE_API_KEY" in told.err
        assert "wrong-key" not in told.err + told.out
        assert "malformed key" not in told.err + told.out


def test_an_unreachable_provider_is_one_sentence(
    youtube: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tastemaker.providers.limits.BACKOFF_CAP_SECONDS", 0.01)
    monkeypatch.setenv("TASTEMAKER_YOUTUBE_BASE_URL", "http://127.0.0.1:9")
    document = youtube("search", "chess", "--target", "5", "--json").document
    assert document["exit_code"] == ExitCode.PROVIDER
    (problem,) = document["problems"]
    assert "could not be reached. Nothing was found before." in problem


def test_a_used_up_quota_parks_the_search_and_resuming_goes_on(
    cli: CommandLine, provide: Provide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPECREATORS_API_KEY", KEY)
    monkeypatch.setenv("TASTEMAKER_SCRAPECREATORS_BASE_URL", provide(Faults(quota_after=1)))
    ask = ("search", "chess", "--platform", "tiktok", "--target", "12", "--json")
    parked = cli(*ask)
    assert parked.status == ExitCode.QUOTA
    (search,) = parked.document["searches"]
    assert 0 < search["stored"] < 12
    assert search["parked_until"]
    assert f"tastemaker searches resume {search['id'][:8]}" in parked.document["problems"][0]
    assert len(parked.document["creators"]) == search["stored"]

    monkeypatch.setenv("TASTEMAKER_SCRAPECREATORS_BASE_URL", provide(Faults()))
    again = cli(*ask)
    assert (again.status, again.document["continued"]) == (0, True)
    assert again.document["searches"][0]["id"] == search["id"]
    assert again.document["found"] == 12

    ended = cli("searches", "resume", search["id"][:8])
    assert ended.status == ExitCode.CONFLICT


def test_resume_goes_on_with_a_parked_search(
    cli: CommandLine, provide: Provide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPECREATORS_API_KEY", KEY)
    monkeypatch.setenv("TASTEMAKER_SCRAPECREATORS_BASE_URL", provide(Faults(quota_after=1)))
    parked = cli("search", "chess", "--platform", "tiktok", "--target", "12")
    assert parked.status == ExitCode.QUOTA
    assert "the search continues after" in " ".join(parked.err.split())
    (search,) = cli("searches", "list", "--json").document["searches"]

    monkeypatch.delenv("SCRAPECREATORS_API_KEY")
    assert cli("searches", "resume", search["id"]).status == ExitCode.USAGE
    monkeypatch.setenv("SCRAPECREATORS_API_KEY", KEY)
    monkeypatch.setenv("TASTEMAKER_SCRAPECREATORS_BASE_URL", provide(Faults()))
    told = cli("searches", "resume", search["id"][:8])
    assert told.status == 0
    assert f"Continuing the search interrupted at {search['stored']} of 12" in told.err
    assert "Found 12 creators on TikTok." in told.out


def test_one_failing_platform_does_not_hide_what_the_others_found(
    youtube: CommandLine, provide: Provide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPECREATORS_API_KEY", "another-key")
    monkeypatch.setenv("TASTEMAKER_SCRAPECREATORS_BASE_URL", provide(Faults()))
    told = youtube("search", "chess", "--target", "5")
    assert told.status == ExitCode.PROVIDER
    assert "Found 5 creators: 5 on YouTube, 0 on TikTok, 0 on Instagram." in " ".join(told.out.split())
    assert told.err.count("SCRAPECREATORS_API_KEY") == 2


@contextmanager
def serving(corpus: Path, faults: Faults) -> Iterator[str]:
    """A server in a thread of its own, as somebody else's would be."""
    started, stop = threading.Event(), threading.Event()
    address: list[str] = []

    async def work() -> None:
        async with serve(corpus, faults=faults) as url:
            address.append(url)
            started.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        assert started.wait(10)
        yield address[0]
    finally:
        stop.set()
        thread.join()


def test_a_provider_that_says_nothing_is_told_while_it_lasts(
    cli: CommandLine, provide: Provide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOUTUBE_API_KEY", KEY)
    monkeypatch.setenv("TASTEMAKER_YOUTUBE_BASE_URL", provide(Faults(latency=1)))
    monkeypatch.setattr(progress_queries, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    told = cli("search", "chess", "--platform", "youtube", "--target", "5")
    assert told.status == 0
    assert "YouTube: 0 of 5, no answer yet\n" in told.err
