"""The outbox's verbs: put a message in, take it back, and what an operator decides."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from tastemaker.core.errors import Conflict, InvalidInput, MessageTooLarge, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import OutboxStatus
from tastemaker.db.transaction import Transaction
from tastemaker.outbox import queries
from tastemaker.outbox.channels import Channel, Guarantee, OutboxId, channel_named
from tastemaker.outbox.queries import StoredMessage

MOST_BYTES: Final = 256 * 1024
LONGEST_KEY: Final = 400
KEPT_DAYS: Final = 30

_AGAIN_FROM: Final = {OutboxStatus.FAILED, OutboxStatus.CANCELLED, OutboxStatus.UNKNOWN}


async def put(
    tx: Transaction,
    *,
    channel: Channel,
    body: Mapping[str, Any],
    dedupe_key: str,
    tenant_id: ExternalUserId | None = None,
    available_at: datetime | None = None,
) -> OutboxId | None:
    """Write one message; it leaves after the caller's transaction commits, not before `available_at`.

    None: the channel has a message of that key already. Raises InvalidInput, MessageTooLarge.
    """
    if not 1 <= len(dedupe_key) <= LONGEST_KEY:
        raise InvalidInput(f"A message's key has 1 to {LONGEST_KEY} characters.")
    return await queries.insert(
        tx,
        channel=channel,
        body=_bytes(body),
        dedupe_key=dedupe_key,
        tenant_id=tenant_id,
        available_at=available_at,
    )


async def take_back(
    tx: Transaction, channel: Channel, dedupe_keys: Sequence[str], *, reason: str
) -> set[str]:
    """Cancel those of the keys that still wait; which these were. What is being sent is not stopped."""
    return await queries.cancel(tx, channel, dedupe_keys, reason=reason)


async def get_message(tx: Transaction, message: OutboxId) -> StoredMessage:
    """Raises NotFound."""
    found = await queries.find_message(tx, message)
    if found is None:
        raise _missing(message)
    return found


async def retry(tx: Transaction, message: OutboxId, *, may_double: bool = False) -> StoredMessage:
    """Let it go once more. `may_double`: although it may have arrived.

    Raises NotFound, Conflict where it waits or was sent, or may have arrived at a receiver that takes twice.
    """
    found = await _lock(tx, message)
    if found.status not in _AGAIN_FROM:
        raise Conflict(
            f"Message {message} is {found.status}; only what failed, is unknown or cancelled goes again."
        )
    twice = channel_named(found.channel).guarantee is Guarantee.AT_MOST_ONCE
    if found.status is OutboxStatus.UNKNOWN and twice and not may_double:
        raise Conflict(
            f"Message {message} may have arrived, and would then arrive twice. Say --may-double to send it "
            "all the same, or resolve it."
        )
    await queries.move(tx, message, OutboxStatus.PENDING, error=None)
    return await get_message(tx, message)


async def resolve(tx: Transaction, message: OutboxId, *, was_sent: bool) -> StoredMessage:
    """Decide about an unknown message. Raises NotFound, Conflict where it is not unknown."""
    found = await _lock(tx, message)
    if found.status is not OutboxStatus.UNKNOWN:
        raise Conflict(f"Message {message} is {found.status}; there is nothing to decide.")
    status = OutboxStatus.SENT if was_sent else OutboxStatus.FAILED
    await queries.move(tx, message, status, error=None if was_sent else "Resolved by the operator: not sent.")
    settled = channel_named(found.channel).settled
    if settled is not None:
        await settled(tx, found.outgoing, status)
    return await get_message(tx, message)


async def prune(tx: Transaction, *, days: int = KEPT_DAYS, batch: int = 10_000) -> int:
    """Delete what is over for so many days, `batch` at most; what is unknown stays until it is decided."""
    return await queries.prune(tx, days=days, batch=batch)


async def _lock(tx: Transaction, message: OutboxId) -> StoredMessage:
    found = await queries.lock_message(tx, message)
    if found is None:
        raise _missing(message)
    return found


def _missing(message: OutboxId) -> NotFound:
    return NotFound(f"There is no message {message} in the outbox.")


def _bytes(body: Mapping[str, Any]) -> bytes:
    try:
        written = orjson.dumps(dict(body))
    except (TypeError, ValueError):
        raise InvalidInput("A message's body has to be JSON.") from None
    if b"\\u0000" in written:
        raise InvalidInput("A message's body holds a NUL character, which PostgreSQL cannot store.")
    if len(written) > MOST_BYTES:
        raise MessageTooLarge(
            f"A message's body has {MOST_BYTES // 1024} kB at most; this has {len(written) // 1024}."
        )
    return written
