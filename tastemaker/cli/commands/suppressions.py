from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

app = group("People whom nobody's search may store.")

PlatformName = Annotated[str, typer.Argument(metavar="PLATFORM", help="youtube, tiktok or instagram.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A handle, or with --id the platform's id.")]
ById = Annotated[bool, typer.Option("--id", help="NAME is the platform's unchanging id.")]


@app.command()
def add(
    platform: PlatformName,
    name: Name,
    *,
    by_id: ById = False,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; without a name.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Store this person never again, and take out what is stored."""
    from tastemaker.cli import exclusion_commands as go

    go.suppress(platform, name, by_id=by_id, reason=reason, as_json=as_json)


@app.command("list")
def show_all(*, limit: Limit = 50, as_json: Json = False) -> None:
    """Show the suppressions, which do not say who is meant."""
    from tastemaker.cli import exclusion_commands as go

    go.show_suppressions(limit=limit, as_json=as_json)


@app.command()
def remove(platform: PlatformName, name: Name, *, by_id: ById = False, as_json: Json = False) -> None:
    """Let this name be stored again."""
    from tastemaker.cli import exclusion_commands as go

    go.lift(platform, name, by_id=by_id, as_json=as_json)
