"""The inbox's statements. Times are the database's (`app_now()`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

import orjson

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import InboxStatus
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction

InboxId = NewType("InboxId", int)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxEntry:
    """What is known of a message. `size` in bytes; headers by lower-case name."""

    id: InboxId
    source: str
    message_id: str
    headers: Mapping[str, str]
    size: int
    verified: bool
    tenant_id: ExternalUserId | None
    status: InboxStatus
    attempts: int
    error: str | None
    received_at: datetime
    processed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxMessage(InboxEntry):
    """The same with what came, byte for byte."""

    raw: bytes


INSERT = statement(
    """
    INSERT INTO inbox_messages (source, message_id, headers, raw, verified, tenant_id, received_at)
    VALUES (%(source)s, %(message_id)s, CAST(%(headers)s AS jsonb), %(raw)s, %(verified)s, %(tenant_id)s,
            app_now())
    ON CONFLICT (source, message_id) DO NOTHING
    RETURNING id
""",
    InboxId,
)

_COLUMNS = """id, source, message_id, headers, octet_length(raw) AS size, verified, tenant_id, status,
           attempts, error, received_at, processed_at"""

FIND = statement(
    f"SELECT {_COLUMNS}, raw FROM inbox_messages WHERE id = %(id)s",  # noqa: S608 - of this module's own words
    InboxMessage,
    not_null="size",
)
LOCK = statement(
    f"SELECT {_COLUMNS}, raw FROM inbox_messages WHERE id = %(id)s FOR UPDATE",  # noqa: S608 - the same
    InboxMessage,
    not_null="size",
)

LIST = statement(
    f"""
    SELECT {_COLUMNS} FROM inbox_messages
    WHERE (CAST(%(status)s AS text) IS NULL OR status = %(status)s)
      AND (CAST(%(source)s AS text) IS NULL OR source = %(source)s)
    ORDER BY id DESC LIMIT %(limit)s
""",  # noqa: S608 - the same
    InboxEntry,
    not_null="size",
)

PROCESSED = statement("""
    UPDATE inbox_messages
    SET status = 'processed', attempts = attempts + 1, error = NULL, processed_at = app_now(),
        tenant_id = coalesce(%(tenant_id)s, tenant_id)
    WHERE id = %(id)s
""")

FAILED = statement("""
    UPDATE inbox_messages SET status = 'failed', attempts = attempts + 1, error = %(error)s
    WHERE id = %(id)s AND status <> 'processed'
""")

REOPEN = statement("""
    UPDATE inbox_messages SET status = 'received', error = NULL, processed_at = NULL WHERE id = %(id)s
""")

PRUNE = statement(
    """
    DELETE FROM inbox_messages
    WHERE id IN (
        SELECT id FROM inbox_messages WHERE received_at < app_now() - make_interval(days => %(days)s)
        ORDER BY received_at LIMIT %(batch)s)
    RETURNING id
""",
    InboxId,
)


async def insert(
    tx: Transaction,
    *,
    source: str,
    message_id: str,
    headers: Mapping[str, str],
    raw: bytes,
    verified: bool,
    tenant_id: ExternalUserId | None,
) -> InboxId | None:
    """None: it is there already."""
    return await tx.one(
        INSERT,
        source=source,
        message_id=message_id,
        headers=orjson.dumps(dict(headers)).decode(),
        raw=raw,
        verified=verified,
        tenant_id=tenant_id,
    )


async def find_message(tx: Transaction, message: InboxId) -> InboxMessage | None:
    return await tx.one(FIND, id=message)


async def lock_message(tx: Transaction, message: InboxId) -> InboxMessage | None:
    return await tx.one(LOCK, id=message)


async def list_messages(
    tx: Transaction, *, status: InboxStatus | None, source: str | None, limit: int
) -> list[InboxEntry]:
    """The newest first."""
    return await tx.many(LIST, status=status, source=source, limit=limit)


async def mark_processed(tx: Transaction, message: InboxId, *, tenant_id: ExternalUserId | None) -> None:
    await tx.run(PROCESSED, id=message, tenant_id=tenant_id)


async def mark_failed(tx: Transaction, message: InboxId, *, error: str) -> None:
    await tx.run(FAILED, id=message, error=error)


async def reopen(tx: Transaction, message: InboxId) -> None:
    await tx.run(REOPEN, id=message)


async def prune(tx: Transaction, *, days: int, batch: int) -> int:
    """Delete what came longer ago; how many rows that were."""
    return await tx.run(PRUNE, days=days, batch=batch)
