from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

app = group("What came in from outside, as it came, for 35 days.")

Message = Annotated[int, typer.Argument(metavar="ID", help="The message's number, as `inbox list` shows it.")]


@app.command("list")
def show_all(
    *,
    status: Annotated[
        str | None, typer.Option("--status", metavar="WORD", help="received, processed or failed.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Only what this one sent.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show the messages, the newest first."""
    from tastemaker.cli.inbox_commands import show_messages
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_messages(session, status, source, limit=limit, as_json=as_json))


@app.command("show")
def show_one(message: Message, *, as_json: Json = False) -> None:
    """Show a message, its headers and its body as it came."""
    from tastemaker.cli.inbox_commands import show_message
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_message(session, message, as_json=as_json))


@app.command()
def replay(message: Message, *, as_json: Json = False) -> None:
    """Have a message processed once more."""
    from tastemaker.cli.inbox_commands import replay as process_again
    from tastemaker.cli.session import in_session

    in_session(lambda session: process_again(session, message, as_json=as_json))
