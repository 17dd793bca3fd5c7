from enum import StrEnum
from typing import Annotated

import typer

from tastemaker.cli.commands.adopt import adopt
from tastemaker.cli.help_page import Json, Limit, group


class By(StrEnum):
    MEAN = "mean"
    TOTAL = "total"


app = group("The database: start, look, migrate.")


@app.command()
def start(*, as_json: Json = False) -> None:
    """Start the embedded server, and keep it until `db stop`."""
    from tastemaker.cli.db_commands import start as start_server

    start_server(as_json=as_json)


@app.command()
def stop(*, as_json: Json = False) -> None:
    """Stop the embedded server, whoever uses it."""
    from tastemaker.cli.db_commands import stop as stop_server

    stop_server(as_json=as_json)


@app.command()
def status(*, as_json: Json = False) -> None:
    """Show whether the database runs, where it is and how large; starts nothing."""
    from tastemaker.cli.db_commands import status as show

    show(as_json=as_json)


@app.command()
def url(
    *,
    show_password: Annotated[
        bool, typer.Option("--show-password", help="With the password, to connect with.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the address at which the application connects."""
    from tastemaker.cli.db_commands import url as show

    show(show_password=show_password, as_json=as_json)


@app.command()
def shell(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- PSQL ARGUMENTS...]", help="Passed on to psql.")
    ] = None,
    *,
    admin: Annotated[
        bool, typer.Option("--admin", help="As the administrator, who sees and may do everything.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what would be run, as JSON, and run nothing.")
    ] = False,
) -> int:
    """Open psql as the application's role, on behalf of the local user."""
    from tastemaker.cli.shell_command import shell as open_shell

    return open_shell(arguments or [], admin=admin, as_json=as_json)


@app.command()
def migrate(
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NNNN", help="Stop at this step; without it at the last.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the schema to the last step of its history, or to another."""
    from tastemaker.cli.db_commands import migrate as go

    go(to=to, as_json=as_json)


@app.command()
def history(*, as_json: Json = False) -> None:
    """Show the steps of the schema's history, and when this database took them."""
    from tastemaker.cli.db_commands import history as show

    show(as_json=as_json)


@app.command()
def sizes(*, limit: Limit = 50, as_json: Json = False) -> None:
    """Show what takes room: tables with what they hold outside their rows, and their indexes."""
    from tastemaker.cli.load_commands import show_sizes

    show_sizes(limit=limit, as_json=as_json)


@app.command()
def slow(
    *,
    by: Annotated[
        By, typer.Option("--by", help="By the mean of one call, or by all calls together.")
    ] = By.MEAN,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show what takes time: the slowest statements, as the server counts them."""
    from tastemaker.cli.load_commands import show_slow

    show_slow(by=by.value, limit=limit, as_json=as_json)


app.command()(adopt)
