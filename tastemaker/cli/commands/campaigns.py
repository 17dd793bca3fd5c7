from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

app = group("What you searched for, grouped.")

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A name, an id, or the start of an id.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="1 to 200 characters.")]


@app.command()
def create(
    name: Name,
    *,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")
    ] = None,
    search_type: Annotated[
        str, typer.Option("--search-type", metavar="TYPE", help="Of its searches: keyword or similar.")
    ] = "keyword",
    as_json: Json = False,
) -> None:
    """Make a campaign; `tastemaker search --campaign` makes one by itself."""
    from tastemaker.cli import campaign_commands as go

    go.create(name, description=description, search_type=search_type, as_json=as_json)


@app.command("list")
def show_all(
    *,
    limit: Limit = 50,
    after: Annotated[
        str | None, typer.Option("--after", metavar="PLACE", help="Go on where another page ended.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the campaigns, the newest first."""
    from tastemaker.cli.listing_commands import show_campaigns
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_campaigns(session, limit=limit, after=after, as_json=as_json))


@app.command("show")
def show_one(campaign: Campaign, *, as_json: Json = False) -> None:
    """Show a campaign and its searches."""
    from tastemaker.cli.listing_commands import show_campaign
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_campaign(session, campaign, as_json=as_json))


@app.command()
def rename(campaign: Campaign, name: Name, *, as_json: Json = False) -> None:
    """Give a campaign another name."""
    from tastemaker.cli import campaign_commands as go

    go.rename(campaign, name, as_json=as_json)


@app.command()
def describe(
    campaign: Campaign,
    description: Annotated[
        str, typer.Argument(metavar="TEXT", help="What it is for; an empty text takes it away.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Say what a campaign is for."""
    from tastemaker.cli import campaign_commands as go

    go.describe(campaign, description, as_json=as_json)


@app.command()
def archive(campaign: Campaign, *, as_json: Json = False) -> None:
    """Put a campaign away; it takes no searches and counts no longer against the plan."""
    from tastemaker.cli import campaign_commands as go

    go.archive(campaign, as_json=as_json)


@app.command()
def unarchive(campaign: Campaign, *, as_json: Json = False) -> None:
    """Bring an archived campaign back."""
    from tastemaker.cli import campaign_commands as go

    go.unarchive(campaign, as_json=as_json)


@app.command()
def delete(
    campaign: Campaign,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a campaign with all its searches and what they found, for good."""
    from tastemaker.cli import campaign_commands as go

    go.delete(campaign, yes=yes, as_json=as_json)
