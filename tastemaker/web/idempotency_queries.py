"""The rows of repeated requests. Times are the database's (`app_now()`)."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId

WAIT_AT_MOST = text("SET LOCAL lock_timeout = '8s'")
WAIT_AS_EVER = text("SET LOCAL lock_timeout TO DEFAULT")

CLAIM = text("""
    INSERT INTO idempotent_answers (tenant_id, key, request_digest, created_at)
    VALUES (:tenant_id, :key, :digest, app_now())
    ON CONFLICT (tenant_id, key) DO NOTHING
    RETURNING key
""")

FIND = text("""
    SELECT request_digest, status, location, body FROM idempotent_answers
    WHERE tenant_id = :tenant_id AND key = :key
""")

KEEP = text("""
    UPDATE idempotent_answers SET status = :status, location = :location, body = :body
    WHERE tenant_id = :tenant_id AND key = :key
""")

PRUNE = text("""
    DELETE FROM idempotent_answers
    WHERE (tenant_id, key) IN (
        SELECT tenant_id, key FROM idempotent_answers
        WHERE created_at < app_now() - make_interval(days => :days)
        ORDER BY created_at LIMIT :batch)
    RETURNING key
""")

KEPT_DAYS = 2


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    request_digest: bytes
    status: int | None
    location: str | None
    body: bytes | None


async def claim(session: AsyncSession, user_id: ExternalUserId, key: str, digest: bytes) -> bool:
    """False: the key is known. Waits for who has written it and not yet committed, eight seconds at most."""
    await session.execute(WAIT_AT_MOST)
    row = await session.execute(CLAIM, {"tenant_id": user_id, "key": key, "digest": digest})
    await session.execute(WAIT_AS_EVER)
    return row.first() is not None


async def find(session: AsyncSession, user_id: ExternalUserId, key: str) -> StoredAnswer | None:
    row = (await session.execute(FIND, {"tenant_id": user_id, "key": key})).mappings().first()
    if row is None:
        return None
    body = None if row["body"] is None else bytes(row["body"])
    return StoredAnswer(bytes(row["request_digest"]), row["status"], row["location"], body)


async def keep(
    session: AsyncSession, user_id: ExternalUserId, key: str, status: int, location: str | None, body: bytes
) -> None:
    parameters = {"tenant_id": user_id, "key": key, "status": status, "location": location, "body": body}
    await session.execute(KEEP, parameters)


async def prune(session: AsyncSession, *, days: int = KEPT_DAYS, batch: int) -> int:
    """Delete what was answered longer ago; how many rows that were."""
    return len((await session.execute(PRUNE, {"days": days, "batch": batch})).all())
