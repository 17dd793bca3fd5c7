"""The outbox's statements. Times are the database's (`app_now()`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import OutboxStatus
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.outbox.channels import Channel, Guarantee, OutboxId, OutgoingMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class RescuedMessage(OutgoingMessage):
    """What a dead relay held, and what has become of it."""

    status: OutboxStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A row of the outbox as operators see it."""

    id: OutboxId
    channel: str
    body: Mapping[str, Any]
    dedupe_key: str
    tenant_id: ExternalUserId | None
    status: OutboxStatus
    attempts: int
    available_at: datetime
    lease_until: datetime | None
    sent_at: datetime | None
    error: str | None
    external_id: str | None
    created_at: datetime

    @property
    def outgoing(self) -> OutgoingMessage:
        return OutgoingMessage(
            id=self.id,
            channel=self.channel,
            body=self.body,
            dedupe_key=self.dedupe_key,
            tenant_id=self.tenant_id,
            attempt=self.attempts,
        )


INSERT = statement(
    """
    INSERT INTO outbox_messages (channel, body, dedupe_key, tenant_id, available_at, created_at)
    VALUES (%(channel)s, CAST(%(body)s AS jsonb), %(dedupe_key)s, %(tenant_id)s,
            coalesce(CAST(%(available_at)s AS timestamptz), app_now()), app_now())
    ON CONFLICT (channel, dedupe_key) DO NOTHING
    RETURNING id
""",
    OutboxId,
)

CLAIM = statement(
    """
    WITH due AS (
        SELECT id FROM outbox_messages
        WHERE channel = %(channel)s AND status = 'pending' AND available_at <= app_now()
        ORDER BY available_at, id
        LIMIT %(batch)s
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox_messages message
    SET status = 'sending', attempts = message.attempts + 1, error = NULL,
        lease_until = app_now() + make_interval(secs => %(lease)s)
    FROM due WHERE message.id = due.id
    RETURNING message.id, message.channel, message.body, message.dedupe_key, message.tenant_id,
              message.attempts AS attempt
""",
    OutgoingMessage,
)

RESCUE = statement(
    """
    WITH lost AS (
        SELECT id FROM outbox_messages
        WHERE channel = %(channel)s AND status = 'sending' AND lease_until < app_now()
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox_messages message
    SET status = CASE WHEN %(at_most_once)s THEN 'unknown'
                      WHEN message.attempts >= %(max_attempts)s THEN 'failed' ELSE 'pending' END,
        error = 'The relay died while it was sending this.', lease_until = NULL, available_at = app_now()
    FROM lost WHERE message.id = lost.id
    RETURNING message.id, message.channel, message.body, message.dedupe_key, message.tenant_id,
              message.attempts AS attempt, message.status
""",
    RescuedMessage,
)

SETTLE = statement(
    """
    UPDATE outbox_messages
    SET status = CAST(%(status)s AS text), error = %(error)s,
        external_id = coalesce(%(external_id)s, external_id),
        lease_until = NULL, sent_at = CASE WHEN CAST(%(status)s AS text) = 'sent' THEN app_now() END,
        available_at = app_now() + make_interval(secs => %(delay)s)
    WHERE id = %(id)s AND attempts = %(attempt)s
      AND (status = 'sending' OR (CAST(%(status)s AS text) = 'sent' AND status IN ('unknown', 'pending')))
    RETURNING id
""",
    OutboxId,
)

MOVE = statement("""
    UPDATE outbox_messages
    SET status = CAST(%(status)s AS text), error = %(error)s, available_at = app_now(), lease_until = NULL,
        sent_at = CASE WHEN CAST(%(status)s AS text) = 'sent' THEN app_now() END
    WHERE id = %(id)s
""")

NOTIFY = statement("NOTIFY outbox_messages")

CANCEL = statement(
    """
    UPDATE outbox_messages SET status = 'cancelled', error = %(reason)s
    WHERE channel = %(channel)s AND dedupe_key = ANY(%(dedupe_keys)s) AND status = 'pending'
    RETURNING dedupe_key
""",
    str,
)

_COLUMNS = """id, channel, body, dedupe_key, tenant_id, status, attempts, available_at, lease_until, sent_at,
           error, external_id, created_at"""

LIST = statement(
    f"""
    SELECT {_COLUMNS} FROM outbox_messages
    WHERE (CAST(%(status)s AS text) IS NULL OR status = %(status)s)
      AND (CAST(%(channel)s AS text) IS NULL OR channel = %(channel)s)
    ORDER BY id DESC LIMIT %(limit)s
""",  # noqa: S608 - of this module's own words
    StoredMessage,
)

FIND = statement(f"SELECT {_COLUMNS} FROM outbox_messages WHERE id = %(id)s", StoredMessage)  # noqa: S608 - the same
LOCK = statement(f"SELECT {_COLUMNS} FROM outbox_messages WHERE id = %(id)s FOR UPDATE", StoredMessage)  # noqa: S608 - the same

PRUNE = statement(
    """
    DELETE FROM outbox_messages
    WHERE id IN (
        SELECT id FROM outbox_messages
        WHERE created_at < app_now() - make_interval(days => %(days)s)
          AND status IN ('sent', 'cancelled', 'failed')
        ORDER BY created_at LIMIT %(batch)s)
    RETURNING id
""",
    OutboxId,
)


async def insert(
    tx: Transaction,
    *,
    channel: Channel,
    body: bytes,
    dedupe_key: str,
    tenant_id: ExternalUserId | None,
    available_at: datetime | None,
) -> OutboxId | None:
    """None: the channel has a message of that key."""
    return await tx.one(
        INSERT,
        channel=channel.name,
        body=body.decode(),
        dedupe_key=dedupe_key,
        tenant_id=tenant_id,
        available_at=available_at,
    )


async def claim(tx: Transaction, channel: Channel, *, batch: int, lease: float) -> list[OutgoingMessage]:
    """Take up to `batch` that are due, the longest waiting first. Committed before anything is sent."""
    return await tx.many(CLAIM, channel=channel.name, batch=batch, lease=lease)


async def rescue(tx: Transaction, channel: Channel) -> list[RescuedMessage]:
    """What dead relays held, and what has become of it: sent again, given up, or unknown."""
    return await tx.many(
        RESCUE,
        channel=channel.name,
        at_most_once=channel.guarantee is Guarantee.AT_MOST_ONCE,
        max_attempts=channel.max_attempts,
    )


async def settle(
    tx: Transaction,
    message: OutgoingMessage,
    status: OutboxStatus,
    *,
    error: str | None = None,
    external_id: str | None = None,
    delay: float = 0.0,
) -> bool:
    """False: the message is not this attempt's any more. That it was sent is believed also late."""
    settled = await tx.one(
        SETTLE,
        id=message.id,
        attempt=message.attempt,
        status=status,
        error=error,
        external_id=external_id,
        delay=delay,
    )
    return settled is not None


async def move(tx: Transaction, message: OutboxId, status: OutboxStatus, *, error: str | None) -> None:
    """By an operator's decision, from any status."""
    await tx.run(MOVE, id=message, status=status, error=error)
    await tx.run(NOTIFY)


async def cancel(tx: Transaction, channel: Channel, dedupe_keys: Sequence[str], *, reason: str) -> set[str]:
    """Those that waited still; what a relay has in its hands is on its way."""
    cancelled = await tx.many(CANCEL, channel=channel.name, dedupe_keys=list(dedupe_keys), reason=reason)
    return set(cancelled)


async def list_messages(
    tx: Transaction, *, status: OutboxStatus | None, channel: str | None, limit: int
) -> list[StoredMessage]:
    return await tx.many(LIST, status=status, channel=channel, limit=limit)


async def find_message(tx: Transaction, message: OutboxId) -> StoredMessage | None:
    return await tx.one(FIND, id=message)


async def lock_message(tx: Transaction, message: OutboxId) -> StoredMessage | None:
    return await tx.one(LOCK, id=message)


async def prune(tx: Transaction, *, days: int, batch: int) -> int:
    """Delete what is over and older; how many rows that were."""
    return await tx.run(PRUNE, days=days, batch=batch)
