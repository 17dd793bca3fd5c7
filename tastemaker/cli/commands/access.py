from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, group

app = group("SQL access of a user's own, bound to the login.")

User = Annotated[str, typer.Argument(metavar="USER", help="The user's external id.")]


@app.command()
def grant(user: User, *, as_json: Json = False) -> None:
    """Make a login that sees this user's rows. Its password is shown this once; again: a new one."""
    from tastemaker.cli import access_commands as go

    go.grant(user, as_json=as_json)


@app.command()
def revoke(user: User, *, as_json: Json = False) -> None:
    """End the login's sessions and remove it. Do this before the user is deleted."""
    from tastemaker.cli import access_commands as go

    go.revoke(user, as_json=as_json)


@app.command()
def watch(
    *,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="S", min=0.1, help="The longest statement or transaction.")
    ] = 5.0,
    every: Annotated[float, typer.Option("--every", metavar="S", min=0.1, help="How often it looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once, for a scheduler of your own.")] = False,
    as_json: Json = False,
) -> None:
    """End what such logins leave running for too long, until Ctrl-C or SIGTERM."""
    from tastemaker.cli import access_commands as go

    go.watch(seconds=seconds, every=every, once=once, as_json=as_json)
