"""`tastemaker users …`: the operator's hand on users."""

import sys
from functools import partial

from tastemaker.cli import screen
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, in_session
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import in_transaction
from tastemaker.journeys.account_deletion import delete_user, erase_some_of


def delete(user: str, *, yes: bool, as_json: bool) -> None:
    in_session(lambda session: _delete(session, ExternalUserId(user), yes=yes, as_json=as_json))


async def _delete(session: Session, user_id: ExternalUserId, *, yes: bool, as_json: bool) -> None:
    """Erased here at once; should this die half-way, `tastemaker work` goes on."""
    if not yes:
        _ask(user_id, as_json=as_json)
    await in_transaction(session.database, SYSTEM, partial(delete_user, user_id=user_id))
    while await erase_some_of(session.database, user_id):
        pass
    if as_json:
        screen.write_json({"user": user_id, "deleted": True})
    else:
        screen.show(f"Deleted the user {plain(user_id)} and everything that was theirs.")


def _ask(user_id: ExternalUserId, *, as_json: bool) -> None:
    """Raises InvalidInput where nobody is there to ask, or who is there says no."""
    if as_json or not sys.stdin.isatty():
        raise InvalidInput("Deleting cannot be undone. Add --yes to do it without being asked.")
    screen.say(f"Delete the user {plain(user_id)} and everything that is theirs for good? Type yes: ")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise InvalidInput("Nothing was deleted.")
