"""The message as it travels: headers that cannot be broken out of, and both forms of the words."""

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import Final

from tastemaker.core.clock import utc_now
from tastemaker.core.errors import InvalidInput
from tastemaker.core.text import clean_line
from tastemaker.mail.rendering import Rendered

LONGEST_ADDRESS: Final = 254
LONGEST_NAME: Final = 80
LONGEST_LINE: Final = 998
_LOCAL: Final = re.compile(r"[^\s\x00-\x1f\x7f@<>()\[\]\\,;:\"]{1,64}")
_DOMAIN: Final = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)


class UnfitAddress(InvalidInput):
    """Not the address of one mailbox. The sentence does not repeat it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """`local` may be beyond ASCII; `domain` is as the network calls it."""

    local: str
    domain: str
    name: str = ""

    @property
    def address(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def header(self) -> Address:
        return Address(display_name=self.name, username=self.local, domain=self.domain)


def read_mailbox(address: str, *, name: str = "") -> Mailbox:
    """Of one address, without a display name in it; `name` may be anything. Raises UnfitAddress."""
    local, _, domain = address.strip().rpartition("@")
    try:
        network = domain.encode("idna").decode().lower()
    except UnicodeError:
        network = ""
    dotted = local.startswith(".") or local.endswith(".") or ".." in local
    if (
        len(address) > LONGEST_ADDRESS
        or dotted
        or not (_LOCAL.fullmatch(local) and _DOMAIN.fullmatch(network))
    ):
        raise UnfitAddress("That is not an e-mail address.")
    return Mailbox(local=local, domain=network, name=clean_line(name)[:LONGEST_NAME].strip())


def compose(
    rendered: Rendered, *, sender: Mailbox, to: Mailbox, key: str, unsubscribe_url: str | None
) -> EmailMessage:
    """`key` is the same for the same e-mail, for good: the Message-ID is made of it."""
    message = EmailMessage(policy=SMTP if to.local.isascii() and sender.local.isascii() else SMTPUTF8)
    message["From"] = sender.header
    message["To"] = to.header
    message["Subject"] = clean_line(rendered.subject)
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = message_id(key, sender)
    message["Auto-Submitted"] = "auto-generated"
    if unsubscribe_url:
        message["List-Unsubscribe"] = f"<{unsubscribe_url}>"
        if unsubscribe_url.startswith("https:"):  # RFC 8058 asks for it
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    return message


def on_the_wire(message: EmailMessage) -> bytes:
    """Headers are not folded: a long address in one would be broken up by that."""
    return message.as_bytes(policy=message.policy.clone(max_line_length=LONGEST_LINE))


def message_id(key: str, sender: Mailbox) -> str:
    """Angle brackets included."""
    return f"<{key}@{sender.domain}>"
