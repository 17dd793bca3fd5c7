"""Sends the messages of the outbox channel `email`: composes each from ids and hands it over once."""

import traceback
from pathlib import PurePath
from typing import Final

from tastemaker.config_store.keys import EMAIL_ENABLED, EMAIL_FROM_NAME, EMAIL_LATEST
from tastemaker.config_store.service import current_value
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.mail import queries
from tastemaker.mail.compose import Links, Mailbox, compose, greeted, on_the_wire, read_mailbox, render
from tastemaker.mail.kinds import KINDS
from tastemaker.mail.mailer import Mailer
from tastemaker.mail.service import EMAIL, EmailBody, refusal_of
from tastemaker.mail.transports import Letter, Transport
from tastemaker.outbox.channels import (
    NotSent,
    Outcome,
    OutgoingMessage,
    Refused,
    Sender,
)
from tastemaker.outbox.relay import Senders

LONG_SECONDS: Final = 900.0

log = get_logger(__name__)


def email_senders(database: Database, mailer: Mailer) -> Senders:
    """For a relay; empty where mail is off."""
    if mailer.transport is None or mailer.sender is None:
        return {}
    return {EMAIL: email_sender(database, mailer, transport=mailer.transport, sender=mailer.sender)}


def email_sender(database: Database, mailer: Mailer, *, transport: Transport, sender: Mailbox) -> Sender:
    async def send(message: OutgoingMessage) -> Outcome:
        try:
            letter = await _write(database, message, mailer, sender)
        except Exception as error:  # noqa: BLE001 - nothing has left: whatever it is, it is tried again
            log.error("e-mail %s could not be written: %s", message.id, _where(error))  # noqa: TRY400 - a message may hold an address
            return NotSent(f"It could not be written: {type(error).__name__}.")
        return await transport.send(letter) if isinstance(letter, Letter) else letter

    return send


async def _write(
    database: Database, message: OutgoingMessage, mailer: Mailer, sender: Mailbox
) -> Letter | Refused | NotSent:
    """As things are now. Reading ends before anything is sent."""
    body = EmailBody.model_validate(message.body)
    kind, user_id = KINDS[body.email], ExternalUserId(body.user_id)
    async with transaction(database, SYSTEM) as tx:
        facts = await queries.find_facts(tx, user_id, body.email, body.subject)
        from_name = await current_value(tx, EMAIL_FROM_NAME)
        is_on = await current_value(tx, EMAIL_ENABLED)
        latest = await current_value(tx, EMAIL_LATEST)
        is_late = await queries.is_late(tx, due=body.due, latest=latest)
    if not is_on:
        return NotSent("Mail is switched off.", retry_after=LONG_SECONDS)
    refusal = "It is too late for it." if is_late else refusal_of(kind, facts, mailer)
    if refusal is not None or facts is None:
        return Refused(refusal or "There is no such user any more.")
    try:
        to = read_mailbox(facts.address or "", name=greeted(facts.full_name) or "")
    except InvalidInput as error:
        return Refused(str(error))
    unsubscribe_url = mailer.unsubscribe_url(user_id) if kind.is_marketing else None
    links = Links(app=mailer.app_url, unsubscribe=unsubscribe_url)
    letter = compose(
        render(body.email, facts, links),
        sender=read_mailbox(sender.address, name=from_name),
        to=to,
        key=message.dedupe_key,
        unsubscribe_url=unsubscribe_url,
    )
    return Letter(key=message.dedupe_key, sender=sender.address, to=to.address, raw=on_the_wire(letter))


def _where(error: Exception) -> str:
    """Kind and place of an error, and nothing of what it says."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {PurePath(frame.filename).name}:{frame.lineno}"
