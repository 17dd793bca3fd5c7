"""What a person sees who sits before it: lines that move in place, Ctrl-C, narrow screens, no colours."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from rich.cells import cell_len

from tastemaker.core.errors import ExitCode
from tastemaker.sandbox.faults import Faults
from tests.cli.conftest import CommandLine
from tests.cli.launching import PROGRAM, environment, launched
from tests.cli.terminal import Terminal
from tests.cli.test_live_search import KEY, serving

pytestmark = pytest.mark.slow  # a person's pace: each of these waits for a terminal

CTRL_C = b"\x03"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*[349]\d(?:;\d+)*m")


@pytest.fixture
def slow(cli: CommandLine, small_corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A provider that takes its time for each of three pages: the one that is asked for is still kept."""
    with serving(small_corpus, Faults(latency=0.8)) as address:
        monkeypatch.setenv("SCRAPECREATORS_API_KEY", KEY)
        monkeypatch.setenv("TASTEMAKER_SCRAPECREATORS_BASE_URL", address)
        yield


@pytest.mark.parametrize("columns", [60, 80])
def test_progress_moves_in_place_and_nothing_is_wider_than_the_screen(cli: CommandLine, columns: int) -> None:
    terminal = Terminal("search", "chess", "makeup", "--target", "6", columns=columns)
    assert terminal.end() == 0
    assert "\x1b[1A" in terminal.written, "lines are drawn over"
    assert terminal.written.count("\x1b[?25l") == terminal.written.count("\x1b[?25h") == 1
    assert colours(terminal)
    drawn = [line.rsplit("\r", 1)[-1] for line in terminal.text.split("\n")]
    drawn = [line for line in drawn if "━" in line or "  @" in line or "Followers" in line]
    assert max(map(cell_len, drawn)) <= columns
    for platform in ("YouTube", "TikTok", "Instagram"):
        assert any(line.split()[:1] == [platform] and line.endswith("done") for line in drawn)


def test_no_colour_where_none_is_wanted(cli: CommandLine) -> None:
    terminal = Terminal("search", "chess", "--target", "2", columns=80, NO_COLOR="1")
    assert terminal.end() == 0
    assert not colours(terminal)


def test_a_dumb_terminal_gets_plain_lines(cli: CommandLine) -> None:
    dumb = launched("search", "chess", "--target", "2", "--platform", "tiktok", TERM="dumb")
    assert dumb.returncode == 0
    assert "TikTok: 2 of 2, done" in dumb.stderr
    assert "\x1b" not in dumb.stderr + dumb.stdout


def test_ctrl_c_keeps_what_was_found_and_asking_again_goes_on(slow: None, cli: CommandLine) -> None:
    ask = ("search", "chess", "--platform", "tiktok", "--target", "15")
    terminal = Terminal(*ask, columns=80)
    terminal.until(lambda text: " of 15" in text and "  0 of 15" not in text.split("\r")[-1])
    terminal.press(CTRL_C)
    seconds = terminal.until(lambda text: "Run the same command again" in text)
    assert terminal.end() == ExitCode.INTERRUPTED
    assert seconds < 5
    (search,) = cli("searches", "list", "--json").document["searches"]
    assert search["status"] in {"pending", "processing"}
    assert 0 < search["stored"] < 15
    assert f"Stopped. {search['stored']} creators are kept." in " ".join(terminal.text.split())

    again = cli(*ask, "--json").document
    assert again["continued"]
    assert [one["id"] for one in again["searches"]] == [search["id"]]
    assert (again["found"], again["exit_code"]) == (15, 0)


def test_a_second_ctrl_c_ends_at_once_and_shows_the_cursor_again(
    cli: CommandLine, small_corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOUTUBE_API_KEY", KEY)
    with serving(small_corpus, Faults(latency=20)) as address:
        monkeypatch.setenv("TASTEMAKER_YOUTUBE_BASE_URL", address)
        terminal = Terminal("search", "chess", "--target", "9", columns=80)
        terminal.until(lambda text: " of 9" in text)
        terminal.press(CTRL_C)
        terminal.until(lambda text: "Ctrl-C again stops at once" in text)
        terminal.press(CTRL_C)
        assert terminal.end(within=2) == ExitCode.INTERRUPTED
    assert terminal.written.rstrip().endswith("\x1b[?25h")


def test_sigterm_stops_in_good_order(slow: None, admin_url: str) -> None:
    with subprocess.Popen(
        [*PROGRAM, "search", "chess", "--platform", "tiktok", "--target", "15", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        wait_for(admin_url, "SELECT sum(processed_results) > 0 FROM scraping_jobs", process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (ExitCode.INTERRUPTED, b"")
    assert json.loads(out)["exit_code"] == ExitCode.INTERRUPTED


def test_a_worker_goes_on_with_what_waits_until_it_is_stopped(slow: None, admin_url: str) -> None:
    terminal = Terminal("search", "chess", "--platform", "tiktok", "--target", "15", columns=80)
    terminal.until(lambda text: " of 15" in text and "  0 of 15" not in text.split("\r")[-1])
    terminal.press(CTRL_C)
    assert terminal.end() == ExitCode.INTERRUPTED
    with subprocess.Popen(
        [*PROGRAM, "work", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as worker:
        wait_for(admin_url, "SELECT bool_and(status = 'completed') FROM scraping_jobs", worker)
        wait_for(admin_url, "SELECT bool_and(processing_status = 'completed') FROM events", worker)
        worker.send_signal(signal.SIGTERM)
        out, err = worker.communicate(timeout=20)
    assert (worker.returncode, err) == (0, b"")
    served = json.loads(out)["served"]
    assert served == {
        "live": ["Instagram", "TikTok", "YouTube"],
        "sandbox": ["Instagram", "TikTok", "YouTube"],
    }


def test_results_in_a_pipe_are_one_line_each_and_may_be_cut_off(cli: CommandLine) -> None:
    assert cli("search", "chess", "--target", "5", "--platform", "youtube", "--campaign", "c").status == 0
    variables = environment()
    variables.pop("COLUMNS")
    piped = subprocess.run([*PROGRAM, "results", "c"], capture_output=True, env=variables, check=True)
    assert len(piped.stdout.decode().strip().splitlines()) == 5 + 3
    assert b"\x1b" not in piped.stdout
    head = subprocess.run(
        ["sh", "-c", f"'{PROGRAM[0]}' -m tastemaker.cli export c -o - | head -n 1"],
        capture_output=True,
        env=variables,
        check=True,
        text=True,
        encoding="utf-8",
    )
    assert head.stdout.startswith("Platform,Creator/Channel Name")
    assert head.stderr == ""


def wait_for(admin_url: str, question: LiteralString, process: subprocess.Popen[bytes]) -> None:
    """Until the database answers yes."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        while connection.execute(question).fetchone() != (True,):
            assert process.poll() is None
            time.sleep(0.1)


def colours(terminal: Terminal) -> list[str]:
    return COLOUR.findall(terminal.written)
