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

from tastemaker.core.errors import Conflict, InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Claim, Tenant
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, in_transaction

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
LONGEST_KEY: Final = 255
KEPT_DAYS: Final = 2
LONGEST_WAIT: Final = "8s"
"""For the concurrent request with the same key that has not committed yet."""


class KeyReused(InvalidInput):
    """The key was sent with another request before."""


class StillRunning(Conflict):
    """The same request is being processed now."""

    retry_after = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The response of a route: a JSON document, a status, and the location of what was created."""

    body: bytes
    status: int = 200
    location: str | None = None
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class _StoredAnswer:
    request_digest: bytes
    status: int | None
    location: str | None
    body: bytes | None


@dataclass(frozen=True, slots=True)
class _LockTimeout:
    before: str
    now: str


SET_LOCK_TIMEOUT = statement(
    """
    SELECT current_setting('lock_timeout') AS before, set_config('lock_timeout', %(timeout)s, true) AS now
    """,
    _LockTimeout,
    not_null="before now",
)

CLAIM_KEY = statement("""
    INSERT INTO idempotent_answers (tenant_id, key, request_digest, created_at)
    VALUES (%(tenant_id)s, %(key)s, %(digest)s, app_now())
    ON CONFLICT (tenant_id, key) DO NOTHING
""")

FIND = statement(
    """
    SELECT request_digest, status, location, body FROM idempotent_answers
    WHERE tenant_id = %(tenant_id)s AND key = %(key)s
    """,
    _StoredAnswer,
)

KEEP = statement("""
    UPDATE idempotent_answers SET status = %(status)s, location = %(location)s, body = %(body)s
    WHERE tenant_id = %(tenant_id)s AND key = %(key)s
""")

PRUNE = statement("""
    DELETE FROM idempotent_answers
    WHERE (tenant_id, key) IN (
        SELECT tenant_id, key FROM idempotent_answers
        WHERE created_at < app_now() - make_interval(days => %(days)s)
        ORDER BY created_at LIMIT %(batch)s)
""")

Work = Callable[[Transaction], Awaitable[Answer]]


def answer(document: BaseModel | dict[str, Any], *, status: int = 200, location: str | None = None) -> Answer:
    if isinstance(document, BaseModel):
        return Answer(document.model_dump_json().encode(), status, location)
    return Answer(orjson.dumps(document), status, location)


async def once(
    request: Request, database: Database, user_id: ExternalUserId, work: Work, *, claim: Claim | None = None
) -> Response:
    """Do the work in one transaction, at most once for the Idempotency-Key of the request.

    The transaction has the user's claim, where no other is given. Raises KeyReused, StillRunning,
    InvalidInput for a key that is none.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return respond(await in_transaction(database, claim or Tenant(user_id), work))
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidInput(f"An {HEADER} has 1 to {LONGEST_KEY} plain characters.")
    digest = await _digest(request)

    async def transaction(tx: Transaction) -> Answer:
        if not await _claim_key(tx, user_id, key, digest):
            return await _known(tx, user_id, key, digest)
        done = await work(tx)
        stored = {"status": done.status, "location": done.location, "body": done.body}
        await tx.run(KEEP, tenant_id=user_id, key=key, **stored)
        return done

    try:
        return respond(await in_transaction(database, claim or Tenant(user_id), transaction))
    except psycopg.errors.LockNotAvailable:
        raise StillRunning("The same request is being worked on; ask again in a moment.") from None


def respond(done: Answer) -> Response:
    headers = {} if done.location is None else {"Location": done.location}
    if done.is_replayed:
        headers[REPLAYED] = "true"
    return Response(done.body, done.status, headers, "application/json")


async def prune(tx: Transaction, *, days: int = KEPT_DAYS, batch: int) -> int:
    """Delete responses older than this; how many."""
    return await tx.run(PRUNE, days=days, batch=batch)


async def _claim_key(tx: Transaction, user_id: ExternalUserId, key: str, digest: bytes) -> bool:
    """False: the key is known. Waits for an uncommitted request with the same key."""
    timeout = await tx.only(SET_LOCK_TIMEOUT, timeout=LONGEST_WAIT)
    claimed = await tx.run(CLAIM_KEY, tenant_id=user_id, key=key, digest=digest)
    await tx.only(SET_LOCK_TIMEOUT, timeout=timeout.before)
    return claimed > 0


async def _known(tx: Transaction, user_id: ExternalUserId, key: str, digest: bytes) -> Answer:
    stored = await tx.one(FIND, tenant_id=user_id, key=key)
    if stored is None or stored.status is None:
        raise StillRunning("The same request is being worked on; ask again in a moment.")
    if stored.request_digest != digest:
        raise KeyReused(f"This {HEADER} was given with another request before; each request wants its own.")
    return Answer(stored.body or b"", stored.status, stored.location, is_replayed=True)


async def _digest(request: Request) -> bytes:
    parts = (request.method.encode(), request.url.path.encode(), await request.body())
    return hashlib.sha256(b"\0".join(parts)).digest()
