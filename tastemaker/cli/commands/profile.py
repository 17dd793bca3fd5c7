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
    max_age: Annotated[
        str | None,
        typer.Option("--max-age", metavar="TIME", help="What was told no longer ago will do; 0s asks anew."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look up one account. A live call is paid for, in the ledger, and answers others for a time."""
    from tastemaker.cli.profile_command import show_profile

    show_profile(platform, handle, by_id=by_id, sandbox=sandbox, max_age=max_age, as_json=as_json)
