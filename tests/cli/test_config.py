"""`tastemaker config …`, as an operator types it."""

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine

NAME = "timeouts.standard_job_timeout"
COLD = "providers.youtube_contacts_confirmed"


def said(text: str) -> str:
    """Without the terminal's line breaks."""
    return " ".join(text.split())


def test_a_key_is_shown_changed_remembered_and_reset(cli: CommandLine) -> None:
    assert f"{NAME} = 1h (default 1h)" in cli("config", "get", NAME).out, (
        "the row that is shipped says it too"
    )
    changed = cli("config", "set", NAME, "90m")
    assert said(changed.out) == f"{NAME} is 90m. A change takes effect within seconds."
    shown = said(cli("config", "get", NAME).out)
    assert "Accepted: a duration from 10s to 7d. A change takes effect within seconds." in shown
    setting = cli("config", "get", NAME, "--json").document["setting"]
    assert (setting["value"], setting["default"], setting["is_default"]) == ("90m", "1h", False)

    reset = cli("config", "unset", NAME)
    assert said(reset.out) == f"{NAME} is 1h, its default. A change takes effect within seconds."
    changes = cli("config", "history", NAME, "--json").document["changes"]
    assert [(one["old"], one["new"], one["by"]) for one in changes] == [
        ("90m", None, "local (command line)"),
        ("60m", "90m", "local (command line)"),
    ]
    assert NAME in cli("config", "history").out.splitlines()[1]


def test_every_key_is_listed_with_what_it_means(cli: CommandLine) -> None:
    listed = cli("config", "list", "--json").document
    names = {setting["key"] for setting in listed["settings"]}
    assert NAME in names
    assert all(setting["meaning"] for setting in listed["settings"])
    assert names <= {line.split()[0] for line in cli("config", "list").out.splitlines()}, "never cut short"
    unused = cli("config", "list", "--unused", "--json").document["unused"]
    assert len(unused) == listed["unused"] > 0
    assert cli("config", "unset", unused[0]["key"]).out == "Removed a row that no code reads.\n"
    assert cli("config", "list", "--json").document["unused"] == listed["unused"] - 1


def test_what_cannot_be_is_one_sentence(cli: CommandLine) -> None:
    for arguments, status, says in (
        (("set", NAME, "soon"), ExitCode.USAGE, "'soon' is no duration"),
        (("set", NAME, "1s"), ExitCode.USAGE, "a duration from 10s to 7d"),
        (("get", "timeouts.standart_job_timeout"), ExitCode.NOT_FOUND, f"Did you mean {NAME}?"),
        (("unset", COLD), ExitCode.USAGE, "has its default already"),
        (("history", "timeouts.standart_job_timeout"), ExitCode.NOT_FOUND, f"Did you mean {NAME}?"),
        (("set", "email.from_name", "a\nBcc: b@example.com"), ExitCode.USAGE, "A text is one line"),
        (("set", "email.from_name", "x" * 501), ExitCode.USAGE, "of at most 500 characters"),
    ):
        told = cli("config", *arguments)
        assert (told.status, told.out) == (status, ""), arguments
        assert says in said(told.err)
    assert "when the processes are restarted" in said(cli("config", "set", COLD, "true").out)
