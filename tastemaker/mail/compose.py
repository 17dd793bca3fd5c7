"""Composes an e-mail: one template, rendered as HTML and as plain text, put into a MIME message.

Both forms say the same: they differ only in `layout` and `parts`. Text of a user is escaped in HTML and is
one line without control characters everywhere, so that no header can be injected.
"""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from tastemaker.core.clock import utc_now
from tastemaker.core.errors import InvalidInput
from tastemaker.core.text import clean_line
from tastemaker.db.enums import EmailType
from tastemaker.mail.kinds import CampaignFacts, Facts

LONGEST_SUBJECT: Final = 150
LONGEST_NAME: Final = 60
WIDTH: Final = 72
_ADDRESS: Final = re.compile(r"[:/@<>]|\bwww\.|\.[a-z]{2,}\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """`app`: where the installation is seen, None where it is not to be linked to.

    `unsubscribe` only in e-mails that one may do without.
    """

    app: str | None = None
    unsubscribe: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    subject: str
    text: str
    html: str


def render(email: EmailType, facts: Facts, links: Links) -> Rendered:
    """Raises UndefinedError where a template speaks of what the facts do not know."""
    return render_values(f"{email.value}.mail", _values(facts, links))


def render_values(template: str, values: Mapping[str, Any]) -> Rendered:
    """Of a template that speaks of these values alone."""
    host = values["app_url"] and urlsplit(values["app_url"]).netloc
    known = {"host": host, "unsubscribe_url": None, **values}
    known["subject"] = _subject(template, known)
    html = _environment("html").get_template(template).render(known)
    text = _environment("txt").get_template(template).render(known)
    return Rendered(subject=known["subject"], text=text.strip() + "\n", html=html)


def greeted(name: str | None) -> str | None:
    """None for what is no name but an address: anybody may sign up with somebody else's e-mail address."""
    line = _short(name or "", LONGEST_NAME)
    return None if not line or _ADDRESS.search(line) else line


def _subject(name: str, values: Mapping[str, Any]) -> str:
    template = _environment("txt").get_template(name)
    context = template.new_context(dict(values))
    return _short("".join(template.blocks["subject"](context)), LONGEST_SUBJECT)


def _values(facts: Facts, links: Links) -> dict[str, Any]:
    """What templates may mention; a template omits what is None."""
    ends = facts.trial_ends_at
    return {
        "name": greeted(facts.full_name),
        "plan_name": _short(facts.plan_name or "", LONGEST_NAME) or None,
        "trial_ends_on": ends and f"{ends.day} {ends:%B %Y}",
        "campaign": facts.campaign and _campaign(facts.campaign),
        "app_url": links.app,
        "unsubscribe_url": links.unsubscribe,
    }


def _campaign(campaign: CampaignFacts) -> Mapping[str, Any]:
    return {"name": _short(campaign.name, LONGEST_NAME), "creators": campaign.creators}


def _short(text: str, most: int) -> str:
    line = clean_line(text)
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


@cache
def _environment(kind: str) -> Environment:
    """Of `html` or `txt`."""
    environment = Environment(
        loader=PackageLoader("tastemaker.mail"),
        autoescape=kind == "html",  # noqa: S701 - plain text has nothing to escape
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(fold=_fold, count_of=_count_of)
    environment.globals["layout"] = f"layout.{kind}"
    environment.globals["parts"] = environment.get_template(f"parts.{kind}").module
    return environment


def _fold(text: str, mark: str = "") -> str:
    """One paragraph of lines that any mail program shows whole; an address is never broken."""
    return textwrap.fill(
        " ".join(text.split()),
        width=WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _count_of(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


LONGEST_ADDRESS: Final = 254
LONGEST_DISPLAY_NAME: Final = 80
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
    return Mailbox(local=local, domain=network, name=clean_line(name)[:LONGEST_DISPLAY_NAME].strip())


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
