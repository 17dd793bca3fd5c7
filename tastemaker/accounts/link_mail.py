"""Mails the links of accounts. The outbox keeps the id of a link; writing the mail makes the secret.

So the secret is in no table and no log, and a mail that is sent again carries a new one.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from tastemaker.accounts import identity
from tastemaker.accounts.identity import NewLink
from tastemaker.accounts.identity_queries import FIND_BY_EMAIL, FIND_LINK_BY_ID, AccountLink
from tastemaker.core.settings import Settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import LinkPurpose
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.mail.compose import Mailbox, compose, on_the_wire, read_mailbox, render_values
from tastemaker.mail.mailer import Mailer
from tastemaker.mail.transports import Letter, Transport
from tastemaker.outbox.channels import (
    Channel,
    Guarantee,
    NotSent,
    Outcome,
    OutgoingMessage,
    Refused,
    Sender,
    declare,
)
from tastemaker.outbox.service import put

LINKS: Final = declare(
    Channel(
        name="account_links",
        guarantee=Guarantee.AT_MOST_ONCE,
        meaning="Links to sign up, to choose a password, to confirm an address, or to join an account.",
    )
)
TEMPLATE: Final = "account_link.mail"


def is_mail_on(settings: Settings) -> bool:
    """Whether links are mailed. Else they are shown to an administrator, who hands them on."""
    return settings.mail_url is not None and settings.public_url is not None


async def put_link(tx: Transaction, link: AccountLink) -> None:
    """Has the link mailed to its address after the transaction."""
    await put(
        tx,
        channel=LINKS,
        body={"link_id": str(link.id)},
        dedupe_key=f"account-link-{link.id}",
        tenant_id=link.tenant_id,
    )


def link_senders(database: Database, mailer: Mailer) -> Mapping[Channel, Sender]:
    """For a relay; empty where mail is off."""
    if mailer.transport is None or mailer.sender is None or mailer.app_url is None:
        return {}
    return {LINKS: _sender(database, mailer.app_url, transport=mailer.transport, sender=mailer.sender)}


def _sender(database: Database, app_url: str, *, transport: Transport, sender: Mailbox) -> Sender:
    async def send(message: OutgoingMessage) -> Outcome:
        try:
            letter = await _write(database, message, app_url, sender)
        except Exception as error:  # noqa: BLE001 - nothing has left: whatever it is, it is tried again
            return NotSent(f"It could not be written: {type(error).__name__}.")
        return await transport.send(letter) if isinstance(letter, Letter) else letter

    return send


async def _write(
    database: Database, message: OutgoingMessage, app_url: str, sender: Mailbox
) -> Letter | Refused:
    """To a person who has an account, a link to sign up would be of no use: the mail says so instead."""
    async with transaction(database, SYSTEM) as tx:
        link = await tx.one(FIND_LINK_BY_ID, id=UUID(message.body["link_id"]))
        if link is None or not link.is_open or link.email is None:
            return Refused("The link was used or withdrawn, or has expired.")
        is_known = await tx.one(FIND_BY_EMAIL, email=link.email) is not None
        if link.purpose is LinkPurpose.RESET and not is_known:
            return Refused("No account has this address.")
        new = await identity.show_link(tx, link, is_mailed=True)
    rendered = render_values(TEMPLATE, _values(new, app_url, is_known=is_known))
    to = read_mailbox(link.email)
    letter = compose(rendered, sender=sender, to=to, key=message.dedupe_key, unsubscribe_url=None)
    return Letter(key=message.dedupe_key, sender=sender.address, to=to.address, raw=on_the_wire(letter))


def _values(new: NewLink, app_url: str, *, is_known: bool) -> dict[str, object]:
    purpose = new.link.purpose
    has_account = is_known and purpose is LinkPurpose.SIGN_UP
    return {
        "purpose": "has_account" if has_account else purpose.value,
        "app_url": app_url,
        "url": f"{app_url}/sign-in" if has_account else new.url(app_url),
        "hours": round(identity.LIVES[purpose].total_seconds() / 3600),
    }
