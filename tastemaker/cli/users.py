"""`tastemaker users …`: who uses this installation."""

from functools import partial
from typing import Annotated

import typer

from tastemaker.accounts import identity
from tastemaker.accounts.identity import NewLink
from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.listing import answer
from tastemaker.cli.options import Json, Yes, confirm_deletion
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.core.display import moment
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.settings import Settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.journeys.account_deletion import delete_user, erase_some_of

users_app = group("users")


@users_app.command()
@with_session
async def invite(
    session: Session,
    email: Annotated[
        str | None, typer.Argument(metavar="EMAIL", help="The address of the account (default: any).")
    ] = None,
    *,
    first: Annotated[
        bool,
        typer.Option("--first", help="For yourself: e-mail and password of the first administrator."),
    ] = False,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=1, max=65535, help="The port of the server.")
    ] = 8000,
    as_json: Json = False,
) -> None:
    """Print a link by which a person chooses a password, once.

    With --first also an administrator who has forgotten the password gets in again.
    """
    if first and email is not None:
        raise InvalidInput("--first takes no address: the person who follows the link writes one.")

    async def work(tx: Transaction) -> NewLink:
        if first:
            return await identity.make_first_link(tx)
        return await identity.invite(
            tx, email=identity.checked_email(email) if email else None, created_by=session.user.user_id
        )

    new = await in_transaction(session.database, SYSTEM, work)
    show_link(new, session.settings, port=port, as_json=as_json)


def show_link(new: NewLink, settings: Settings, *, port: int, as_json: bool) -> None:
    """The secret is shown now, and kept nowhere."""
    url = new.url(settings.public_url or f"http://127.0.0.1:{port}")
    if as_json:
        screen.write_json({"link": url, "purpose": new.link.purpose, "expires_at": new.link.expires_at})
        return
    screen.show(url, wraps=False)
    screen.say(f"It works once, until {moment(new.link.expires_at)} UTC. Who has it gets in.")


@users_app.command()
@with_session
async def delete(
    session: Session,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id at the identity provider.")],
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete a user and all their data. This cannot be undone."""
    user_id = ExternalUserId(user)
    confirm_deletion(f"the user {plain(user_id)} and everything that is theirs", yes=yes, as_json=as_json)
    await in_transaction(session.database, SYSTEM, partial(delete_user, user_id=user_id))
    while await erase_some_of(session.database, user_id):
        pass  # where this process is killed, `tastemaker work` continues
    sentence = f"Deleted the user {plain(user_id)} and everything that was theirs."
    answer({"user": user_id, "deleted": True}, sentence, as_json=as_json)
