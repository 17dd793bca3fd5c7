from pathlib import Path
from typing import Annotated

import typer

from tastemaker.cli.help_page import Json


def search(  # noqa: PLR0913 - the options of a command
    keywords: Annotated[
        list[str], typer.Argument(metavar="KEYWORD...", help="What to search for; each is searched.")
    ],
    *,
    platform: Annotated[
        str | None,
        typer.Option(
            "--platform",
            metavar="NAME",
            help="youtube, tiktok, instagram or all. Without it: all there are keys for, or the sandbox's.",
        ),
    ] = None,
    target: Annotated[
        int, typer.Option("--target", metavar="N", help="How many creators at most, on each platform.")
    ] = 100,
    campaign: Annotated[
        str | None,
        typer.Option("--campaign", metavar="NAME", help="Where to keep them; made if it is not there."),
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", metavar="XX", help="A country, such as US, where it counts.")
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Search made-up creators although there are keys.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The CSV; without it a new one in this folder."),
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what it will probably cost, and ask for nothing.")
    ] = False,
    max_cost: Annotated[
        str | None,
        typer.Option("--max-cost", metavar="USD", help="What it may cost at most, on each platform."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Search for creators, show them, and write a CSV.

    Asking again for the same goes on with a search that was interrupted.
    """
    from tastemaker.cli import search_command

    return search_command.search(
        search_command.Wish(
            keywords=keywords,
            platform=platform,
            target=target,
            campaign=campaign,
            region=region,
            sandbox=sandbox,
            output=output,
            estimate=estimate,
            max_cost=max_cost,
            as_json=as_json,
        )
    )
