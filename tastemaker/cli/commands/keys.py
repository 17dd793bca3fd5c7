from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

User = Annotated[
    str | None, typer.Option("--user", metavar="USER", help="Whose key: a user's id; yours without it.")
]

app = group("Keys by which programs call the HTTP interface for you.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What will use it; 1 to 100 characters.")],
    *,
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="What it is good for; may be repeated."),
    ] = None,
    expires_in: Annotated[
        str | None, typer.Option("--expires-in", metavar="DURATION", help="Such as 90d; never without it.")
    ] = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown this once."""
    from tastemaker.cli import key_commands as go

    go.create(name, user=user, scopes=scopes or [], expires_in=expires_in, as_json=as_json)


@app.command("list")
def show_all(*, user: User = None, limit: Limit = 50, as_json: Json = False) -> None:
    """Show the keys by how they begin, the newest first."""
    from tastemaker.cli import key_commands as go

    go.show(user=user, limit=limit, as_json=as_json)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="How it begins, or its id.")],
    *,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Refuse a key from now on."""
    from tastemaker.cli import key_commands as go

    go.revoke(key, user=user, as_json=as_json)
