from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, group

app = group("What is mailed to users: when, how it looks, and where it stands.")

User = Annotated[str, typer.Argument(metavar="USER", help="The user's external id.")]


@app.command("list")
def show_all(*, as_json: Json = False) -> None:
    """Show every e-mail there is, and how long after its cause it is due."""
    from tastemaker.cli.email_commands import show_kinds
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_kinds(session, as_json=as_json))


@app.command("show")
def show_one(user: User, *, as_json: Json = False) -> None:
    """Show where a user's e-mails stand."""
    from tastemaker.cli.email_commands import show_standing
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_standing(session, user, as_json=as_json))


@app.command()
def preview(
    email: Annotated[str, typer.Argument(metavar="TYPE", help="As `emails list` names it.")],
    *,
    html: Annotated[bool, typer.Option("--html", help="The HTML form, for a browser.")] = False,
    as_json: Json = False,
) -> None:
    """Print an e-mail as it looks, about somebody made up."""
    from tastemaker.cli.email_commands import show_preview

    show_preview(email, html=html, as_json=as_json)


@app.command("test")
def send_one(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where it is to arrive.")],
    *,
    email: Annotated[str, typer.Option("--type", metavar="TYPE", help="Which one.")] = "welcome",
    as_json: Json = False,
) -> None:
    """Send one e-mail, about somebody made up, to an address of yours: at once, past the outbox."""
    from tastemaker.cli.email_commands import send_test

    send_test(address, email, as_json=as_json)


@app.command()
def unsubscribe(user: User, *, as_json: Json = False) -> None:
    """Send a user no marketing any more."""
    from tastemaker.cli.email_commands import change_marketing
    from tastemaker.cli.session import in_session

    in_session(lambda session: change_marketing(session, user, wanted=False, as_json=as_json))


@app.command()
def resubscribe(user: User, *, as_json: Json = False) -> None:
    """Send a user marketing again, because they asked for it."""
    from tastemaker.cli.email_commands import change_marketing
    from tastemaker.cli.session import in_session

    in_session(lambda session: change_marketing(session, user, wanted=True, as_json=as_json))
