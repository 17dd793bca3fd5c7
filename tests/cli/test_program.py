"""What holds for every command: help at once, one document, one sentence, an exit status."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer

from tastemaker.cli import failures
from tastemaker.cli.groups import ABOUT, EPILOG
from tastemaker.cli.program import app, run
from tastemaker.core.errors import AppError, DatabaseUnavailable, ExitCode, LimitReached
from tests.cli.conftest import CommandLine
from tests.cli.launching import PROGRAM, environment, launched
from tests.rules.command_line import commands

HEAVY = {"alembic", "httpx", "psycopg", "pydantic", "rich", "sqlalchemy", "uvicorn"}

NEED_AN_ARGUMENT = {
    "search": ["chess", "--target", "2", "--campaign", "c"],
    "results": ["c"],
    "export": ["c"],
    "campaigns show": ["c"],
    "searches show": ["{search}"],
    "searches cancel": ["{search}"],
    "searches resume": ["{search}"],
    "corpus import": ["nowhere.csv"],
    "corpus use": ["nothing"],
    "corpus generate": ["--creators", "50", "--posts", "1"],
    "events show": ["{search}"],
}
ENDLESS = {"work", "serve", "up", "events tail"}
"""Until they are told to stop: tests/cli/test_terminal.py, test_serve.py, test_events.py, test_access.py."""


def test_help_needs_nothing_heavy() -> None:
    code = (
        "import sys; from tastemaker.cli import main; sys.argv = ['tastemaker', '--help']\n"
        "try:\n    main()\nfinally:\n    print(','.join({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment()
    )
    assert "Usage: tastemaker" in done.stdout
    assert not HEAVY & set(done.stdout.splitlines()[-1].split(","))


def test_help_tells_every_exit_status(bare: CommandLine) -> None:
    shown = bare("--help").out
    for code in ExitCode:
        assert f"\n    {code.value:<5}" in shown, code
    assert EPILOG.count("\n  ") == len(ExitCode)


@pytest.mark.parametrize("group", [[], ["db"], ["campaigns"], ["searches"], ["corpus"]])
def test_a_group_without_a_command_shows_its_help(bare: CommandLine, group: list[str]) -> None:
    told = bare(*group)
    assert (told.status, told.err) == (0, "")
    assert told.out.startswith(f"Usage: {' '.join(['tastemaker', *group])} ")
    assert told.out == bare(*group, "-h").out


def test_every_command_takes_json_and_prints_one_document(cli: CommandLine) -> None:
    cli("search", "chess", "--target", "2", "--campaign", "c")
    search = cli("searches", "list", "--json").document["searches"][0]["id"]
    for path in paths():
        if path in ENDLESS:
            continue
        arguments = [one.format(search=search) for one in NEED_AN_ARGUMENT.get(path, [])]
        told = cli(*path.split(), *arguments, "--json")
        assert isinstance(told.document, dict), path
        assert told.status == told.document.get("exit_code", told.status), path


def test_the_program_shows_the_line_with_which_each_command_describes_itself() -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # Typer's own
    assert {name: (one.help or "").split("\n")[0] for name, one in known.items()} == ABOUT


def test_every_command_describes_itself_in_one_line() -> None:
    for command in walk(typer.main.get_command(app)):
        first = (command.help or "").split("\n")[0]
        assert 10 < len(first) < 100, command.name
        assert first.endswith("."), command.name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "No such command 'nothing'."),
        (["--nothing"], "No such option: --nothing"),
        (["serach"], "No such command 'serach'. Did you mean 'search', 'searches'?"),
        (["searches", "lst"], "No such command 'lst'. Did you mean 'list'?"),
        (["search", "x", "--platfrm", "youtube"], "No such option: --platfrm. Did you mean --platform?"),
        (["jobs", "list", "--stauts", "failed"], "No such option: --stauts. Did you mean --status?"),
        (["version", "extra"], "Got unexpected extra argument"),
        (["results"], "Missing argument"),
    ],
)
def test_what_cannot_be_parsed_is_a_sentence_and_a_hint(
    bare: CommandLine, arguments: list[str], message: str
) -> None:
    told = bare(*arguments)
    assert (told.status, told.out) == (ExitCode.USAGE, "")
    first, hint = told.err.splitlines()
    assert first.startswith(f"Error: {message}")
    assert hint.startswith("Try: tastemaker")
    assert bare(*arguments, "--json").document["kind"] == "usage"


@pytest.mark.parametrize("code", [code for code in ExitCode if code is not ExitCode.INTERRUPTED])
def test_an_expected_failure_keeps_its_status(
    bare: CommandLine, monkeypatch: pytest.MonkeyPatch, code: ExitCode
) -> None:
    class Planted(AppError):
        exit_code = code

    plant(monkeypatch, Planted("This went wrong.\x1b[2J"))
    told = bare("version")
    assert (told.status, told.out, told.err) == (code, "", "Error: This went wrong.\n")
    document = bare("version", "--json").document
    assert document == {"error": "This went wrong.", "kind": "planted", "exit_code": code}


def test_a_fault_of_ours_is_a_sentence_and_its_traceback_a_file_without_secrets(
    bare: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOUTUBE_API_KEY", "very-secret-key")
    fault = ValueError("very-secret-key of anna@example.org at postgresql://u:pass-word@h/d?key=abc")
    plant(monkeypatch, fault)
    told = bare("version")
    (report,) = (home / "log").glob("error-*.txt")
    assert (told.status, told.out) == (ExitCode.FAILED, "")
    assert told.err == f"Error: Something unexpected happened: ValueError. The traceback is in {report}.\n"
    text = report.read_text()
    assert "Traceback" in text
    for secret in ("very-secret-key", "anna@", "pass-word", "key=abc"):
        assert secret not in text
    assert bare("version", "--json").document["kind"] == "unexpected"


def test_old_reports_are_dropped(bare: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, ValueError("x"))
    for _ in range(25):
        bare("version")
    assert len(list((home / "log").glob("error-*.txt"))) == 20


def test_debug_lets_the_traceback_through(bare: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, ValueError("planted"))
    monkeypatch.setattr("tastemaker.core.logging.configure_logging", lambda _level: None)
    with pytest.raises(ValueError, match="planted"):
        run(["--debug", "version"])


def test_a_lost_database_and_a_refusing_system_are_told_apart() -> None:
    lost = failures.unexpected(psycopg.OperationalError("terminating connection"))
    assert isinstance(lost, DatabaseUnavailable)
    refused = failures.unexpected(PermissionError(13, "Permission denied", "/x"))
    assert str(refused) == "The system refuses: Permission denied (/x)."


def test_secrets_are_taken_out_of_what_libraries_say(
    bare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, LimitReached("no: postgresql://u:pass-word@h/d, ask anna@example.org"))
    assert bare("version").err == "Error: no: postgresql://[secret]@h/d, ask [e-mail]\n"


def test_a_password_with_a_stray_at_sign_is_not_told_in_parts(
    bare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:first@secondpart@localhost:1/x")
    told = bare("searches", "list")
    assert told.status == ExitCode.DATABASE
    assert "secondpart" not in told.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("command", [["version", "--json"], ["nothing"]])
def test_a_full_standard_output_is_one_sentence(home: Path, command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*PROGRAM, *command],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
            check=False,
        )
    assert ended.returncode == (ExitCode.USAGE if "nothing" in command else ExitCode.FAILED)
    assert ended.stderr.startswith("Error: ")
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_an_interrupt_has_its_status(bare: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, KeyboardInterrupt())
    assert bare("version").status == ExitCode.INTERRUPTED


@pytest.mark.parametrize("command", [["--help"], ["doctor", "--json"]])
def test_a_reader_that_has_seen_enough_is_no_failure(home: Path, command: list[str]) -> None:
    reader = subprocess.Popen(
        [*PROGRAM, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), text=True
    )
    assert reader.stdout is not None
    assert reader.stderr is not None
    with reader:
        reader.stdout.close()
        assert reader.stderr.read() == ""
    assert reader.returncode in {0, 1}


def test_a_closed_standard_output_is_no_traceback(home: Path) -> None:
    shell = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m tastemaker.cli version >&-"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert "Traceback" not in shell.stderr


def test_an_ascii_terminal_gets_what_it_can_show(home: Path) -> None:
    done = launched("results", "\u2603", PYTHONIOENCODING="ascii", PYTHONUTF8="0", DATABASE_URL="nonsense")
    assert done.returncode == ExitCode.DATABASE
    assert "Traceback" not in done.stderr


def plant(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """From now on `tastemaker version` fails with it."""

    def fail() -> str:
        raise error

    monkeypatch.setattr("tastemaker.db.access.needed_version", fail)


def paths() -> list[str]:
    return [command.path.removeprefix("tastemaker ") for command in commands() if not command.is_group]


def walk(command: Any) -> Iterator[Any]:  # noqa: ANN401 - Typer's own
    yield command
    for child in getattr(command, "commands", {}).values():
        yield from walk(child)
