"""A request that comes twice has one effect and one answer.

An Idempotency-Key's row is the first thing that the request's transaction writes, the answer the last. Of
two that come at once the second waits on the first one's row; then it gets the same answer, or takes its turn
where the first was rolled back. A refusal is not kept: it changed nothing, and the next try may pass.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.errors import Conflict, InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import Database, in_transaction
from tastemaker.web import idempotency_queries as queries

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


Work = Callable[[AsyncSession], Awaitable[Answer]]


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

    async def transaction(session: AsyncSession) -> Answer:
        if not await queries.claim(session, user_id, key, digest):
            return await _known(session, user_id, key, digest)
        done = await work(session)
        await queries.keep(session, user_id, key, done.status, done.location, done.body)
        return done

    try:
        return respond(await in_transaction(database, Tenant(user_id), transaction))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        raise StillRunning("The same request is being worked on; ask again in a moment.") from None


def respond(done: Answer) -> Response:
    headers = {} if done.location is None else {"Location": done.location}
    if done.is_replayed:
        headers[REPLAYED] = "true"
    return Response(done.body, done.status, headers, "application/json")


async def _known(session: AsyncSession, user_id: ExternalUserId, key: str, digest: bytes) -> Answer:
    stored = await queries.find(session, user_id, key)
    if stored is None or stored.status is None:
        raise StillRunning("The same request is being worked on; ask again in a moment.")
    if stored.request_digest != digest:
        raise KeyReused(f"This {HEADER} was given with another request before; each request wants its own.")
    return Answer(stored.body or b"", stored.status, stored.location, is_replayed=True)


async def _digest(request: Request) -> bytes:
    parts = (request.method.encode(), request.url.path.encode(), await request.body())
    return hashlib.sha256(b"\0".join(parts)).digest()
