"""`tastemaker users …`: who uses this installation."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Final

import typer

from tastemaker.accounts import identity
from tastemaker.accounts.identity import NewLink
from tastemaker.admin import users
from tastemaker.admin.queries import FoundUser, list_users, search_users
from tastemaker.admin.users_api import document_of
from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, answer, show_facts
from tastemaker.cli.options import Cursor, Json, Limit, Yes, confirm_deletion
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.table import Column
from tastemaker.core.display import UNKNOWN, counted, moment
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.settings import Settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, in_transaction, transaction
from tastemaker.events.reading_queries import list_events
from tastemaker.journeys.account_deletion import delete_user, erase_some_of

users_app = group("users")

MOST_EVENTS: Final = 10


USER_COLUMNS = (
    Column(title="User", least=8, most=40),
    Column(title="Name", least=8, most=30, rank=1),
    Column(title="E-mail", least=10, most=40, rank=1),
    Column(title="Plan", least=8, rank=2),
    Column(title="Admin", least=5, rank=3),
    Column(title="Since (UTC)", least=16, rank=3),
)

Who = Annotated[str, typer.Argument(metavar="USER", help="The user's id or e-mail address.")]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept with the event.")]
Port = Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="The port of the server.")]


def _row(user: FoundUser) -> Sequence[str]:
    return (
        plain(user.user_id),
        plain(user.full_name) or UNKNOWN,
        plain(user.email) or UNKNOWN,
        user.current_plan or UNKNOWN,
        "yes" if user.is_admin else "",
        moment(user.created_at),
    )


USERS = Listing("users", USER_COLUMNS, _row, empty="There is no such user.")


@users_app.command("list")
@with_session
async def show_all(
    session: Session, *, limit: Limit = 50, after: Cursor = None, as_json: Json = False
) -> None:
    """List the users, the newest first."""
    found = await list_users(session.database, after=after, limit=limit)
    USERS.show_page(found, command="tastemaker users list --after", as_json=as_json)


@users_app.command()
@with_session
async def search(
    session: Session,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A part of the name, e-mail or business.")],
    *,
    limit: Limit = 50,
    after: Cursor = None,
    as_json: Json = False,
) -> None:
    """Find users by a part of the name, e-mail or business."""
    found = await search_users(session.database, SYSTEM, text, after=after, limit=limit)
    USERS.show_page(found, command=f"tastemaker users search {text} --after", as_json=as_json)


@users_app.command()
@with_session
async def show(session: Session, user: Who, *, as_json: Json = False) -> None:
    """Show a user: profile, plan, usage, and the latest events."""
    async with transaction(session.database, SYSTEM) as tx:
        details = await users.get_details(tx, await users.find_user(tx, user))
    events = await list_events(session.database, details.profile.user_id, limit=MOST_EVENTS)
    if as_json:
        latest = [asdict(one) for one in events.rows]
        screen.write_json({**document_of(details), "events": latest})
        return
    profile, counts = details.profile, details.counts
    show_facts(
        [
            ("User", plain(profile.user_id)),
            ("Name", plain(profile.full_name) or UNKNOWN),
            ("E-mail", plain(profile.email) or UNKNOWN),
            ("Company", plain(profile.business_name) or UNKNOWN),
            ("Signs in", "by password" if details.credentials else "has no password yet"),
            ("Admin", "yes" if profile.is_admin else "no"),
            ("Plan", f"{profile.current_plan}, {profile.subscription_status or 'none'}"),
            ("Trial", profile.trial_status or UNKNOWN),
            ("Onboarding", profile.onboarding_step),
            ("Campaigns", str(counts.campaigns)),
            ("Creators", f"{profile.usage_creators_current_month or 0:,} in this period"),
            ("Access", f"{counted(counts.sessions, 'browser')}, {counted(counts.keys, 'key')}"),
            ("Members", str(counts.members)),
        ],
        width=11,
    )
    for one in events.rows:
        screen.show(f"{moment(one.timestamp)}  {one.event_type}", wraps=False)


@users_app.command()
@with_session
async def create(
    session: Session,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The address of the account.")],
    *,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The person's name.")] = None,
    plan: Annotated[
        str | None, typer.Option("--plan", metavar="PLAN", help="The key of the plan (default: new users').")
    ] = None,
    port: Port = 8000,
    as_json: Json = False,
) -> None:
    """Create an account, and print the link by which its person chooses a password."""
    make = partial(users.create_user, email=email, full_name=name, plan=plan, actor=session.user.user_id)
    _, new = await in_transaction(session.database, SYSTEM, make)
    show_link(new, session.settings, port=port, as_json=as_json)


@users_app.command()
@with_session
async def reset(
    session: Session, user: Who, *, reason: Reason = None, port: Port = 8000, as_json: Json = False
) -> None:
    """Print a link by which a user chooses a new password, once."""

    async def work(tx: Transaction) -> NewLink:
        found = await users.find_user(tx, user)
        return await users.make_link(tx, found, actor=session.user.user_id, reason=reason)

    new = await in_transaction(session.database, SYSTEM, work)
    show_link(new, session.settings, port=port, as_json=as_json)


@users_app.command("grant-admin")
@with_session
async def grant_admin(session: Session, user: Who, *, reason: Reason = None, as_json: Json = False) -> None:
    """Appoint an administrator."""
    await _appoint(session, user, is_admin=True, reason=reason, as_json=as_json)


@users_app.command("revoke-admin")
@with_session
async def revoke_admin(session: Session, user: Who, *, reason: Reason = None, as_json: Json = False) -> None:
    """Dismiss an administrator. The last one stays."""
    await _appoint(session, user, is_admin=False, reason=reason, as_json=as_json)


async def _appoint(session: Session, user: str, *, is_admin: bool, reason: str | None, as_json: bool) -> None:
    async def work(tx: Transaction) -> tuple[ExternalUserId, bool]:
        found = await users.find_user(tx, user)
        changed = await users.set_administrator(
            tx, found, is_admin=is_admin, actor=session.user.user_id, reason=reason
        )
        return found, changed

    user_id, changed = await in_transaction(session.database, SYSTEM, work)
    state = "an administrator" if is_admin else "no administrator"
    sentence = f"{plain(user_id)} is {state} now." if changed else f"{plain(user_id)} was {state} before."
    answer({"user": user_id, "is_admin": is_admin, "changed": changed}, sentence, as_json=as_json)


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
    port: Port = 8000,
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
        return await users.invite_user(tx, email=email, actor=session.user.user_id)

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
    user: Who,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete a user and all their data. This cannot be undone."""
    async with transaction(session.database, SYSTEM) as tx:
        user_id = await users.find_user(tx, user)
    confirm_deletion(f"the user {plain(user_id)} and everything that is theirs", yes=yes, as_json=as_json)
    await in_transaction(session.database, SYSTEM, partial(delete_user, user_id=user_id))
    while await erase_some_of(session.database, user_id):
        pass  # where this process is killed, `tastemaker work` continues
    sentence = f"Deleted the user {plain(user_id)} and everything that was theirs."
    answer({"user": user_id, "deleted": True}, sentence, as_json=as_json)
