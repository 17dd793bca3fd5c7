"""`tastemaker users …`: what an operator does with users."""

from functools import partial
from typing import Annotated

import typer

from tastemaker.cli.groups import group
from tastemaker.cli.listing import answer
from tastemaker.cli.options import Json, Yes, confirm_deletion
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import in_transaction
from tastemaker.journeys.account_deletion import delete_user, erase_some_of

users_app = app = group("users")


@app.command()
@with_session
async def delete(
    session: Session,
    user: Annotated[
        str, typer.Argument(metavar="USER", help="The user's id as the identity provider calls it.")
    ],
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete a user with everything that is theirs, for good."""
    user_id = ExternalUserId(user)
    confirm_deletion(f"the user {plain(user_id)} and everything that is theirs", yes=yes, as_json=as_json)
    await in_transaction(session.database, SYSTEM, partial(delete_user, user_id=user_id))
    while await erase_some_of(session.database, user_id):
        pass  # where this process is killed, `tastemaker work` continues
    sentence = f"Deleted the user {plain(user_id)} and everything that was theirs."
    answer({"user": user_id, "deleted": True}, sentence, as_json=as_json)
