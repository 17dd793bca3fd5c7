"""`tastemaker outbox …` and `tastemaker inbox …`: messages that leave, messages that came in."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import orjson
import typer
from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.ledgers import Ledger
from tastemaker.cli.listing import Listing, show_facts
from tastemaker.cli.options import Json, Limit
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.table import Column
from tastemaker.core.display import UNKNOWN, counted, moment
from tastemaker.core.errors import InvalidInput
from tastemaker.db.enums import InboxStatus, OutboxStatus
from tastemaker.inbox import queries as inbox_queries
from tastemaker.inbox import service as inbox_service
from tastemaker.inbox.queries import InboxEntry, InboxId, InboxMessage
from tastemaker.outbox import queries as outbox_queries
from tastemaker.outbox import service as outbox_service
from tastemaker.outbox.channels import OutboxId
from tastemaker.outbox.queries import StoredMessage

outbox_app = group("outbox")
inbox_app = group("inbox")

Outgoing = Annotated[int, typer.Argument(metavar="ID", help="The number that `outbox list` shows.")]
Incoming = Annotated[int, typer.Argument(metavar="ID", help="The number that `inbox list` shows.")]

OUTBOX_COLUMNS = (
    Column(title="Id", right=True),
    Column(title="Channel", least=6),
    Column(title="State", least=7),
    Column(title="Tries", right=True, rank=2),
    Column(title="Written (UTC)", least=16, rank=1),
    Column(title="User", least=8, most=30, rank=3),
    Column(title="Why", least=12, most=60, rank=4, style="dim"),
)

INBOX_COLUMNS = (
    Column(title="Id", right=True),
    Column(title="Source", least=6),
    Column(title="State", least=9),
    Column(title="Received (UTC)", least=16),
    Column(title="Tries", right=True, rank=1),
    Column(title="Bytes", right=True, rank=2),
    Column(title="Message", least=12, most=40, rank=3),
    Column(title="Why", least=12, most=60, rank=4, style="dim"),
)


def _outbox_row(message: StoredMessage) -> Sequence[str]:
    return (
        str(message.id),
        plain(message.channel),
        message.status.value,
        str(message.attempts),
        moment(message.created_at),
        plain(message.tenant_id) or UNKNOWN,
        plain(message.error) or "",
    )


def _inbox_row(entry: InboxEntry) -> Sequence[str]:
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


def _print_outgoing(message: StoredMessage) -> None:
    _show_facts(
        message,
        ("Channel", plain(message.channel)),
        ("Written", f"{moment(message.created_at)} UTC"),
        ("Sent", f"{moment(message.sent_at)} UTC" if message.sent_at else UNKNOWN),
        ("Key", plain(message.dedupe_key)),
    )
    screen.show(plain(orjson.dumps(dict(message.body)).decode()), wraps=False)


def _print_incoming(message: InboxMessage) -> None:
    _show_facts(
        message,
        ("Source", plain(message.source)),
        ("Message", plain(message.message_id)),
        ("Verified", "yes" if message.verified else "no"),
        ("Received", f"{moment(message.received_at)} UTC"),
        ("Processed", f"{moment(message.processed_at)} UTC" if message.processed_at else UNKNOWN),
        ("Size", counted(message.size, "byte")),
    )
    for name, value in message.headers.items():
        screen.show(Text(f"{plain(name)}: {plain(value)}", style="dim"), wraps=False)
    screen.show("")
    screen.show(plain(message.raw.decode(errors="replace")), wraps=False)


def _show_facts(message: StoredMessage | InboxMessage, *facts: tuple[str, str]) -> None:
    why = [("Why", plain(message.error))] if message.error else []
    user = ("User", plain(message.tenant_id) or UNKNOWN)
    show_facts([("State", message.status.value), *facts, user, ("Tries", str(message.attempts)), *why])
    screen.show("")


def _incoming_document(message: InboxMessage) -> dict[str, Any]:
    """The body as text where it is UTF-8, and always exactly, in base64."""
    document = asdict(message)
    raw = document.pop("raw")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = None
    return {**document, "text": text, "base64": b64encode(raw).decode()}


OUTBOX: Ledger[StoredMessage, StoredMessage] = Ledger(
    listing=Listing("messages", OUTBOX_COLUMNS, _outbox_row, empty="There is no such message in the outbox."),
    statuses=OutboxStatus,
    list_rows=outbox_queries.list_messages,
    print_one=_print_outgoing,
)
INBOX: Ledger[InboxEntry, InboxMessage] = Ledger(
    listing=Listing("messages", INBOX_COLUMNS, _inbox_row, empty="There is no such message in the inbox."),
    statuses=InboxStatus,
    list_rows=inbox_queries.list_messages,
    print_one=_print_incoming,
    document=_incoming_document,
)


@outbox_app.command("list")
@with_session
async def list_outbox(
    session: Session,
    *,
    status: Annotated[
        str | None,
        typer.Option(
            "--status", metavar="WORD", help="pending, sending, sent, failed, unknown or cancelled."
        ),
    ] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="Only this channel, such as email.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show outgoing messages, the newest first."""
    await OUTBOX.list(session, status=status, channel=channel, limit=limit, as_json=as_json)


@outbox_app.command("show")
@with_session
async def show_outgoing(session: Session, message: Outgoing, *, as_json: Json = False) -> None:
    """Show a message with its body."""
    work = partial(outbox_service.get_message, message=OutboxId(message))
    await OUTBOX.show(session, work, as_json=as_json)


@outbox_app.command()
@with_session
async def retry(
    session: Session,
    message: Outgoing,
    *,
    may_double: Annotated[
        bool, typer.Option("--may-double", help="Send it although it may have arrived already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send a message again that failed, was cancelled or is unknown."""
    work = partial(outbox_service.retry, message=OutboxId(message), may_double=may_double)
    await OUTBOX.change(session, work, as_json=as_json)


@outbox_app.command()
@with_session
async def resolve(
    session: Session,
    message: Outgoing,
    *,
    as_word: Annotated[str, typer.Option("--as", metavar="WORD", help="sent or failed.")],
    as_json: Json = False,
) -> None:
    """Decide whether an unknown message was sent."""
    if as_word not in (OutboxStatus.SENT, OutboxStatus.FAILED):
        raise InvalidInput(f"A message is resolved --as sent or failed, not {as_word[:20]!r}.")
    was_sent = as_word == OutboxStatus.SENT
    work = partial(outbox_service.resolve, message=OutboxId(message), was_sent=was_sent)
    await OUTBOX.change(session, work, as_json=as_json)


@inbox_app.command("list")
@with_session
async def list_inbox(
    session: Session,
    *,
    status: Annotated[
        str | None, typer.Option("--status", metavar="WORD", help="received, processed or failed.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Only messages of this source.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show incoming messages, the newest first."""
    await INBOX.list(session, status=status, source=source, limit=limit, as_json=as_json)


@inbox_app.command("show")
@with_session
async def show_incoming(session: Session, message: Incoming, *, as_json: Json = False) -> None:
    """Show a message with its headers and its body as received."""
    work = partial(inbox_service.get_message, message=InboxId(message))
    await INBOX.show(session, work, as_json=as_json)


@inbox_app.command()
@with_session
async def replay(session: Session, message: Incoming, *, as_json: Json = False) -> None:
    """Process a message again."""
    work = partial(inbox_service.replay, message=InboxId(message))
    await INBOX.change(session, work, as_json=as_json)
