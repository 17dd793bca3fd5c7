"""`tastemaker inbox …`: what came in, and having it processed again."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import UNKNOWN, counted, moment
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session
from tastemaker.cli.table import Column
from tastemaker.cli.words import word_of
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope
from tastemaker.db.enums import InboxStatus
from tastemaker.inbox import queries, service
from tastemaker.inbox.queries import InboxEntry, InboxMessage
from tastemaker.inbox.sources import InboxId

COLUMNS = (
    Column(title="Id", right=True),
    Column(title="Source", least=6),
    Column(title="State", least=9),
    Column(title="Received (UTC)", least=16),
    Column(title="Tries", right=True, rank=1),
    Column(title="Bytes", right=True, rank=2),
    Column(title="Message", least=12, most=40, rank=3),
    Column(title="Why", least=12, most=60, rank=4, style="dim"),
)


async def show_messages(
    session: Session, status: str | None, source: str | None, *, limit: int, as_json: bool
) -> None:
    wanted = word_of(InboxStatus, status)
    async with session_scope(session.database, SYSTEM) as reading:
        entries = await queries.list_messages(reading, status=wanted, source=source, limit=limit)
    if as_json:
        screen.write_json({"messages": [asdict(entry) for entry in entries]})
    elif not entries:
        screen.show("There is no such message in the inbox.")
    else:
        show_table(COLUMNS, [_row(entry) for entry in entries])


async def show_message(session: Session, message: int, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as reading:
        found = await service.get_message(reading, InboxId(message))
    _show(found, as_json=as_json)


async def replay(session: Session, message: int, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as writing:
        found = await service.replay(writing, InboxId(message))
    _show(found, as_json=as_json)


def _row(entry: InboxEntry) -> Sequence[str]:
    return (
        str(entry.id),
        plain(entry.source),
        entry.status.value,
        moment(entry.received_at),
        str(entry.attempts),
        f"{entry.size:,}",
        plain(entry.message_id),
        plain(entry.error) or "",
    )


def _show(message: InboxMessage, *, as_json: bool) -> None:
    if as_json:
        screen.write_json(_document(message))
        return
    for name, value in _facts(message):
        screen.show(Text.assemble((f"{name:<10}", "dim"), value), wraps=False)
    screen.show("")
    for name, value in message.headers.items():
        screen.show(Text(f"{plain(name)}: {plain(value)}", style="dim"), wraps=False)
    screen.show("")
    screen.show(plain(message.raw.decode(errors="replace")), wraps=False)


def _document(message: InboxMessage) -> dict[str, Any]:
    """The body as text where it is UTF-8, and always exactly, in base64."""
    document = asdict(message)
    raw = document.pop("raw")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = None
    return {**document, "text": text, "base64": b64encode(raw).decode()}


def _facts(message: InboxMessage) -> list[tuple[str, str]]:
    facts = [
        ("State", message.status.value),
        ("Source", plain(message.source)),
        ("Message", plain(message.message_id)),
        ("Verified", "yes" if message.verified else "no"),
        ("Whose", plain(message.tenant_id) or UNKNOWN),
        ("Tries", str(message.attempts)),
        ("Received", f"{moment(message.received_at)} UTC"),
        ("Processed", f"{moment(message.processed_at)} UTC" if message.processed_at else UNKNOWN),
        ("Size", counted(message.size, "byte")),
    ]
    return facts + ([("Why", plain(message.error))] if message.error else [])
