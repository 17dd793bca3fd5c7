"""`tastemaker outbox …`: what leaves, and an operator's decisions about what did not."""

from collections.abc import Sequence
from dataclasses import asdict

import orjson
from rich.text import Text

import tastemaker.mail.service  # noqa: F401 - declares its channel
from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import UNKNOWN, moment
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session
from tastemaker.cli.table import Column
from tastemaker.cli.words import word_of
from tastemaker.core.errors import InvalidInput
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope
from tastemaker.db.enums import OutboxStatus
from tastemaker.outbox import queries, service
from tastemaker.outbox.channels import OutboxId
from tastemaker.outbox.queries import StoredMessage

COLUMNS = (
    Column(title="Id", right=True),
    Column(title="Channel", least=6),
    Column(title="State", least=7),
    Column(title="Tries", right=True, rank=2),
    Column(title="Written (UTC)", least=16, rank=1),
    Column(title="Whose", least=8, most=30, rank=3),
    Column(title="Why", least=12, most=60, rank=4, style="dim"),
)


async def show_messages(
    session: Session, status: str | None, channel: str | None, *, limit: int, as_json: bool
) -> None:
    wanted = word_of(OutboxStatus, status)
    async with session_scope(session.database, SYSTEM) as reading:
        messages = await queries.list_messages(reading, status=wanted, channel=channel, limit=limit)
    if as_json:
        screen.write_json({"messages": [asdict(message) for message in messages]})
    elif not messages:
        screen.show("There is no such message in the outbox.")
    else:
        show_table(COLUMNS, [_row(message) for message in messages])


async def show_message(session: Session, message: int, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as reading:
        found = await service.get_message(reading, OutboxId(message))
    _show(found, as_json=as_json)


async def retry(session: Session, message: int, *, may_double: bool, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as writing:
        found = await service.retry(writing, OutboxId(message), may_double=may_double)
    _show(found, as_json=as_json)


async def resolve(session: Session, message: int, word: str, *, as_json: bool) -> None:
    if word not in (OutboxStatus.SENT, OutboxStatus.FAILED):
        raise InvalidInput(f"A message is resolved --as sent or failed, not {word[:20]!r}.")
    async with session_scope(session.database, SYSTEM) as writing:
        found = await service.resolve(writing, OutboxId(message), was_sent=word == OutboxStatus.SENT)
    _show(found, as_json=as_json)


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


def _show(message: StoredMessage, *, as_json: bool) -> None:
    if as_json:
        screen.write_json(asdict(message))
        return
    for name, value in _facts(message):
        screen.show(Text.assemble((f"{name:<10}", "dim"), value), wraps=False)
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
