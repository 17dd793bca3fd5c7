"""`tastemaker emails …`: what is mailed to users."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, answer, show_table
from tastemaker.cli.options import Json, word_of
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.streams import write
from tastemaker.cli.table import Column
from tastemaker.config_store.service import current_value
from tastemaker.config_store.values import write_duration
from tastemaker.core.display import UNKNOWN, moment
from tastemaker.core.errors import AppError, Conflict, InvalidInput
from tastemaker.core.ids import ExternalUserId, new_token
from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import EmailType, UnsubscriptionSource
from tastemaker.db.transaction import transaction
from tastemaker.mail.compose import compose, on_the_wire, read_mailbox
from tastemaker.mail.kinds import KINDS, Kind
from tastemaker.mail.mailer import Mailer, mailer_of
from tastemaker.mail.previews import preview
from tastemaker.mail.sequence import AT_SIGN_UP, AT_TRIAL_START
from tastemaker.mail.service import EmailState, UserEmails, get_user_emails
from tastemaker.mail.transports import Letter
from tastemaker.mail.unsubscribe import resubscribe, unsubscribe
from tastemaker.outbox.channels import Outcome, Sent

emails_app = group("emails")

User = Annotated[str, typer.Argument(metavar="USER", help="The user's external id.")]
Typed = Annotated[str, typer.Argument(metavar="TYPE", help="As `emails list` names it.")]

KINDS_COLUMNS = (
    Column(title="Type", least=20),
    Column(title="After", least=20),
    Column(title="Due", right=True),
    Column(title="Marketing", least=9),
    Column(title="Meaning", least=20, most=80, rank=1, style="dim"),
)

STANDING_COLUMNS = (
    Column(title="Type", least=20),
    Column(title="State", least=9),
    Column(title="Since (UTC)", least=16),
    Column(title="Due (UTC)", least=16, rank=1),
    Column(title="Outbox", least=7, rank=2),
    Column(title="Why", least=12, most=60, rank=3, style="dim"),
)


class NotTaken(AppError):
    """A test e-mail was not taken by the mail server."""


def _kind_row(row: tuple[Kind, timedelta]) -> Sequence[str]:
    kind, due = row
    return (
        kind.type.value,
        kind.cause,
        write_duration(due) if due else "at once",
        "yes" if kind.is_marketing else "no",
        kind.meaning,
    )


def _kind_document(row: tuple[Kind, timedelta]) -> dict[str, object]:
    kind, due = row
    return {
        "type": kind.type,
        "after": kind.cause,
        "due_seconds": due.total_seconds(),
        "marketing": kind.is_marketing,
        "meaning": kind.meaning,
    }


EMAILS = Listing("emails", KINDS_COLUMNS, _kind_row, empty="There is no e-mail.", document=_kind_document)


@emails_app.command("list")
@with_session
async def show_all(session: Session, *, as_json: Json = False) -> None:
    """Show every type of e-mail and its delay."""
    async with transaction(session.database, SYSTEM) as tx:
        delays = {email: await current_value(tx, delay) for email, delay in (*AT_SIGN_UP, *AT_TRIAL_START)}
    rows = [(kind, delays.get(kind.type, timedelta(0))) for kind in KINDS.values()]
    EMAILS.show(rows, as_json=as_json)


@emails_app.command("show")
@with_session
async def show_one(session: Session, user: User, *, as_json: Json = False) -> None:
    """Show the state of each e-mail to a user."""
    async with transaction(session.database, SYSTEM) as tx:
        standing = await get_user_emails(tx, ExternalUserId(user))
    _show(standing, as_json=as_json)


@emails_app.command("preview")
def show_preview(
    email: Typed,
    *,
    html: Annotated[bool, typer.Option("--html", help="The HTML form, for a browser.")] = False,
    as_json: Json = False,
) -> None:
    """Print an e-mail with made-up data."""
    rendered = preview(_email(email))
    if as_json:
        screen.write_json(asdict(rendered))
    elif html:
        write(rendered.html)
    else:
        write(f"Subject: {rendered.subject}\n\n{rendered.text}")


@emails_app.command("test")
def send_test(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The recipient.")],
    *,
    email: Annotated[str, typer.Option("--type", metavar="TYPE", help="The type of e-mail.")] = "welcome",
    as_json: Json = False,
) -> None:
    """Send an e-mail with made-up data to your address, at once and without the outbox."""
    outcome = asyncio.run(_send(mailer_of(get_settings()), address, _email(email)))
    if not isinstance(outcome, Sent):
        raise NotTaken(outcome.reason)
    answer({"taken": True}, "The mail server accepted it.", as_json=as_json)


@emails_app.command("unsubscribe")
@with_session
async def stop_marketing(session: Session, user: User, *, as_json: Json = False) -> None:
    """Stop marketing e-mails to a user."""
    await _change_marketing(session, user, wanted=False, as_json=as_json)


@emails_app.command("resubscribe")
@with_session
async def start_marketing(session: Session, user: User, *, as_json: Json = False) -> None:
    """Resume marketing e-mails to a user who asked for them."""
    await _change_marketing(session, user, wanted=True, as_json=as_json)


async def _change_marketing(session: Session, user: str, *, wanted: bool, as_json: bool) -> None:
    user_id = ExternalUserId(user)
    async with transaction(session.database, SYSTEM) as tx:
        await get_user_emails(tx, user_id)
        if wanted:
            await resubscribe(tx, user_id)
        else:
            await unsubscribe(tx, user_id, source=UnsubscriptionSource.OPERATOR)
        standing = await get_user_emails(tx, user_id)
    _show(standing, as_json=as_json)


async def _send(mailer: Mailer, address: str, email: EmailType) -> Outcome:
    """Without a link to unsubscribe: the recipient is no user."""
    if mailer.transport is None or mailer.sender is None:
        raise Conflict("Mail is off: set TASTEMAKER_MAIL_URL and TASTEMAKER_MAIL_FROM.")
    to = read_mailbox(address)
    sender = read_mailbox(mailer.sender.address, name="Tastemaker")
    key = new_token(15)
    letter = compose(preview(email), sender=sender, to=to, key=key, unsubscribe_url=None)
    return await mailer.transport.send(
        Letter(key=key, sender=sender.address, to=to.address, raw=on_the_wire(letter))
    )


def _email(typed: str) -> EmailType:
    found = word_of(EmailType, typed)
    if found is None:
        raise InvalidInput("Name the type of e-mail.")
    return found


def _show(standing: UserEmails, *, as_json: bool) -> None:
    if as_json:
        screen.write_json(asdict(standing))
        return
    show_table(STANDING_COLUMNS, [_row(one) for one in standing.emails])
    if standing.unsubscribed:
        screen.show(f"Receives no marketing: unsubscribed by {standing.unsubscribed.value}.")


def _row(standing: EmailState) -> tuple[str, ...]:
    return (
        standing.email.value,
        plain(standing.status) or UNKNOWN,
        (plain(standing.since) or UNKNOWN)[:16].replace("T", " "),
        moment(standing.due) if standing.due else "",
        standing.outbox or "",
        plain(standing.why) or "",
    )
