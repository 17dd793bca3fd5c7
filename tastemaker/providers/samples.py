"""The beginning of an answer that could not be understood, kept a few days for the developer of the adapter.

Providers answer with people's data: no more than 4 kB of it stays, without keys and addresses, and of a storm
only the first few.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from tastemaker.core.logging import get_logger
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import DATABASE_TROUBLE, Transaction, in_transaction
from tastemaker.events.redaction import REDACTED, redacted_text
from tastemaker.providers.base import ErrorKind, ProviderError
from tastemaker.providers.http import ReceivedBody, receiving

MOST_BYTES: Final = 4_096
KEPT_DAYS: Final = 7
MOST_AN_HOUR: Final = 20
"""Of one provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    id: UUID
    provider: str
    operation: str
    http_status: int
    content_type: str | None
    said: str
    bytes_read: int
    beginning: str
    taken_at: datetime


KEEP = statement(
    """
    INSERT INTO provider_samples (provider, operation, http_status, content_type, said, bytes_read, beginning,
                                  taken_at, expires_at)
    SELECT CAST(%(provider)s AS varchar), %(operation)s, %(status)s, CAST(%(content_type)s AS varchar),
           %(said)s, %(bytes_read)s, %(beginning)s, app_now(), app_now() + make_interval(days => %(days)s)
    WHERE (SELECT count(*) FROM provider_samples
           WHERE provider = CAST(%(provider)s AS varchar)
             AND taken_at > app_now() - interval '1 hour') < %(most)s
    RETURNING id
""",
    UUID,
)

FORGET = statement(
    """
    WITH gone AS (DELETE FROM provider_samples WHERE expires_at <= app_now() RETURNING 1)
    SELECT count(*) FROM gone
""",
    int,
    not_null="count",
)

LIST = statement(
    """
    SELECT id, provider, operation, http_status, content_type, said, bytes_read, beginning, taken_at
    FROM provider_samples
    WHERE (CAST(%(provider)s AS text) IS NULL OR provider = %(provider)s)
    ORDER BY taken_at DESC, id
    LIMIT %(limit)s
""",
    Sample,
)

_LAST_WORD: Final = re.compile(r"[^\s\"'<>,;:]{1,300}\Z")

Told = TypeVar("Told")

log = get_logger(__name__)


async def sampled(
    database: Database, provider: str, operation: str, ask: Callable[[], Awaitable[Told]]
) -> Told:
    """What `ask` tells. Where that could not be understood a sample is kept, and the error says which."""
    with receiving() as receiver:
        try:
            return await ask()
        except ProviderError as error:
            if error.kind is ErrorKind.GARBAGE and receiver.last is not None:
                keep = partial(
                    _keep, provider=provider, operation=operation, said=str(error), received=receiver.last
                )
                error.sample_id = await _kept(database, keep)
            raise


async def forget_samples(tx: Transaction) -> int:
    """How many have been there long enough, and are gone."""
    return await tx.only(FORGET)


async def list_samples(tx: Transaction, *, provider: str | None, limit: int) -> list[Sample]:
    """The newest first. Needs the system's claim."""
    return await tx.many(LIST, provider=provider, limit=limit)


def presentable(received: ReceivedBody) -> str:
    """Text of `MOST_BYTES` at most in UTF-8, without the request's keys and without addresses."""
    told = received.beginning.decode(errors="replace")
    if received.bytes_read > len(received.beginning):
        told = _LAST_WORD.sub("", told)  # of an address that is cut nobody sees that it is one
    for secret in sorted(received.secrets, key=len, reverse=True):
        told = _without_a_part(told.replace(secret, REDACTED), secret)
    return redacted_text(told).encode()[:MOST_BYTES].decode(errors="ignore")


def _without_a_part(told: str, secret: str) -> str:
    """A text that ends amid the secret ends before it."""
    longest = next((n for n in range(len(secret) - 1, 0, -1) if told.endswith(secret[:n])), 0)
    return told[: len(told) - longest]


async def _kept(database: Database, keep: Callable[[Transaction], Awaitable[UUID | None]]) -> UUID | None:
    """A sample is never worth the failure that it is about."""
    try:
        return await in_transaction(database, SYSTEM, keep)
    except DATABASE_TROUBLE as error:
        log.warning("no sample of an answer could be kept: %s", type(error).__name__)
        return None


async def _keep(
    tx: Transaction, *, provider: str, operation: str, said: str, received: ReceivedBody
) -> UUID | None:
    content_type = received.content_type
    return await tx.one(
        KEEP,
        provider=provider,
        operation=operation,
        status=received.status,
        content_type=None if content_type is None else redacted_text(content_type)[:200],
        said=said[:500],
        bytes_read=received.bytes_read,
        beginning=presentable(received),
        days=KEPT_DAYS,
        most=MOST_AN_HOUR,
    )
