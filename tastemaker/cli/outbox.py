"""`tastemaker outbox …`: what leaves, and an operator's decisions about what did not."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import orjson
import typer

from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, show_facts
from tastemaker.cli.numbers import UNKNOWN, moment
from tastemaker.cli.options import Json, Limit, word_of
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.table import Column
from tastemaker.core.errors import InvalidInput
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import OutboxStatus
from tastemaker.db.transaction import transaction
from tastemaker.outbox import queries, service
from tastemaker.outbox.channels import OutboxId
from tastemaker.outbox.queries import StoredMessage
from tastemaker.runtime import register_tasks

outbox_app = app = group("outbox")

Message = Annotated[
    int, typer.Argument(metavar="ID", help="The message's number, as `outbox list` shows it.")
]

COLUMNS = (
    Column(title="Id", right=True),
    Column(title="Channel", least=6),
    Column(title="State", least=7),
    Column(title="Tries", right=True, rank=2),
    Column(title="Written (UTC)", least=16, rank=1),
    Column(title="Whose", least=8, most=30, rank=3),
    Column(title="Why", least=12, most=60, rank=4, style="dim"),
)


def _row(message: StoredMessage) -> Sequence[str]:
    return (
        str(message.id),
        plain(message.channel),
        message.status.value,
        str(message.attempts),
        moment(message.created_at),
        plain(message.tenant_id) or UNKNOWN,
        plain(message.error) or "",
    )


MESSAGES = Listing("messages", COLUMNS, _row, empty="There is no such message in the outbox.")


@app.command("list")
@with_session
async def show_all(
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
    """Show the messages, the newest first."""
    wanted = word_of(OutboxStatus, status)
    async with transaction(session.database, SYSTEM) as tx:
        messages = await queries.list_messages(tx, status=wanted, channel=channel, limit=limit)
    MESSAGES.show(messages, as_json=as_json)


@app.command("show")
@with_session
async def show_one(session: Session, message: Message, *, as_json: Json = False) -> None:
    """Show a message with its body."""
    async with transaction(session.database, SYSTEM) as tx:
        found = await service.get_message(tx, OutboxId(message))
    _show(found, as_json=as_json)


@app.command()
@with_session
async def retry(
    session: Session,
    message: Message,
    *,
    may_double: Annotated[
        bool, typer.Option("--may-double", help="Although it may have arrived already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send what failed, was cancelled or is unknown once more."""
    register_tasks()
    async with transaction(session.database, SYSTEM) as tx:
        found = await service.retry(tx, OutboxId(message), may_double=may_double)
    _show(found, as_json=as_json)


@app.command()
@with_session
async def resolve(
    session: Session,
    message: Message,
    *,
    as_word: Annotated[
        str, typer.Option("--as", metavar="WORD", help="sent or failed: what became of it in truth.")
    ],
    as_json: Json = False,
) -> None:
    """Decide what became of an unknown message."""
    if as_word not in (OutboxStatus.SENT, OutboxStatus.FAILED):
        raise InvalidInput(f"A message is resolved --as sent or failed, not {as_word[:20]!r}.")
    register_tasks()
    async with transaction(session.database, SYSTEM) as tx:
        was_sent = as_word == OutboxStatus.SENT
        found = await service.resolve(tx, OutboxId(message), was_sent=was_sent)
    _show(found, as_json=as_json)


def _show(message: StoredMessage, *, as_json: bool) -> None:
    if as_json:
        screen.write_json(asdict(message))
        return
    show_facts(_facts(message))
    screen.show("")
    screen.show(plain(orjson.dumps(dict(message.body)).decode()), wraps=False)


def _facts(message: StoredMessage) -> list[tuple[str, str]]:
    facts = [
        ("State", message.status.value),
        ("Channel", plain(message.channel)),
        ("Whose", plain(message.tenant_id) or UNKNOWN),
        ("Tries", str(message.attempts)),
        ("Written", f"{moment(message.created_at)} UTC"),
        ("Sent", f"{moment(message.sent_at)} UTC" if message.sent_at else UNKNOWN),
        ("Key", plain(message.dedupe_key)),
    ]
    return facts + ([("Why", plain(message.error))] if message.error else [])
