"""The inbox's statements. Times are the database's (`app_now()`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

import orjson
from sqlalchemy import RowMapping, text

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import InboxStatus
from tastemaker.db.transaction import Transaction

InboxId = NewType("InboxId", int)

INSERT = text("""
    INSERT INTO inbox_messages (source, message_id, headers, raw, verified, tenant_id, received_at)
    VALUES (:source, :message_id, CAST(:headers AS jsonb), :raw, :verified, :tenant_id, app_now())
    ON CONFLICT (source, message_id) DO NOTHING
    RETURNING id
""")

_COLUMNS = """id, source, message_id, headers, octet_length(raw) AS size, verified, tenant_id, status,
           attempts, error, received_at, processed_at"""

FIND = text(f"SELECT {_COLUMNS}, raw FROM inbox_messages WHERE id = :id")  # noqa: S608 - of this module's own words
LOCK = text(f"SELECT {_COLUMNS}, raw FROM inbox_messages WHERE id = :id FOR UPDATE")  # noqa: S608 - the same

LIST = text(f"""
    SELECT {_COLUMNS} FROM inbox_messages
    WHERE (CAST(:status AS text) IS NULL OR status = :status)
      AND (CAST(:source AS text) IS NULL OR source = :source)
    ORDER BY id DESC LIMIT :limit
""")  # noqa: S608 - the same

PROCESSED = text("""
    UPDATE inbox_messages
    SET status = 'processed', attempts = attempts + 1, error = NULL, processed_at = app_now(),
        tenant_id = coalesce(:tenant_id, tenant_id)
    WHERE id = :id
""")

FAILED = text("""
    UPDATE inbox_messages SET status = 'failed', attempts = attempts + 1, error = :error
    WHERE id = :id AND status <> 'processed'
""")

REOPEN = text("""
    UPDATE inbox_messages SET status = 'received', error = NULL, processed_at = NULL WHERE id = :id
""")

PRUNE = text("""
    DELETE FROM inbox_messages
    WHERE id IN (
        SELECT id FROM inbox_messages WHERE received_at < app_now() - make_interval(days => :days)
        ORDER BY received_at LIMIT :batch)
    RETURNING id
""")


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


async def insert(
    session: Transaction,
    *,
    source: str,
    message_id: str,
    headers: Mapping[str, str],
    raw: bytes,
    verified: bool,
    tenant_id: ExternalUserId | None,
) -> InboxId | None:
    """None: it is there already."""
    found = await session.scalar(
        INSERT,
        {
            "source": source,
            "message_id": message_id,
            "headers": orjson.dumps(dict(headers)).decode(),
            "raw": raw,
            "verified": verified,
            "tenant_id": tenant_id,
        },
    )
    return None if found is None else InboxId(found)


async def find_message(session: Transaction, message: InboxId) -> InboxMessage | None:
    return _message((await session.execute(FIND, {"id": message})).mappings().first())


async def lock_message(session: Transaction, message: InboxId) -> InboxMessage | None:
    return _message((await session.execute(LOCK, {"id": message})).mappings().first())


async def list_messages(
    session: Transaction, *, status: InboxStatus | None, source: str | None, limit: int
) -> list[InboxEntry]:
    """The newest first."""
    rows = await session.execute(LIST, {"status": status, "source": source, "limit": limit})
    return [InboxEntry(**{**row, "status": InboxStatus(row["status"])}) for row in rows.mappings()]


async def mark_processed(session: Transaction, message: InboxId, *, tenant_id: ExternalUserId | None) -> None:
    await session.execute(PROCESSED, {"id": message, "tenant_id": tenant_id})


async def mark_failed(session: Transaction, message: InboxId, *, error: str) -> None:
    await session.execute(FAILED, {"id": message, "error": error})


async def reopen(session: Transaction, message: InboxId) -> None:
    await session.execute(REOPEN, {"id": message})


async def prune(session: Transaction, *, days: int, batch: int) -> int:
    """Delete what came longer ago; how many rows that were."""
    rows = await session.execute(PRUNE, {"days": days, "batch": batch})
    return len(rows.all())


def _message(row: RowMapping | None) -> InboxMessage | None:
    if row is None:
        return None
    return InboxMessage(**{**row, "status": InboxStatus(row["status"]), "raw": bytes(row["raw"])})
