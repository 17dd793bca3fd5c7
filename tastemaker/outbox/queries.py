"""The outbox's statements. Times are the database's (`app_now()`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import OutboxStatus
from tastemaker.db.transaction import Transaction
from tastemaker.outbox.channels import Channel, Guarantee, OutboxId, OutgoingMessage

INSERT = text("""
    INSERT INTO outbox_messages (channel, body, dedupe_key, tenant_id, available_at, created_at)
    VALUES (:channel, CAST(:body AS jsonb), :dedupe_key, :tenant_id,
            coalesce(CAST(:available_at AS timestamptz), app_now()), app_now())
    ON CONFLICT (channel, dedupe_key) DO NOTHING
    RETURNING id
""")

CLAIM = text("""
    WITH due AS (
        SELECT id FROM outbox_messages
        WHERE channel = :channel AND status = 'pending' AND available_at <= app_now()
        ORDER BY available_at, id
        LIMIT :batch
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox_messages message
    SET status = 'sending', attempts = message.attempts + 1, error = NULL,
        lease_until = app_now() + make_interval(secs => :lease)
    FROM due WHERE message.id = due.id
    RETURNING message.id, message.channel, message.body, message.dedupe_key, message.tenant_id,
              message.attempts
""")

RESCUE = text("""
    WITH lost AS (
        SELECT id FROM outbox_messages
        WHERE channel = :channel AND status = 'sending' AND lease_until < app_now()
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox_messages message
    SET status = CASE WHEN :at_most_once THEN 'unknown'
                      WHEN message.attempts >= :max_attempts THEN 'failed' ELSE 'pending' END,
        error = 'The relay died while it was sending this.', lease_until = NULL, available_at = app_now()
    FROM lost WHERE message.id = lost.id
    RETURNING message.id, message.channel, message.body, message.dedupe_key, message.tenant_id,
              message.attempts, message.status
""")

SETTLE = text("""
    UPDATE outbox_messages
    SET status = CAST(:status AS text), error = :error, external_id = coalesce(:external_id, external_id),
        lease_until = NULL, sent_at = CASE WHEN CAST(:status AS text) = 'sent' THEN app_now() END,
        available_at = app_now() + make_interval(secs => :delay)
    WHERE id = :id AND attempts = :attempt
      AND (status = 'sending' OR (CAST(:status AS text) = 'sent' AND status IN ('unknown', 'pending')))
    RETURNING id
""")

MOVE = text("""
    UPDATE outbox_messages
    SET status = CAST(:status AS text), error = :error, available_at = app_now(), lease_until = NULL,
        sent_at = CASE WHEN CAST(:status AS text) = 'sent' THEN app_now() END
    WHERE id = :id
""")

NOTIFY = text("NOTIFY outbox_messages")

CANCEL = text("""
    UPDATE outbox_messages SET status = 'cancelled', error = :reason
    WHERE channel = :channel AND dedupe_key = ANY(:dedupe_keys) AND status = 'pending'
    RETURNING dedupe_key
""")

_COLUMNS = """id, channel, body, dedupe_key, tenant_id, status, attempts, available_at, lease_until, sent_at,
           error, external_id, created_at"""

LIST = text(f"""
    SELECT {_COLUMNS} FROM outbox_messages
    WHERE (CAST(:status AS text) IS NULL OR status = :status)
      AND (CAST(:channel AS text) IS NULL OR channel = :channel)
    ORDER BY id DESC LIMIT :limit
""")  # noqa: S608 - of this module's own words

FIND = text(f"SELECT {_COLUMNS} FROM outbox_messages WHERE id = :id")  # noqa: S608 - the same
LOCK = text(f"SELECT {_COLUMNS} FROM outbox_messages WHERE id = :id FOR UPDATE")  # noqa: S608 - the same

PRUNE = text("""
    DELETE FROM outbox_messages
    WHERE id IN (
        SELECT id FROM outbox_messages
        WHERE created_at < app_now() - make_interval(days => :days)
          AND status IN ('sent', 'cancelled', 'failed')
        ORDER BY created_at LIMIT :batch)
    RETURNING id
""")


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


async def insert(
    session: Transaction,
    *,
    channel: Channel,
    body: bytes,
    dedupe_key: str,
    tenant_id: ExternalUserId | None,
    available_at: datetime | None,
) -> OutboxId | None:
    """None: the channel has a message of that key."""
    found = await session.scalar(
        INSERT,
        {
            "channel": channel.name,
            "body": body.decode(),
            "dedupe_key": dedupe_key,
            "tenant_id": tenant_id,
            "available_at": available_at,
        },
    )
    return None if found is None else OutboxId(found)


async def claim(session: Transaction, channel: Channel, *, batch: int, lease: float) -> list[OutgoingMessage]:
    """Take up to `batch` that are due, the longest waiting first. Committed before anything is sent."""
    rows = await session.execute(CLAIM, {"channel": channel.name, "batch": batch, "lease": lease})
    return [_outgoing(row) for row in rows.mappings()]


async def rescue(session: Transaction, channel: Channel) -> list[tuple[OutgoingMessage, OutboxStatus]]:
    """What dead relays held, and what has become of it: sent again, given up, or unknown."""
    rows = await session.execute(
        RESCUE,
        {
            "channel": channel.name,
            "at_most_once": channel.guarantee is Guarantee.AT_MOST_ONCE,
            "max_attempts": channel.max_attempts,
        },
    )
    return [(_outgoing(row), OutboxStatus(row["status"])) for row in rows.mappings()]


async def settle(
    session: Transaction,
    message: OutgoingMessage,
    status: OutboxStatus,
    *,
    error: str | None = None,
    external_id: str | None = None,
    delay: float = 0.0,
) -> bool:
    """False: the message is not this attempt's any more. That it was sent is believed also late."""
    values = {"status": status, "error": error, "external_id": external_id, "delay": delay}
    row = await session.execute(SETTLE, {"id": message.id, "attempt": message.attempt, **values})
    return row.first() is not None


async def move(session: Transaction, message: OutboxId, status: OutboxStatus, *, error: str | None) -> None:
    """By an operator's hand, whatever it was before."""
    await session.execute(MOVE, {"id": message, "status": status, "error": error})
    await session.execute(NOTIFY)


async def cancel(
    session: Transaction, channel: Channel, dedupe_keys: Sequence[str], *, reason: str
) -> set[str]:
    """Those that waited still; what a relay has in its hands is on its way."""
    rows = await session.execute(
        CANCEL, {"channel": channel.name, "dedupe_keys": list(dedupe_keys), "reason": reason}
    )
    return set(rows.scalars())


async def list_messages(
    session: Transaction, *, status: OutboxStatus | None, channel: str | None, limit: int
) -> list[StoredMessage]:
    rows = await session.execute(LIST, {"status": status, "channel": channel, "limit": limit})
    return [_stored(row) for row in rows.mappings()]


async def find_message(session: Transaction, message: OutboxId) -> StoredMessage | None:
    row = (await session.execute(FIND, {"id": message})).mappings().first()
    return None if row is None else _stored(row)


async def lock_message(session: Transaction, message: OutboxId) -> StoredMessage | None:
    row = (await session.execute(LOCK, {"id": message})).mappings().first()
    return None if row is None else _stored(row)


async def prune(session: Transaction, *, days: int, batch: int) -> int:
    """Delete what is over and older; how many rows that were."""
    rows = await session.execute(PRUNE, {"days": days, "batch": batch})
    return len(rows.all())


def _outgoing(row: RowMapping) -> OutgoingMessage:
    return OutgoingMessage(
        id=OutboxId(row["id"]),
        channel=row["channel"],
        body=row["body"],
        dedupe_key=row["dedupe_key"],
        tenant_id=row["tenant_id"],
        attempt=row["attempts"],
    )


def _stored(row: RowMapping) -> StoredMessage:
    values = dict(row)
    return StoredMessage(**{**values, "status": OutboxStatus(values["status"])})
