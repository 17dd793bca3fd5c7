"""The program's groups: their help, and the import of a group when one of its commands is called."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

EPILOG = """\b
Exit status:
  0    done, also when nothing was found
  1    failed, the sentence on standard error says why
  2    cannot be done as asked: an option, a keyword, a platform, a target
  3    no such search or campaign
  4    PostgreSQL cannot be started, reached or used
  5    a provider failed; what was found before is kept
  6    a provider's quota is used up; what was found before is kept
  7    the plan's limit is reached; what was found before is kept
  8    not in this state: it has ended, it exists already
  130  stopped by Ctrl-C; asking again goes on from there

\b
TASTEMAKER_HOME names the data directory, DATABASE_URL a PostgreSQL of your own,
YOUTUBE_API_KEY and SCRAPECREATORS_API_KEY make searches live.
"""

ABOUT = {
    "search": "Search for creators, show them, and write a CSV.",
    "results": "Show the creators that a search or a campaign found.",
    "export": "Write the creators that a search or a campaign found into a file.",
    "profile": "Look up one account. A live call is paid for, in the ledger, and answers others for a time.",
    "campaigns": "What you searched for, grouped.",
    "searches": "Each search, its state and how it ended.",
    "costs": "What calls to providers cost, what they may cost, and what holds them back.",
    "events": "What happened: the event log, and what hears of it.",
    "exclusions": "Creators whom your searches leave out.",
    "suppressions": "People whom nobody's search may store.",
    "emails": "What is mailed to users: when, how it looks, and where it stands.",
    "outbox": "What leaves the database: waiting, sent, failed, undecided.",
    "inbox": "What came in from outside, as it came, for 35 days.",
    "keys": "Keys by which programs call the HTTP interface for you.",
    "users": "Who uses this installation.",
    "db": "The database: start, look, migrate.",
    "corpus": "What the sandbox serves: made-up creators, or tables of your own.",
    "config": "The installation's configuration, as every process reads it.",
    "providers": "The services that creators come from, and which of them answers.",
    "jobs": "The work behind everything: what waits, what runs, what was given up.",
    "schedules": "What runs again and again, once for all workers.",
    "work": "Work on whatever searches wait, until Ctrl-C.",
    "serve": "Serve the HTTP interface until Ctrl-C.",
    "doctor": "Check this machine and this installation, and advise.",
    "version": "Print the version of Tastemaker, and of Python and the schema it needs.",
}
"""A line for every command and group of the program, in the order of its help."""

_MODULES = {"export": "results", "suppressions": "exclusions", "schedules": "jobs"}
"""Where several live in one module of `tastemaker.cli`; the others have one of their own name."""


class LazyCommands(Mapping[str, Any]):
    """The commands by name; a command's module is imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a command of Typer's own kind
        if name not in ABOUT:
            raise KeyError(name)
        module = import_module(f"tastemaker.cli.{_MODULES.get(name, name)}")
        command = typer.main.get_command(getattr(module, f"{name}_app"))
        command.name = name
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(ABOUT)

    def __len__(self) -> int:
        return len(ABOUT)


class LazyGroup(TyperGroup):
    """Its help shows the line of each command and imports none of them."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - passed on to Typer
        super().__init__(**options)
        self.commands = LazyCommands()  # type: ignore[assignment]  # it is only read

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Typer's context
        return list(ABOUT)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - Typer's own
        room = formatter.width - 6 - max(map(len, ABOUT))
        lines = [
            (name, typer.core.TyperCommand(name, help=about).get_short_help_str(room))
            for name, about in ABOUT.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(lines)


def group(name: str = "", *, epilog: str | None = None, about: str | None = None) -> typer.Typer:
    """Commands under one name, described by its line. Plain help needs nothing but Typer itself."""
    app = typer.Typer(
        help=about or ABOUT[name],
        epilog=epilog,
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    if epilog is None:
        app.callback(invoke_without_command=True)(show_help)
    return app


def single() -> typer.Typer:
    """For a command that belongs to no group."""
    return typer.Typer(
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def show_help(context: typer.Context) -> None:
    """A group without a command is a question: it shows what there is."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
