from pathlib import Path
from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

app = group("Creators whom your searches leave out.")

PlatformName = Annotated[str, typer.Argument(metavar="PLATFORM", help="youtube, tiktok or instagram.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A handle, or with --id the platform's id.")]
ById = Annotated[bool, typer.Option("--id", help="NAME is the platform's unchanging id.")]
OfCampaign = Annotated[
    str | None, typer.Option("--campaign", metavar="CAMPAIGN", help="Only for searches of this campaign.")
]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why.")]


@app.command()
def add(
    platform: PlatformName,
    name: Name,
    *,
    by_id: ById = False,
    campaign: OfCampaign = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Leave a creator out of your searches from now on."""
    from tastemaker.cli import exclusion_commands as go

    go.add(go.Place(campaign), platform, name, by_id=by_id, note=note, as_json=as_json)


@app.command("list")
def show_all(
    *,
    campaign: OfCampaign = None,
    limit: Limit = 50,
    after: Annotated[
        str | None, typer.Option("--after", metavar="PLACE", help="Go on where another page ended.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show whom your searches leave out, the newest first."""
    from tastemaker.cli import exclusion_commands as go

    go.show(go.Place(campaign), limit=limit, after=after, as_json=as_json)


@app.command()
def remove(
    platform: PlatformName,
    name: Name,
    *,
    by_id: ById = False,
    campaign: OfCampaign = None,
    as_json: Json = False,
) -> None:
    """Take a creator off the list."""
    from tastemaker.cli import exclusion_commands as go

    go.remove(go.Place(campaign), platform, name, by_id=by_id, as_json=as_json)


@app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A CSV with columns platform and handle or id.")
    ],
    *,
    campaign: OfCampaign = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Put everybody in a CSV on the list."""
    from tastemaker.cli import exclusion_commands as go

    go.import_file(go.Place(campaign), file, note=note, as_json=as_json)
