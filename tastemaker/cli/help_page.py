"""How help is shown, and what every command has in common."""

from typing import Annotated

import typer

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

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="How many to show.")]


def group(about: str, *, epilog: str | None = None) -> typer.Typer:
    """Commands under one name. Plain help: it needs nothing but Typer itself, so that it comes at once."""
    app = typer.Typer(
        help=about,
        epilog=epilog,
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    if epilog is None:
        app.callback(invoke_without_command=True)(show_help)
    return app


def show_help(context: typer.Context) -> None:
    """A group without a command is a question: it shows what there is."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
