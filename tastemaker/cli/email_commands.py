"""`tastemaker emails …`: what is mailed to users."""

import asyncio
from dataclasses import asdict
from datetime import timedelta

from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import UNKNOWN, moment
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session
from tastemaker.cli.streams import write
from tastemaker.cli.table import Column
from tastemaker.cli.words import word_of
from tastemaker.config_store.service import current_value
from tastemaker.config_store.values import write_duration
from tastemaker.core.errors import AppError, Conflict, InvalidInput
from tastemaker.core.ids import ExternalUserId, new_token
from tastemaker.core.settings import get_settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope
from tastemaker.db.enums import EmailType, UnsubscriptionSource
from tastemaker.mail.compose import compose, on_the_wire, read_mailbox
from tastemaker.mail.kinds import KINDS
from tastemaker.mail.mailer import Mailer, mailer_of
from tastemaker.mail.previews import preview
from tastemaker.mail.sequence import AT_SIGN_UP, AT_TRIAL_START
from tastemaker.mail.service import EmailState, UserEmails, get_user_emails
from tastemaker.mail.transports import Letter
from tastemaker.mail.unsubscribe import resubscribe, unsubscribe
from tastemaker.outbox.channels import Outcome, Sent

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
    """A test e-mail did not leave."""


async def show_kinds(session: Session, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as reading:
        delays = {
            email: await current_value(reading, delay) for email, delay in (*AT_SIGN_UP, *AT_TRIAL_START)
        }
    rows = [(kind, delays.get(kind.type, timedelta(0))) for kind in KINDS.values()]
    if as_json:
        screen.write_json({"emails": [
            {
                "type": kind.type,
                "after": kind.cause,
                "due_seconds": due.total_seconds(),
                "marketing": kind.is_marketing,
                "meaning": kind.meaning,
            }
            for kind, due in rows
        ]})  # fmt: skip
        return
    show_table(
        KINDS_COLUMNS,
        [
            (
                kind.type.value,
                kind.cause,
                write_duration(due) if due else "at once",
                "yes" if kind.is_marketing else "no",
                kind.meaning,
            )
            for kind, due in rows
        ],
    )


async def show_standing(session: Session, user: str, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as reading:
        standing = await get_user_emails(reading, ExternalUserId(user))
    _show(standing, as_json=as_json)


def show_preview(typed: str, *, html: bool, as_json: bool) -> None:
    rendered = preview(_email(typed))
    if as_json:
        screen.write_json(asdict(rendered))
    elif html:
        write(rendered.html)
    else:
        write(f"Subject: {rendered.subject}\n\n{rendered.text}")


def send_test(address: str, typed: str, *, as_json: bool) -> None:
    """Raises NotTaken, Conflict where mail is off, InvalidInput."""
    outcome = asyncio.run(_send(mailer_of(get_settings()), address, _email(typed)))
    if not isinstance(outcome, Sent):
        raise NotTaken(outcome.reason)
    if as_json:
        screen.write_json({"taken": True})
    else:
        screen.show("The mail server has taken it.")


async def change_marketing(session: Session, user: str, *, wanted: bool, as_json: bool) -> None:
    user_id = ExternalUserId(user)
    async with session_scope(session.database, SYSTEM) as writing:
        await get_user_emails(writing, user_id)
        if wanted:
            await resubscribe(writing, user_id)
        else:
            await unsubscribe(writing, user_id, source=UnsubscriptionSource.OPERATOR)
        standing = await get_user_emails(writing, user_id)
    _show(standing, as_json=as_json)


async def _send(mailer: Mailer, address: str, email: EmailType) -> Outcome:
    """Without a link to unsubscribe: nobody made up can."""
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
        raise InvalidInput("Say which e-mail.")
    return found


def _show(standing: UserEmails, *, as_json: bool) -> None:
    if as_json:
        screen.write_json(asdict(standing))
        return
    show_table(STANDING_COLUMNS, [_row(one) for one in standing.emails])
    if standing.unsubscribed:
        screen.show(f"Gets no marketing: said so by {standing.unsubscribed.value}.")


def _row(standing: EmailState) -> tuple[str, ...]:
    return (
        standing.email.value,
        plain(standing.status) or UNKNOWN,
        (plain(standing.since) or UNKNOWN)[:16].replace("T", " "),
        moment(standing.due) if standing.due else "",
        standing.outbox or "",
        plain(standing.why) or "",
    )
