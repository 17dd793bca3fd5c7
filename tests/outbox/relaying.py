"""Channels whose senders a test plays, and a relay beside the block."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import OutboxStatus
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.outbox import channels
from tastemaker.outbox.channels import Channel, Guarantee, OutboxId, Outcome, OutgoingMessage, Sent
from tastemaker.outbox.relay import RelaySettings, run_relay
from tastemaker.outbox.service import put

QUICK = RelaySettings(poll=0.05, grace=0.2, stop_within=0.5, settle_within=5.0)

told: list[tuple[str, OutboxStatus]] = []


async def _hear(tx: Transaction, message: OutgoingMessage, status: OutboxStatus) -> None:
    told.append((message.dedupe_key, status))


def _channel(name: str, guarantee: Guarantee, **options: Any) -> Channel:  # noqa: ANN401 - as the class takes
    return channels.declare(
        Channel(name=name, guarantee=guarantee, meaning="A test's.", settled=_hear, **options)
    )


ONCE = _channel("test_once", Guarantee.AT_MOST_ONCE, deadline=1.0, max_attempts=3)
AGAIN = _channel("test_again", Guarantee.AT_LEAST_ONCE, deadline=1.0, max_attempts=3)


class Postman:
    """Takes what it is given, and answers as told; then as told last."""

    def __init__(self, *answers: Outcome | Exception | Callable[[], Awaitable[Outcome]]) -> None:
        self.taken: list[OutgoingMessage] = []
        self._answers = list(answers) or [Sent("x")]

    async def __call__(self, message: OutgoingMessage) -> Outcome:
        self.taken.append(message)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return await answer() if callable(answer) else answer

    @property
    def keys(self) -> list[str]:
        return [message.dedupe_key for message in self.taken]


async def put_keys(database: Database, channel: Channel, keys: Sequence[str]) -> list[OutboxId | None]:
    async with transaction(database, SYSTEM) as tx:
        return [await put(tx, channel=channel, body={"key": key}, dedupe_key=key) for key in keys]


async def column(database: Database, name: str) -> list[Any]:
    async with transaction(database, SYSTEM) as tx:
        asked = statement(f"SELECT {name} FROM outbox_messages ORDER BY id", object)  # noqa: S608 - a literal of the tests
        return await tx.many(asked)


async def until(database: Database, status: str, count: int, *, within: float = 20) -> None:
    async with asyncio.timeout(within):
        while (await column(database, "status")).count(status) < count:
            await asyncio.sleep(0.02)


async def make_due(database: Database) -> None:
    """Do not wait for what a message waits for."""
    async with transaction(database, SYSTEM) as tx:
        await tx.run(
            statement("UPDATE outbox_messages SET available_at = app_now() - interval '1 second',"
                 " lease_until = lease_until - interval '1 hour'")
        )  # fmt: skip


@asynccontextmanager
async def relaying(
    database: Database, channel: Channel, sender: Postman, *, settings: RelaySettings = QUICK
) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(run_relay(database, {channel: sender}, stopping=stopping, settings=settings))
    try:
        yield
    finally:
        stopping.set()
        await task
