"""Idempotency-Key: a request that arrives twice has one effect and one response.

The row of the key is the first write of the transaction of the request, the response the last. Of two
concurrent requests the second waits on the row of the first; then it gets the same response, or runs itself
where the first was rolled back. A refusal is not stored: it changed nothing, and a retry may succeed.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
import psycopg
from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy import text

from tastemaker.core.errors import Conflict, InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import Database, in_transaction
from tastemaker.db.transaction import Transaction

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


async def claim(session: Transaction, user_id: ExternalUserId, key: str, digest: bytes) -> bool:
    """False: the key is known. Waits for who has written it and not yet committed, eight seconds at most."""
    await session.execute(WAIT_AT_MOST)
    row = await session.execute(CLAIM, {"tenant_id": user_id, "key": key, "digest": digest})
    await session.execute(WAIT_AS_EVER)
    return row.first() is not None


async def find(session: Transaction, user_id: ExternalUserId, key: str) -> StoredAnswer | None:
    row = (await session.execute(FIND, {"tenant_id": user_id, "key": key})).mappings().first()
    if row is None:
        return None
    body = None if row["body"] is None else bytes(row["body"])
    return StoredAnswer(bytes(row["request_digest"]), row["status"], row["location"], body)


async def keep(
    session: Transaction, user_id: ExternalUserId, key: str, status: int, location: str | None, body: bytes
) -> None:
    parameters = {"tenant_id": user_id, "key": key, "status": status, "location": location, "body": body}
    await session.execute(KEEP, parameters)


async def prune(session: Transaction, *, days: int = KEPT_DAYS, batch: int) -> int:
    """Delete what was answered longer ago; how many rows that were."""
    return len((await session.execute(PRUNE, {"days": days, "batch": batch})).all())


HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
LONGEST_KEY: Final = 255
LOCK_NOT_AVAILABLE: Final = "55P03"


class KeyReused(InvalidInput):
    """The key was given with another request before."""


class StillRunning(Conflict):
    """The same request is being worked on right now."""

    retry_after = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers: a JSON document and a status, and where the new thing is."""

    body: bytes
    status: int = 200
    location: str | None = None
    is_replayed: bool = False


Work = Callable[[Transaction], Awaitable[Answer]]


def answer(document: BaseModel | dict[str, Any], *, status: int = 200, location: str | None = None) -> Answer:
    if isinstance(document, BaseModel):
        return Answer(document.model_dump_json().encode(), status, location)
    return Answer(orjson.dumps(document), status, location)


async def once(request: Request, database: Database, user_id: ExternalUserId, work: Work) -> Response:
    """Do the work in one transaction of the user's, at most once for the request's Idempotency-Key.

    Raises KeyReused, StillRunning, InvalidInput for a key that is none.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return respond(await in_transaction(database, Tenant(user_id), work))
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInput(f"An {HEADER} has 1 to {LONGEST_KEY} plain characters.")
    digest = await _digest(request)

    async def transaction(session: Transaction) -> Answer:
        if not await claim(session, user_id, key, digest):
            return await _known(session, user_id, key, digest)
        done = await work(session)
        await keep(session, user_id, key, done.status, done.location, done.body)
        return done

    try:
        return respond(await in_transaction(database, Tenant(user_id), transaction))
    except psycopg.OperationalError as error:
        if error.sqlstate != LOCK_NOT_AVAILABLE:
            raise
        raise StillRunning("The same request is being worked on; ask again in a moment.") from None


def respond(done: Answer) -> Response:
    headers = {} if done.location is None else {"Location": done.location}
    if done.is_replayed:
        headers[REPLAYED] = "true"
    return Response(done.body, done.status, headers, "application/json")


async def _known(session: Transaction, user_id: ExternalUserId, key: str, digest: bytes) -> Answer:
    stored = await find(session, user_id, key)
    if stored is None or stored.status is None:
        raise StillRunning("The same request is being worked on; ask again in a moment.")
    if stored.request_digest != digest:
        raise KeyReused(f"This {HEADER} was given with another request before; each request wants its own.")
    return Answer(stored.body or b"", stored.status, stored.location, is_replayed=True)


async def _digest(request: Request) -> bytes:
    parts = (request.method.encode(), request.url.path.encode(), await request.body())
    return hashlib.sha256(b"\0".join(parts)).digest()
