from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

app = group("What leaves the database: waiting, sent, failed, undecided.")

Message = Annotated[
    int, typer.Argument(metavar="ID", help="The message's number, as `outbox list` shows it.")
]


@app.command("list")
def show_all(
    *,
    status: Annotated[
        str | None,
        typer.Option(
            "--status", metavar="WORD", help="pending, sending, sent, failed, unknown or cancelled."
        ),
    ] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="Only this way out, such as email.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show the messages, the newest first."""
    from tastemaker.cli.outbox_commands import show_messages
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_messages(session, status, channel, limit=limit, as_json=as_json))


@app.command("show")
def show_one(message: Message, *, as_json: Json = False) -> None:
    """Show a message with its body."""
    from tastemaker.cli.outbox_commands import show_message
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_message(session, message, as_json=as_json))


@app.command()
def retry(
    message: Message,
    *,
    may_double: Annotated[
        bool, typer.Option("--may-double", help="Although it may have arrived already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send what failed, was cancelled or is unknown once more."""
    from tastemaker.cli.outbox_commands import retry as send_again
    from tastemaker.cli.session import in_session

    in_session(lambda session: send_again(session, message, may_double=may_double, as_json=as_json))


@app.command()
def resolve(
    message: Message,
    *,
    as_word: Annotated[
        str, typer.Option("--as", metavar="WORD", help="sent or failed: what became of it in truth.")
    ],
    as_json: Json = False,
) -> None:
    """Decide what became of an unknown message."""
    from tastemaker.cli.outbox_commands import resolve as decide
    from tastemaker.cli.session import in_session

    in_session(lambda session: decide(session, message, as_word, as_json=as_json))
