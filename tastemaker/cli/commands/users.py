from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, group

app = group("Who uses this installation.")


@app.command()
def delete(
    user: Annotated[
        str, typer.Argument(metavar="USER", help="The user's id as the identity provider calls it.")
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a user with everything that is theirs, for good."""
    from tastemaker.cli import user_commands as go

    go.delete(user, yes=yes, as_json=as_json)
