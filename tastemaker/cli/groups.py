"""The program's commands: their help, and the import of a module when one of its commands is called."""

import ast
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

ACTING_FOR: ContextVar[str | None] = ContextVar("acting_for", default=None)
"""The user that `tastemaker --user` names: commands act for that one instead of the local user."""

EPILOG = """\b
Exit status:
  0    done, also when nothing was found
  1    failed, standard error gives the reason
  2    invalid input: an option, a keyword, a platform, a target
  3    no such search or campaign
  4    PostgreSQL cannot be started, reached or used
  5    a provider failed; what was found before is kept
  6    a provider's quota is used up; what was found before is kept
  7    the plan's limit is reached; what was found before is kept
  8    not allowed in this state: it has ended, it exists already
  130  stopped by Ctrl-C; the same command continues from there

\b
TASTEMAKER_HOME names the data directory, DATABASE_URL a PostgreSQL of your own,
YOUTUBE_API_KEY and SCRAPECREATORS_API_KEY make searches live.
"""

ABOUT = {
    "search": "Search for creators, show them, and write a CSV.",
    "results": "Show the creators that a search or a campaign found.",
    "export": "Write the creators that a search or a campaign found into a file.",
    "discover": "Find creators that this installation has found before, for nothing.",
    "import": "Import creators or results of other tools into a campaign.",
    "keywords": "Show what creators who use a word say besides, as further keywords. No provider is called.",
    "profile": "Look up one account. A live call is paid, recorded in the ledger, and reused for a time.",
    "campaigns": "Create, show, rename, archive and delete campaigns.",
    "searches": "Show, cancel and resume searches.",
    "costs": "Show costs, budgets and limits of calls to providers.",
    "events": "Show and replay the event log and its deliveries.",
    "exclusions": "Creators that your searches skip.",
    "suppressions": "People that no search may store.",
    "emails": "Show, preview and test the e-mails to users.",
    "outbox": "Show outgoing messages, retry and resolve them.",
    "inbox": "Show incoming messages of the last 35 days, and replay them.",
    "keys": "Create, list and revoke API keys.",
    "plans": "Show and change the price list, and give users a plan.",
    "users": "Find, invite, appoint and delete users of this installation.",
    "db": "Start, inspect and migrate the database.",
    "corpus": "Manage the creators of the sandbox: generated, or imported tables.",
    "config": "Show and change the configuration of this installation.",
    "providers": "Show the providers of creators, and which of them is used.",
    "jobs": "Show, retry and cancel background jobs.",
    "schedules": "Show the schedules of background jobs, and run one now.",
    "work": "Run background jobs and searches until Ctrl-C.",
    "serve": "Serve the web application and the API until Ctrl-C.",
    "sign-in": "Print a link that signs a browser of this machine in, once, within 30 minutes.",
    "up": "Start everything: database, worker, sandbox and web application, until Ctrl-C.",
    "doctor": "Check this machine and this installation, and give advice.",
    "version": "Print the version of Tastemaker, and of Python and the schema it needs.",
}
"""A line for every command and group of the program, in the order of its help."""

_MODULES = {
    "db": ("db", "db_shell", "adopt"),
    "export": ("results",),
    "import": ("importing",),
    "inbox": ("messages",),
    "outbox": ("messages",),
    "schedules": ("jobs",),
    "suppressions": ("exclusions",),
    "version": ("doctor",),
    "work": ("serve",),
    "up": ("serve",),
    "sign-in": ("serve",),
}
"""The modules of `tastemaker.cli` that hold these commands; the others have one module of their own name."""

_SINGLE = {
    "search",
    "discover",
    "results",
    "export",
    "keywords",
    "profile",
    "work",
    "serve",
    "up",
    "sign-in",
    "doctor",
    "version",
}
"""Commands without commands below them."""

_PLAIN: dict[str, Any] = {
    "rich_markup_mode": None,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


class LazyCommands(Mapping[str, Any]):
    """The commands of a group by name, or of the program; each is imported when it is asked for."""

    def __init__(self, group_name: str, about: Mapping[str, str]) -> None:
        self._group, self._about = group_name, about

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a command of Typer's own kind
        if name not in self._about:
            raise KeyError(name)
        return _command_of(self._group, name) if self._group else _load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._about)

    def __len__(self) -> int:
        return len(self._about)


class LazyGroup(TyperGroup):
    """Its help shows the first line of each command and imports none of them."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - passed on to Typer
        super().__init__(**options)
        name = options["name"]
        self.about = _lines_of(name) if name else ABOUT
        self.commands = LazyCommands(name, self.about)  # type: ignore[assignment]  # it is only read

    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's own
        """Without a default Typer coerces the absent option, for which it imports Pydantic."""
        option: Any = super().get_help_option(ctx)
        option.default = False
        return option

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Typer's context
        return list(self.about)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - Typer's own
        room = formatter.width - 6 - max(map(len, self.about))
        lines = [
            (name, TyperCommand(name, help=about).get_short_help_str(room))
            for name, about in self.about.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(lines)


def group(name: str) -> typer.Typer:
    """Commands under one name, described by its line. Plain help needs nothing but Typer itself."""
    app = typer.Typer(name=name, help=ABOUT[name], **_PLAIN)
    app.callback(invoke_without_command=True)(show_help)
    return app


def single(**options: Any) -> typer.Typer:  # noqa: ANN401 - passed on to Typer
    """A command that belongs to no group, or the program itself."""
    return typer.Typer(**options, **_PLAIN)


def show_help(context: typer.Context) -> None:
    """A group without a command shows its help."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _load(name: str) -> Any:  # noqa: ANN401 - a command of Typer's own kind
    if name in _SINGLE:
        module = import_module(f"tastemaker.cli.{_MODULES.get(name, (name,))[0]}")
        command = typer.main.get_command(getattr(module, f"{name.replace('-', '_')}_app"))
        command.name = name
        return command
    app = group(name)
    app.info.cls = LazyGroup
    return typer.main.get_command(app)


def _command_of(group_name: str, name: str) -> Any:  # noqa: ANN401 - a command of Typer's own kind
    module = next(module for module, lines in _sources(group_name) if name in lines)
    app = getattr(import_module(f"tastemaker.cli.{module}"), f"{group_name}_app")
    command: Any = typer.main.get_command(app)
    return command.commands[name]


def _lines_of(group_name: str) -> dict[str, str]:
    return {name: line for _, lines in _sources(group_name) for name, line in lines.items()}


def _sources(group_name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each module of a group with its commands and their first lines, read from the source, not imported."""
    for module in _MODULES.get(group_name, (group_name,)):
        tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
        lines: dict[str, str] = {}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                about = (ast.get_docstring(node) or "").split("\n")[0]
                lines |= {
                    name: about for one in node.decorator_list if (name := _typed(one, group_name, node))
                }
        yield module, lines


def _typed(decorator: ast.expr, group_name: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The name that `@GROUP_app.command("name")` gives; without one, the function's. Else empty."""
    match decorator:
        case ast.Call(func=ast.Attribute(value=ast.Name(app), attr="command"), args=arguments):
            if app == f"{group_name}_app":
                return ast.literal_eval(arguments[0]) if arguments else function.name
    return ""
