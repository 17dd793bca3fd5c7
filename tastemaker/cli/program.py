"""The program: its options, and what an error becomes. Nothing heavy is imported here: `--help` is quick."""

from collections.abc import Sequence
from typing import Annotated

import typer

from tastemaker.cli.failures import tell, unexpected
from tastemaker.cli.groups import ACTING_FOR, EPILOG, LazyGroup, show_help, single
from tastemaker.cli.streams import make_streams_safe
from tastemaker.core.errors import AppError, ExitCode

NAME = "tastemaker"

app = single(help="Find creators on YouTube, TikTok and Instagram by keyword.", epilog=EPILOG)


@app.callback(cls=LazyGroup, invoke_without_command=True)
def options(
    context: typer.Context,
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and the log on the screen.")
    ] = False,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="USER", help="Act for this user: an id or an e-mail address."),
    ] = None,
) -> None:
    ACTING_FOR.set(user)
    if debug:
        from tastemaker.core.logging import configure_logging

        configure_logging("DEBUG")
    show_help(context)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status. An error is one sentence, never a traceback."""
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
    """A module that was loading, or a driver, may have replaced the interruption by another error."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False
