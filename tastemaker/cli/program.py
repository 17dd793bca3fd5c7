"""The program: its commands, and what an error becomes. Nothing heavy is imported here: `--help` is quick."""

from collections.abc import Sequence
from typing import Annotated

import typer

from tastemaker.cli.commands import (
    campaigns,
    config,
    corpus,
    costs,
    db,
    emails,
    events,
    exclusions,
    inbox,
    jobs,
    keys,
    outbox,
    providers,
    schedules,
    searches,
    suppressions,
    users,
)
from tastemaker.cli.commands.doctor import doctor
from tastemaker.cli.commands.export import export
from tastemaker.cli.commands.profile import profile
from tastemaker.cli.commands.results import results
from tastemaker.cli.commands.search import search
from tastemaker.cli.commands.serve import serve
from tastemaker.cli.commands.version import version
from tastemaker.cli.commands.work import work
from tastemaker.cli.failures import tell, unexpected
from tastemaker.cli.help_page import EPILOG, group, show_help
from tastemaker.cli.streams import make_streams_safe
from tastemaker.core.errors import AppError, ExitCode

NAME = "tastemaker"

app = group("Find creators on YouTube, TikTok and Instagram by keyword.", epilog=EPILOG)

app.command()(search)
app.command()(results)
app.command()(export)
app.command()(profile)
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(searches.app, name="searches")
app.add_typer(costs.app, name="costs")
app.add_typer(events.app, name="events")
app.add_typer(exclusions.app, name="exclusions")
app.add_typer(suppressions.app, name="suppressions")
app.add_typer(emails.app, name="emails")
app.add_typer(outbox.app, name="outbox")
app.add_typer(inbox.app, name="inbox")
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")
app.add_typer(db.app, name="db")
app.add_typer(corpus.app, name="corpus")
app.add_typer(config.app, name="config")
app.add_typer(providers.app, name="providers")
app.add_typer(jobs.app, name="jobs")
app.add_typer(schedules.app, name="schedules")
app.command()(work)
app.command()(serve)
app.command()(doctor)
app.command()(version)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and the log on the screen.")
    ] = False,
) -> None:
    if debug:
        from tastemaker.core.logging import configure_logging

        configure_logging("DEBUG")
    show_help(context)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status. Whatever goes wrong is one sentence, never a traceback."""
    try:
        make_streams_safe()
        status = typer.main.get_command(app)(list(arguments), prog_name=NAME, standalone_mode=False)
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except (KeyboardInterrupt, typer.Abort):
        status = ExitCode.INTERRUPTED
    except (typer.TyperException, AppError) as error:
        return tell(error, arguments)
    except Exception as error:
        if _was_interrupted(error):
            return ExitCode.INTERRUPTED
        if "--debug" in arguments:
            raise
        return tell(unexpected(error), arguments)
    return int(status or 0)


def _was_interrupted(error: BaseException | None) -> bool:
    """A module that was loading, or a driver, may have made another error of the interruption."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False
