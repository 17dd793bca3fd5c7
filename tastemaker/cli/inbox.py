"""`tastemaker inbox …`: what came in, and having it processed again."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, show_facts
from tastemaker.cli.numbers import UNKNOWN, counted, moment
from tastemaker.cli.options import Json, Limit, word_of
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.table import Column
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import InboxStatus
from tastemaker.db.transaction import transaction
from tastemaker.inbox import queries, service
from tastemaker.inbox.queries import InboxEntry, InboxId, InboxMessage
from tastemaker.runtime import register_tasks

inbox_app = app = group("inbox")

Message = Annotated[int, typer.Argument(metavar="ID", help="The message's number, as `inbox list` shows it.")]

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


MESSAGES = Listing("messages", COLUMNS, _row, empty="There is no such message in the inbox.")


@app.command("list")
@with_session
async def show_all(
    session: Session,
    *,
    status: Annotated[
        str | None, typer.Option("--status", metavar="WORD", help="received, processed or failed.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Only what this one sent.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show the messages, the newest first."""
    wanted = word_of(InboxStatus, status)
    async with transaction(session.database, SYSTEM) as tx:
        entries = await queries.list_messages(tx, status=wanted, source=source, limit=limit)
    MESSAGES.show(entries, as_json=as_json)


@app.command("show")
@with_session
async def show_one(session: Session, message: Message, *, as_json: Json = False) -> None:
    """Show a message, its headers and its body as it came."""
    async with transaction(session.database, SYSTEM) as tx:
        found = await service.get_message(tx, InboxId(message))
    _show(found, as_json=as_json)


@app.command()
@with_session
async def replay(session: Session, message: Message, *, as_json: Json = False) -> None:
    """Have a message processed once more."""
    register_tasks()
    async with transaction(session.database, SYSTEM) as tx:
        found = await service.replay(tx, InboxId(message))
    _show(found, as_json=as_json)


def _show(message: InboxMessage, *, as_json: bool) -> None:
    if as_json:
        screen.write_json(_document(message))
        return
    show_facts(_facts(message))
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
