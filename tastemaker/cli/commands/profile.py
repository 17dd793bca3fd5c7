from typing import Annotated

import typer

from tastemaker.cli.help_page import Json


def profile(
    platform: Annotated[str, typer.Argument(metavar="PLATFORM", help="youtube, tiktok or instagram.")],
    handle: Annotated[str, typer.Argument(metavar="HANDLE", help="With or without its @.")],
    *,
    by_id: Annotated[
        bool, typer.Option("--by-id", help="HANDLE is the platform's id, which never changes.")
    ] = False,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Ask the made-up creators although there are keys.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look up one account. It is shown and not kept; a live call is paid for and in the ledger."""
    from tastemaker.cli.profile_command import show_profile

    show_profile(platform, handle, by_id=by_id, sandbox=sandbox, as_json=as_json)
