from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

app = group("What you searched for, grouped.")

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A name, an id, or the start of an id.")]


@app.command("list")
def show_all(*, limit: Limit = 50, as_json: Json = False) -> None:
    """Show the campaigns, the newest first."""
    from tastemaker.cli.listing_commands import show_campaigns
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_campaigns(session, limit=limit, as_json=as_json))


@app.command("show")
def show_one(campaign: Campaign, *, as_json: Json = False) -> None:
    """Show a campaign and its searches."""
    from tastemaker.cli.listing_commands import show_campaign
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_campaign(session, campaign, as_json=as_json))
