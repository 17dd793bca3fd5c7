"""The inbox's sources and verbs: keep what came, process it once in effect, replay it for an operator."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tastemaker.core.errors import AppError, Conflict, InvalidInput, MessageTooLarge, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.text import clean_line
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import DATABASE_TROUBLE, Transaction, in_transaction
from tastemaker.inbox import queries
from tastemaker.inbox.queries import InboxId, InboxMessage

KEPT_DAYS: Final = 35
MOST_BYTES: Final = 1024 * 1024
MOST_HEADERS: Final = 64
LONGEST_HEADER: Final = 1024
LONGEST_ID: Final = 400

_SECRET_WORDS: Final = (
    "authorization",
    "cookie",
    "signature",
    "token",
    "secret",
    "password",
    "api-key",
    "apikey",
)

Handle = Callable[[Transaction, InboxMessage], Awaitable[ExternalUserId | None]]
"""Writes a message's effect; whom it was about, where that is known."""


Announce = Callable[[Transaction, InboxId], Awaitable[object]]
"""Publishes the job that will process the message, in the transaction that keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSource:
    name: str
    meaning: str
    announce: Announce


_known: dict[str, InboxSource] = {}


def declare(source: InboxSource) -> InboxSource:
    """Make a source known to operators' commands. Raises ValueError when another has its name."""
    if _known.setdefault(source.name, source) is not source:
        raise ValueError(f"two sources are called {source.name!r}")
    return source


def source_named(name: str) -> InboxSource:
    """Raises InvalidInput."""
    if name not in _known:
        raise InvalidInput(
            f"There is no source {name[:50]!r}; known are: {', '.join(sorted(_known)) or 'none'}."
        )
    return _known[name]


async def receive(
    tx: Transaction,
    *,
    source: InboxSource,
    message_id: str,
    headers: Mapping[str, str],
    raw: bytes,
    verified: bool,
    tenant_id: ExternalUserId | None = None,
) -> bool:
    """Keep a message and announce it to its processor, in the caller's transaction. False: known already.

    Raises InvalidInput, MessageTooLarge; nothing is kept then.
    """
    if not 1 <= len(message_id) <= LONGEST_ID or "\0" in message_id:
        raise InvalidInput(f"A message's id has 1 to {LONGEST_ID} characters.")
    if len(raw) > MOST_BYTES:
        raise MessageTooLarge(f"A message has {MOST_BYTES // 1024} kB at most; this has {len(raw) // 1024}.")
    new = await queries.insert(
        tx,
        source=source.name,
        message_id=message_id,
        headers=without_secrets(headers),
        raw=raw,
        verified=verified,
        tenant_id=tenant_id,
    )
    if new is None:
        return False
    await source.announce(tx, new)
    return True


async def process(database: Database, message: InboxId, handle: Handle) -> bool:
    """Have `handle` write the message's effect, in one transaction with its being processed.

    False: it was processed before, or its time is over. What `handle` raises is noted and raised again.
    Raises Conflict for a message whose sender was not verified.
    """

    async def work(tx: Transaction) -> bool:
        found = await queries.lock_message(tx, message)
        if found is None or found.processed_at is not None:
            return False
        if not found.verified:
            raise Conflict(f"Message {message} of {found.source} was not verified.")
        tenant = await handle(tx, found)
        await queries.mark_processed(tx, message, tenant_id=tenant)
        return True

    try:
        return await in_transaction(database, SYSTEM, work)
    except Exception as error:
        with suppress(*DATABASE_TROUBLE):
            await _note_failure(database, message, _reason(error))
        raise


async def get_message(tx: Transaction, message: InboxId) -> InboxMessage:
    """Raises NotFound."""
    found = await queries.find_message(tx, message)
    if found is None:
        raise NotFound(f"There is no message {message} in the inbox.")
    return found


async def replay(tx: Transaction, message: InboxId) -> InboxMessage:
    """Have it processed once more, regardless of its status. Raises NotFound, Conflict, InvalidInput."""
    found = await queries.lock_message(tx, message)
    if found is None:
        raise NotFound(f"There is no message {message} in the inbox.")
    if not found.verified:
        raise Conflict(f"Message {message} of {found.source} was not verified.")
    source = source_named(found.source)
    await queries.reopen(tx, message)
    await source.announce(tx, message)
    return await get_message(tx, message)


async def prune(tx: Transaction, *, days: int = KEPT_DAYS, batch: int = 10_000) -> int:
    """Delete what came more than `days` ago, `batch` at most; how many that were."""
    return await queries.prune(tx, days=days, batch=batch)


def without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """Lower-case names, single lines, nothing that would let somebody act as the sender or as us."""
    kept: dict[str, str] = {}
    for name, value in headers.items():
        word = clean_line(name).lower()
        if any(secret in word for secret in _SECRET_WORDS) or len(kept) == MOST_HEADERS:
            continue
        kept[word[:LONGEST_HEADER]] = clean_line(value)[:LONGEST_HEADER]
    return kept


async def _note_failure(database: Database, message: InboxId, reason: str) -> None:
    await in_transaction(database, SYSTEM, lambda tx: queries.mark_failed(tx, message, error=reason))


def _reason(error: Exception) -> str:
    """An expected failure in its words; of the others only the kind, for they may carry anyone's data."""
    return str(error)[:500] if isinstance(error, AppError) else f"{type(error).__name__}."
