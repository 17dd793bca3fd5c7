from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

app = group("Each search, its state and how it ended.")

Reference = Annotated[str, typer.Argument(metavar="SEARCH", help="An id, or the start of one.")]


@app.command("list")
def show_all(
    *,
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="CAMPAIGN", help="Only the searches of this campaign.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show the searches, the newest first."""
    from tastemaker.cli.listing_commands import show_searches
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_searches(session, campaign=campaign, limit=limit, as_json=as_json))


@app.command("show")
def show_one(search: Reference, *, as_json: Json = False) -> None:
    """Show a search, keyword by keyword."""
    from tastemaker.cli.listing_commands import show_search
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_search(session, search, as_json=as_json))


@app.command()
def cancel(search: Reference, *, as_json: Json = False) -> None:
    """Stop a search for good; what it found stays."""
    from tastemaker.cli.listing_commands import cancel as stop
    from tastemaker.cli.session import in_session

    in_session(lambda session: stop(session, search, as_json=as_json))


@app.command()
def resume(search: Reference, *, as_json: Json = False) -> int:
    """Go on with a search that was interrupted, or that waits for its provider."""
    from tastemaker.cli.resume_command import resume as go_on

    return go_on(search, as_json=as_json)
