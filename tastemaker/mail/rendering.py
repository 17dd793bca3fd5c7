"""From facts to words: one template for each e-mail, rendered twice, as HTML and as its plain-text twin.

The two cannot say different things: they differ only in `layout` and `parts`. Whatever comes from a user is
escaped in the one, and a single line without control characters in both.
"""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from tastemaker.core.text import clean_line
from tastemaker.db.enums import EmailType
from tastemaker.mail.facts import CampaignFacts, Facts

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
    values = _values(facts, links)
    subject = _subject(email, values)
    values["subject"] = subject
    html = _environment("html").get_template(f"{email.value}.mail").render(values)
    text = _environment("txt").get_template(f"{email.value}.mail").render(values)
    return Rendered(subject=subject, text=text.strip() + "\n", html=html)


def greeted(name: str | None) -> str | None:
    """None for what is no name but an address: anybody may sign up with somebody else's e-mail address."""
    line = _short(name or "", LONGEST_NAME)
    return None if not line or _ADDRESS.search(line) else line


def _subject(email: EmailType, values: Mapping[str, Any]) -> str:
    template = _environment("txt").get_template(f"{email.value}.mail")
    context = template.new_context(dict(values))
    return _short("".join(template.blocks["subject"](context)), LONGEST_SUBJECT)


def _values(facts: Facts, links: Links) -> dict[str, Any]:
    """What templates may speak of; None, and nothing is said of it."""
    ends = facts.trial_ends_at
    return {
        "name": greeted(facts.full_name),
        "plan_name": _short(facts.plan_name or "", LONGEST_NAME) or None,
        "trial_ends_on": ends and f"{ends.day} {ends:%B %Y}",
        "campaign": facts.campaign and _campaign(facts.campaign),
        "app_url": links.app,
        "host": links.app and urlsplit(links.app).netloc,
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
